//! Environment variables: a table describes them, and each is read once through a lookup. All problems are collected.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;

use crate::settings::secret;

/// Returns a variable's value by name, from the environment or the file of `--env-file`; tests pass a map.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// One environment variable. The parser, its error message and `--help` all use this row.
#[derive(Debug)]
pub struct Var {
    /// The name, such as `PORT`.
    pub name: &'static str,
    /// The default as `--help` shows it. [`Env::read`] parses it when the variable is unset.
    pub default: &'static str,
    /// What is accepted, as a noun phrase: "a port from 0 to 65535".
    pub accepts: &'static str,
    /// What the variable does, in one line.
    pub meaning: &'static str,
    /// Whether the value is a secret, which no message repeats.
    pub secret: bool,
}

/// Defines a static [`Var`] for each row, and a list of all of them in the order of `--help`:
///
/// ```
/// space_kit::vars! {
///     ALL;
///     PORT = "7860", "a port from 0 to 65535", "port to listen on";
///     API_KEY (secret) = "", "20 visible ASCII characters or more", "key that opens the service";
/// }
/// assert_eq!((PORT.name, API_KEY.secret, ALL.len()), ("PORT", true, 2));
/// ```
#[macro_export]
macro_rules! vars {
    ($all_vis:vis $all:ident; $(
        $(#[$doc:meta])* $vis:vis $name:ident $(($secret:ident))? = $default:literal, $accepts:literal, $meaning:literal;
    )*) => {
        $($(#[$doc])* $vis static $name: $crate::Var = $crate::Var {
            name: stringify!($name), default: $default, accepts: $accepts, meaning: $meaning,
            secret: $crate::vars!(@ $($secret)?),
        };)*
        /// All of them, in the order of `--help`.
        $all_vis static $all: &[&$crate::Var] = &[$(&$name),*];
    };
    (@) => { false };
    (@ secret) => { true };
}

impl Var {
    /// The default, unless `defaults` has another one.
    pub fn default_in(&self, defaults: Defaults) -> &'static str {
        defaults.iter().find(|(name, _)| *name == self.name).map_or(self.default, |(_, default)| default)
    }
}

/// A variable whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The variable's name.
    pub name: &'static str,
    /// The given value, unless it is a secret, and what is accepted.
    pub message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// Reads variables and collects their problems, so that all are reported together.
pub struct Env<'a> {
    lookup: &'a Lookup<'a>,
    defaults: Defaults,
    problems: Vec<SettingError>,
    notices: Vec<Cow<'static, str>>,
    /// What the settings mean. `None`: it is not asked for.
    explanation: Option<String>,
}

/// Defaults that replace those of the table, by name.
pub type Defaults = &'static [(&'static str, &'static str)];

/// Variables in groups, each with its title in `--help`.
pub type Groups = &'static [(&'static str, &'static [&'static Var])];

impl<'a> Env<'a> {
    /// A reader over `lookup`; `defaults` take precedence over those of the variables' rows.
    pub fn new(lookup: &'a Lookup<'a>, defaults: Defaults) -> Self {
        Env { lookup, defaults, problems: Vec::new(), notices: Vec::new(), explanation: None }
    }

    /// Collects what the settings mean, for `check`.
    pub fn explaining(self) -> Self {
        Env { explanation: Some(String::new()), ..self }
    }

    /// The value of `var`, or of its default if it is unset or empty.
    /// `None` means that a problem was recorded.
    pub fn read<T>(&mut self, var: &'static Var, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.value(var, &parse, true).flatten()
    }

    /// The value of `var`, or `Some(None)` if it is unset or empty.
    /// `None` means that a problem was recorded.
    pub fn optional<T>(&mut self, var: &'static Var, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        self.value(var, &parse, false)
    }

    /// Implements both of the above. Not inlined, so that there is one copy per type of value instead of one per call.
    #[inline(never)]
    fn value<T>(
        &mut self,
        var: &'static Var,
        parse: &dyn Fn(&str) -> Option<T>,
        with_default: bool,
    ) -> Option<Option<T>> {
        let text = match self.text(var)? {
            Some(text) => Cow::from(text),
            None if with_default => Cow::from(var.default_in(self.defaults)),
            None => return Some(None),
        };
        let value = parse(text.trim());
        if value.is_none() {
            self.reject(var, &text);
        }
        value.map(Some)
    }

