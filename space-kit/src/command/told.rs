//! What `check` prints and a start logs: notices, what is missing, and names that look like ours.

use std::borrow::Cow;
use std::ffi::OsStr;

use crate::service::description::Service;
use crate::settings::env::Var;
use crate::settings::env_file::Values;
use crate::settings::suggest::is_slip_of;

/// What a start tells the operator once the clients that waited for it are served. If it cannot start, only
/// [`Told::unknown_names`] is told.
pub(super) struct Told<'a> {
    pub(super) notices: Vec<Cow<'static, str>>,
    /// The environment, and what `--env-file` adds.
    pub(super) process: &'a [(&'a OsStr, &'a OsStr)],
    pub(super) file: Values,
}

impl Told<'_> {
    /// Tells the notices, what is missing, and the names that may be misspelled.
    pub(super) fn all<S: Send + Sync>(
        &self,
        service: &'static Service<S>,
        state: &S,
        tell: &mut dyn FnMut(&str),
    ) {
        self.notices.iter().for_each(|notice| tell(notice));
        (service.degraded)(state).into_iter().for_each(&mut *tell);
        self.unknown_names(service, tell);
    }

    /// Tells of each variable that is none of ours and looks like one. A variable that is set itself is not suggested.
    pub(super) fn unknown_names<S: Send + Sync>(
        &self,
        service: &'static Service<S>,
        tell: &mut dyn FnMut(&str),
    ) {
        let mut known: Vec<&Var> = service.kit_vars().collect();
        for (_, vars) in service.vars {
            known.extend(*vars);
        }
        let mut set: Vec<&str> = self.file.keys().map(String::as_str).collect();
        set.extend(self.process.iter().filter_map(|(name, _)| name.to_str()));
        for name in set.iter().filter(|name| !known.iter().any(|var| var.name == **name)) {
            if let Some(ours) = meant(name, &known, service.other_names).filter(|ours| !set.contains(ours)) {
                tell(&format!("{name} is unknown; did you mean {ours}?"));
            }
        }
    }
}

/// A shorter name of ours may be the end of many names.
const SHORTEST_END: usize = "AUTH_URL".len();

/// The variable that a name looks like: misspelled, with a word before it, or another program's name for the same.
fn meant<'a>(name: &str, known: &[&'a Var], others: &'a str) -> Option<&'a str> {
    for pair in others.split(' ') {
        if let Some(ours) = pair.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
            return Some(ours);
        }
    }
    let is_like = |ours: &&str| is_slip_of(name, ours) || ours.len() >= SHORTEST_END && name.ends_with(*ours);
    known.iter().map(|var| var.name).find(is_like)
}
