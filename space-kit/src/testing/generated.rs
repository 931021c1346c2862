//! The files of a backend that follow from its tables: `openapi.json`, `.env.example` and the manual's table of
//! variables.

use std::fs;
use std::path::Path;

use super::documents::{assert_contract_fits, example_file, table};
use crate::openapi::document::document;
use crate::openapi::operation::Operation;
use crate::service::description::Service;

/// Fails unless the files in the backend's folder are what [`write_generated`] writes, and the document has every route
/// of the service.
pub fn assert_generated<S: Send + Sync + 'static>(
    service: &Service<S>,
    operations: &[Operation],
    folder: &str,
) {
    for (name, text) in generated(service, operations, folder) {
        let there = fs::read_to_string(Path::new(folder).join(name)).unwrap_or_default();
        assert!(
            there == text,
            "{name} is out of date; run cargo test -p {} -- --ignored write_generated",
            service.name
        );
    }
    assert_contract_fits(service);
}

/// Writes `openapi.json`, `.env.example` and, in `README.md`, the table of variables.
pub fn write_generated<S: Send + Sync + 'static>(
    service: &Service<S>,
    operations: &[Operation],
    folder: &str,
) {
    for (name, text) in generated(service, operations, folder) {
        fs::write(Path::new(folder).join(name), text).expect("the file can be written");
    }
}

fn generated<S: Send + Sync + 'static>(
    service: &Service<S>,
    operations: &[Operation],
    folder: &str,
) -> [(&'static str, String); 3] {
    let manual =
        fs::read_to_string(Path::new(folder).join("README.md")).expect("the backend has a README.md");
    [
        ("openapi.json", document(service, operations)),
        (".env.example", example_file(service)),
        ("README.md", with_table(&manual, &table(service))),
    ]
}

/// The manual with another table of variables: the one that has the same first line.
fn with_table(manual: &str, table: &str) -> String {
    let head = table.lines().next().unwrap_or_default();
    let start = manual.find(head).unwrap_or_else(|| panic!("README.md has no line {head}"));
    let length: usize =
        manual[start..].split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    [&manual[..start], table, &manual[start + length..]].concat()
}

#[cfg(test)]
mod tests {
    use super::with_table;

    #[test]
    fn only_the_table_of_variables_is_replaced() {
        let (old, new) =
            ("| v | d |\n|---|---|\n| A | 1 |\n", "| v | d |\n|---|---|\n| B | 2 |\n| C | 3 |\n");
        let around = |table: &str| format!("# a\n\n| path |\n|---|\n| / |\n\n{table}\nend\n");
        assert_eq!(with_table(&around(old), new), around(new));
        assert_eq!(with_table(&format!("a\n{old}"), new), format!("a\n{new}"));
    }
}
