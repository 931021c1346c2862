//! Commands that a service adds to the kit's.

use std::fmt;

use crate::settings::config::Config;
use crate::settings::suggest::is_slip_of;

/// A command of a service: it prints a text that depends on the configuration.
pub struct ServiceCommand<S: 'static> {
    /// The word that selects it.
    pub name: &'static str,
    /// The name with its arguments, and what it does: a line of `--help`.
    pub usage: &'static str,
    /// Returns the text to print, for the arguments after the name.
    ///
    /// # Errors
    ///
    /// If an argument is unknown.
    pub run: fn(&S, &Config, &[String]) -> Result<String, ArgumentError>,
}

/// An argument is not one of the accepted ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentError {
    /// The argument.
    pub argument: String,
    /// What would be accepted.
    pub accepted: Vec<&'static str>,
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ArgumentError { argument, accepted } = self;
        write!(f, "unknown argument {argument:?}; ")?;
        let is_meant = |name: &&&str| is_slip_of(argument, name) || argument.starts_with(**name);
        if let Some(name) = accepted.iter().find(is_meant) {
            write!(f, "did you mean {name}? ")?;
        }
        write!(f, "accepted: {}", accepted.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_or_longer_name_is_suggested() {
        let message = |argument: &str| {
            let accepted = vec!["curl", "claude"];
            ArgumentError { argument: argument.to_owned(), accepted }.to_string()
        };
        assert_eq!(
            message("cluade"),
            "unknown argument \"cluade\"; did you mean claude? accepted: curl, claude"
        );
        assert!(message("claude-code").contains("did you mean claude?"));
        assert_eq!(message("other"), "unknown argument \"other\"; accepted: curl, claude");
    }
}
