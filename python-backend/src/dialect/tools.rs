//! The names of tools. Chat completions know only functions with names of up to 64 letters, digits, `_` and `-`, so
//! the functions of a namespace get flat names, and a call gets the original name back.

use std::fmt::Write;

/// The longest name of a function.
const MAX_NAME: usize = 64;

/// A tool of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToolName {
    /// The function's name at the upstream.
    flat: String,
    /// The name in the request, as a JSON string without quotes.
    pub(super) name: String,
    /// The namespace in the request, in the same form, or "".
    pub(super) namespace: String,
    /// A free-form tool: the text is the member `input` of its arguments at the upstream.
    pub(super) is_custom: bool,
}

/// The tools of a request.
#[derive(Debug, Default)]
pub(super) struct ToolNames(Vec<ToolName>);

impl ToolNames {
    /// Adds a tool and returns its flat name.
    pub(super) fn add(&mut self, namespace: &str, name: &str, is_custom: bool) -> String {
        let base = flat(namespace, name);
        let mut unique = base.clone();
        let mut number = self.0.len().wrapping_add(1);
        while self.0.iter().any(|tool| tool.flat == unique) {
            let end = format!("_{number}");
            unique = base.chars().take(MAX_NAME.saturating_sub(end.len())).collect();
            unique.push_str(&end);
            number = number.wrapping_add(1);
        }
        let (name, namespace) = (name.to_owned(), namespace.to_owned());
        self.0.push(ToolName { flat: unique.clone(), name, namespace, is_custom });
        unique
    }

    /// The flat name of a tool that an earlier call or a choice names. It need not be one of the tools any more.
    pub(super) fn flat(&self, namespace: &str, name: &str) -> String {
        let known = self.0.iter().find(|tool| tool.name == name && tool.namespace == namespace);
        known.map_or_else(|| flat(namespace, name), |tool| tool.flat.clone())
    }

    /// The tool with this flat name.
    pub(super) fn original(&self, flat: &str) -> Option<&ToolName> {
        self.0.iter().find(|tool| tool.flat == flat)
    }

    /// How many tools there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

fn flat(namespace: &str, name: &str) -> String {
    let mut whole = String::new();
    _ = match namespace {
        "" => whole.write_str(name),
        _ => write!(whole, "{namespace}__{name}"),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    whole.chars().take(MAX_NAME).map(|c| if fits(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_flat_name_is_unique_and_finds_the_tool() {
        let mut tools = ToolNames::default();
        assert_eq!(tools.add("", "shell", false), "shell");
        assert_eq!(tools.add("mcp__files", "read", false), "mcp__files__read");
        assert_eq!(tools.add("", "mcp__files__read", true), "mcp__files__read_3");
        assert_eq!(tools.flat("mcp__files", "read"), "mcp__files__read");
        assert_eq!(tools.flat("", "gone.tool"), "gone_tool");
        let tool = tools.original("mcp__files__read_3").unwrap();
        assert_eq!((tool.name.as_str(), tool.is_custom), ("mcp__files__read", true));
    }

    proptest! {
        #[test]
        fn any_names_become_unique_names_that_every_api_accepts(
            names in prop::collection::vec(("[a-zé.]{0,3}", "[a-z_ 日-]{0,80}"), 0..20),
        ) {
            let mut tools = ToolNames::default();
            let flat: Vec<String> = names.iter().map(|(space, name)| tools.add(space, name, false)).collect();
            for (at, one) in flat.iter().enumerate() {
                prop_assert!(one.len() <= MAX_NAME && !flat[..at].contains(one));
                prop_assert!(one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
                prop_assert_eq!(&tools.original(one).unwrap().name, &names[at].1);
            }
        }
    }
}