    /// The value as text. Not generic, so that there is one copy for all types of values.
    #[inline(never)]
    fn text(&mut self, var: &'static Var) -> Option<Option<String>> {
        let Some(raw) = (self.lookup)(var.name).filter(|raw| !raw.is_empty()) else { return Some(None) };
        let text = raw.into_string().ok();
        if text.is_none() {
            self.problem(var, format!("is not UTF-8; accepted: {}", var.accepts));
        }
        if let Some(mistake) = text.as_deref().filter(|_| var.secret).and_then(secret::mistake) {
            self.problem(var, mistake.to_owned());
            return None;
        }
        text.map(Some)
    }

    /// Whether a variable that the platform sets, such as `SPACE_ID`, is present.
    pub fn is_set(&self, name: &str) -> bool {
        (self.lookup)(name).is_some_and(|value| !value.is_empty())
    }

    /// Records a problem that the parser of a single value cannot detect, such as two variables that contradict each other.
    pub fn problem(&mut self, var: &'static Var, message: String) {
        self.problems.push(SettingError { name: var.name, message });
    }

    /// Records what an operator should know of usable settings. `check` prints it, and a start logs it after its first
    /// responses.
    pub fn notice(&mut self, text: impl Into<Cow<'static, str>>) {
        self.notices.push(text.into());
    }

    /// What [`Env::notice`] recorded.
    pub fn take_notices(&mut self) -> Vec<Cow<'static, str>> {
        std::mem::take(&mut self.notices)
    }

    /// Adds a line that `check` prints: what settings mean together. A start does not make the line.
    pub fn explain(&mut self, line: impl FnOnce() -> String) {
        if let Some(explanation) = &mut self.explanation {
            explanation.extend(["  ", &line(), "\n"]);
        }
    }

    /// The lines of [`Env::explain`].
    pub fn take_explanation(&mut self) -> String {
        self.explanation.take().unwrap_or_default()
    }

    /// All problems, in the order in which they were found.
    pub fn into_problems(self) -> Vec<SettingError> {
        self.problems
    }

    #[inline(never)]
    fn reject(&mut self, var: &'static Var, text: &str) {
        let given = match var.secret {
            true => format!("the value given ({} characters, not shown)", text.chars().count()),
            false => format!("{text:?}"),
        };
        self.problem(var, format!("{given} is not accepted; accepted: {}", var.accepts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PORT: Var = Var { name: "PORT", default: "7860", accepts: "a port", meaning: "", secret: false };
    static TOKEN: Var =
        Var { name: "TOKEN", default: "", accepts: "16 characters", meaning: "", secret: true };

    fn port(text: &str) -> Option<u16> {
        text.parse().ok()
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        let lookup = |_: &str| Some(OsString::new());
        let mut env = Env::new(&lookup, &[]);
        assert_eq!(env.read(&PORT, port), Some(7860));
        assert_eq!(env.optional(&PORT, port), Some(None));
        assert!(env.into_problems().is_empty());
    }

    #[test]
    fn an_explanation_is_made_only_if_it_is_asked_for() {
        let lookup = |_: &str| None;
        let mut env = Env::new(&lookup, &[]);
        env.explain(|| panic!("a start needs no explanation"));
        assert_eq!(env.take_explanation(), "");
        let mut env = env.explaining();
        env.explain(|| "one".to_owned());
        env.explain(|| "two".to_owned());
        assert_eq!(env.take_explanation(), "  one\n  two\n");
    }

    #[test]
    fn every_problem_names_the_given_value_and_what_is_accepted() {
        let lookup = |_: &str| Some(OsString::from("hunter2"));
        let mut env = Env::new(&lookup, &[]);
        assert_eq!(env.read(&PORT, port), None);
        assert_eq!(env.optional(&TOKEN, |_| None::<()>), None);
        let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "PORT: \"hunter2\" is not accepted; accepted: a port",
                "TOKEN: the value given (7 characters, not shown) is not accepted; accepted: 16 characters",
            ]
        );
    }
}
