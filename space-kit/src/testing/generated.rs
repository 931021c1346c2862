//! The files of a backend that follow from its tables: `openapi.json`, `.env.example` and the manual's table of
//! variables.

use std::fs;
use std::path::Path;

use super::documents::{assert_contract_fits, example_file, table};
use crate::openapi::document::document;
use crate::openapi::operation::Operation;
use crate::service::description::Service;

/// Fails unless the files in the backend's folder are what [`write_generated`] writes, the document has every route of
/// the service, the tables of `README.md` have the same routes, and no two routes are one.
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
    let routes: Vec<_> = service.routes().map(|route| (route.method.as_str(), route.path)).collect();
    let manual = fs::read_to_string(Path::new(folder).join("README.md")).unwrap_or_default();
    let own = operations.iter().map(|own| (own.method.as_str(), own.path));
    if let Some(mistake) = ambiguity(&routes).or_else(|| difference(&manual, &routes, own)) {
        panic!("{mistake}");
    }
}

/// A path without a slash at its begin, or one that a method has twice, by whatever names of placeholders.
fn ambiguity(routes: &[(&str, &str)]) -> Option<String> {
    let place = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    let shape = |path: &str| path.split('/').map(place).collect::<Vec<_>>();
    routes.iter().enumerate().find_map(|(at, (method, path))| {
        if !path.starts_with('/') {
            return Some(format!("{method} {path}: a path begins with a slash"));
        }
        let is_same = |(other, known): &&(&str, &str)| other == method && shape(known) == shape(path);
        let (_, known) = routes.iter().take(at).find(is_same)?;
        Some(format!("{method} {path} and {method} {known} are the same route"))
    })
}

/// How the manual's tables differ from the routes: one of `own` that is in none, or a row in code font, such as
/// `` `GET /notes?limit=5` ``, that is no route.
fn difference<'a>(
    manual: &str,
    routes: &[(&str, &str)],
    mut own: impl Iterator<Item = (&'a str, &'a str)>,
) -> Option<String> {
    let rows = manual.lines().filter(|line| line.starts_with("| `"));
    let code = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let listed: Vec<(&str, &str)> = code
        .filter_map(|code| code.split_once(' '))
        .filter(|(_, path)| path.starts_with('/'))
        .map(|(method, path)| (method, path.split_once('?').map_or(path, |(path, _)| path)))
        .collect();
    let extra = listed.iter().find(|row| !routes.contains(row));
    let missing = own.find(|own| !listed.contains(own));
    extra
        .map(|(method, path)| format!("README.md: `{method} {path}` is no route of the service"))
        .or(missing.map(|(method, path)| format!("README.md: no table has `{method} {path}`")))
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
    use super::{ambiguity, difference, with_table};

    #[test]
    fn two_rows_of_one_route_and_a_path_without_a_slash_are_found() {
        let good =
            [("GET", "/polls"), ("POST", "/polls"), ("GET", "/polls/{id}"), ("GET", "/polls/{id}/{part}")];
        assert_eq!(ambiguity(&good), None);
        let twice = [good.as_slice(), &[("GET", "/polls/{poll}")]].concat();
        assert_eq!(
            ambiguity(&twice).as_deref(),
            Some("GET /polls/{poll} and GET /polls/{id} are the same route")
        );
        assert_eq!(ambiguity(&[("GET", "other")]).as_deref(), Some("GET other: a path begins with a slash"));
    }

    #[test]
    fn the_manual_has_the_routes_and_no_others() {
        let manual =
            "`GET /text`\n| `GET /notes?limit=5`, `GET /health` | notes |\n| `POST /notes` | `{}` |\n";
        let routes = [("GET", "/notes"), ("POST", "/notes"), ("GET", "/health"), ("GET", "/metrics")];
        let found = |routes: &[(&'static str, &'static str)], own: usize| {
            difference(manual, routes, routes.iter().copied().take(own))
        };
        assert_eq!(found(&routes, 2), None);
        assert_eq!(found(&routes, 4), Some("README.md: no table has `GET /metrics`".to_owned()));
        assert_eq!(
            found(&routes[..2], 2),
            Some("README.md: `GET /health` is no route of the service".to_owned())
        );
    }

    #[test]
    fn only_the_table_of_variables_is_replaced() {
        let (old, new) =
            ("| v | d |\n|---|---|\n| A | 1 |\n", "| v | d |\n|---|---|\n| B | 2 |\n| C | 3 |\n");
        let around = |table: &str| format!("# a\n\n| path |\n|---|\n| / |\n\n{table}\nend\n");
        assert_eq!(with_table(&around(old), new), around(new));
        assert_eq!(with_table(&format!("a\n{old}"), new), format!("a\n{new}"));
    }
}
