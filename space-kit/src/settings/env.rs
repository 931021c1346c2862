//! Configuration from the environment: a table of variables, read once through a lookup, every problem kept.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;

/// Gives a variable's value by name, from the environment and the file of `--env-file`; tests pass a map.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// One environment variable. The parser, its error message and `--help` all speak from this row.
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
    /// A secret's value is never repeated in a message.
    pub secret: bool,
}

/// Makes a static [`Var`] of each row, and a list of all in the order of `--help`:
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
    /// The default where `defaults` may have another one.
    pub fn default_in(&self, defaults: Defaults) -> &'static str {
        defaults.iter().find(|(name, _)| *name == self.name).map_or(self.default, |(_, default)| default)
    }
}

/// One variable that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// The variable's name.
    pub name: &'static str,
    /// What was given and what is accepted; for a secret without the value.
    pub message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// Reads variables and collects what is wrong with them, so that all problems are reported together.
pub struct Env<'a> {
    lookup: &'a Lookup<'a>,
    defaults: Defaults,
    problems: Vec<SettingError>,
}

/// Defaults that replace those of the table, by name.
pub type Defaults = &'static [(&'static str, &'static str)];

/// Variables in groups, each with its title in `--help`.
pub type Groups = &'static [(&'static str, &'static [&'static Var])];

impl<'a> Env<'a> {
    /// A reader over `lookup` with no problems yet; `defaults` go before those of the variables' rows.
    pub fn new(lookup: &'a Lookup<'a>, defaults: Defaults) -> Self {
        Env { lookup, defaults, problems: Vec::new() }
    }

    /// The value of `var`, or of its default where it is unset or empty.
    /// `None` means that a problem was recorded.
    pub fn read<T>(&mut self, var: &'static Var, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.value(var, &parse, true).flatten()
    }

    /// The value of `var`, or `Some(None)` where it is unset or empty.
    /// `None` means that a problem was recorded.
    pub fn optional<T>(&mut self, var: &'static Var, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        self.value(var, &parse, false)
    }

    /// Both of the above: a copy for each type of value and not for each place that reads one.
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

    /// The value as text. One copy of it serves every type of value.
    #[inline(never)]
    fn text(&mut self, var: &'static Var) -> Option<Option<String>> {
        let Some(raw) = (self.lookup)(var.name).filter(|raw| !raw.is_empty()) else { return Some(None) };
        let text = raw.into_string().ok();
        if text.is_none() {
            self.problem(var, format!("is not UTF-8; accepted: {}", var.accepts));
        }
        text.map(Some)
    }

    /// Whether a variable that the platform sets is there, such as `SPACE_ID`.
    pub fn is_set(&self, name: &str) -> bool {
        (self.lookup)(name).is_some_and(|value| !value.is_empty())
    }

    /// Records a problem that no single value's parser can see, such as two variables at odds.
    pub fn problem(&mut self, var: &'static Var, message: String) {
        self.problems.push(SettingError { name: var.name, message });
    }

    /// Everything that was wrong, in the order it was read.
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
    fn every_problem_is_kept_and_names_what_was_given_and_what_is_accepted() {
        let lookup = |_: &str| Some(OsString::from("hunter2"));
        let mut env = Env::new(&lookup, &[]);
        assert_eq!(env.read(&PORT, port), None);
        assert_eq!(env.optional(&TOKEN, |_| None::<()>), None);
        let told: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "PORT: \"hunter2\" is not accepted; accepted: a port",
                "TOKEN: the value given (7 characters, not shown) is not accepted; accepted: 16 characters",
            ]
        );
    }
}
