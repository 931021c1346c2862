//! What `check` prints and a start logs: notices, what is missing, and names that look like ours.

use std::borrow::Cow;
use std::ffi::OsStr;

use crate::service::description::Service;
use crate::settings::env_file::Values;
use crate::settings::suggest::is_slip_of;

/// What a start tells the operator once the clients that waited for it are served.
pub(super) struct Told<'a> {
    pub(super) notices: Vec<Cow<'static, str>>,
    /// The environment, and what `--env-file` adds.
    pub(super) process: &'a [(&'a OsStr, &'a OsStr)],
    pub(super) file: Values,
}

impl Told<'_> {
    /// The names of all variables that are set.
    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.process.iter().filter_map(|(name, _)| name.to_str()).chain(self.file.keys().map(String::as_str))
    }

    /// The notices, what is missing, and the names that may be misspelled.
    pub(super) fn lines<S: Send + Sync>(&self, service: &'static Service<S>, state: &S) -> Vec<Cow<'_, str>> {
        let notices = self.notices.iter().map(|notice| Cow::from(&**notice));
        let missing = (service.degraded)(state).into_iter().map(Cow::from);
        let unknown = unknown(service, self.names()).into_iter().map(Cow::from);
        notices.chain(missing).chain(unknown).collect()
    }
}

/// A shorter name of ours may be the end of many names.
const SHORTEST_END: usize = "AUTH_URL".len();

/// Sentences about the variables that are none of ours and look like one: misspelled, with a word before it, or another
/// program's name for the same. A variable that is set itself is not suggested.
fn unknown<'a, S: Send + Sync>(
    service: &'static Service<S>,
    set: impl Iterator<Item = &'a str> + Clone,
) -> Vec<String> {
    let known = service.vars.iter().flat_map(|(_, vars)| vars.iter().copied()).chain(service.kit_vars());
    let known: Vec<&str> = known.map(|var| var.name).collect();
    let is_set = |ours: &str| set.clone().any(|set| set == ours);
    let others = || service.other_names.split(' ').filter_map(|pair| pair.split_once('='));
    let meant = |name: &str| {
        let theirs = others().find(|(theirs, _)| *theirs == name).map(|(_, ours)| ours);
        let is_like =
            |ours: &&&str| is_slip_of(name, ours) || ours.len() >= SHORTEST_END && name.ends_with(**ours);
        theirs.or_else(|| known.iter().find(is_like).copied()).filter(|ours| !is_set(ours))
    };
    let unknown = set.clone().filter(|name| !known.contains(name));
    unknown.filter_map(|name| Some(format!("{name} is unknown; did you mean {}?", meant(name)?))).collect()
}
