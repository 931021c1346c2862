//! For tests of documents: the contract lists exactly the routes, the manual and the example file exactly the
//! variables.

use std::collections::BTreeSet;

use hyper::Method;

use crate::service::description::Service;
use crate::settings::env::Var;

/// Fails unless the OpenAPI document has exactly the routes of the service, method by method. An open row,
/// `/v1/{*path}`, is the path `/v1/{path}` in the document, which may be marked `x-pass-through` instead
/// of listing methods.
pub fn assert_contract_fits<S: Send + Sync + 'static>(service: &Service<S>) {
    let contract: serde_json::Value = serde_json::from_str(service.openapi).expect("the contract is JSON");
    assert_eq!(contract["openapi"], "3.1.0");
    assert_eq!(contract["info"]["version"], service.version);
    assert!(service.openapi.len() <= 24 * 1024, "the contract is embedded: at most 24 KiB");
    let paths = contract["paths"].as_object().expect("the contract has paths");
    let listed: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().into_iter().flatten().map(move |(key, _)| (path, key)))
        .filter(|(_, key)| ["get", "post", "put", "patch", "delete", PASS_THROUGH].contains(&key.as_str()))
        .map(|(path, method)| match method.as_str() {
            PASS_THROUGH => path.clone(),
            method => format!("{} {path}", method.to_uppercase()),
        })
        .collect();
    let served: BTreeSet<String> =
        service.routes().map(|route| row(paths, &route.method, &route.path.replace("{*", "{"))).collect();
    assert_eq!(listed, served, "left: the contract, right: the route table");
}

/// Marks a path whose requests and responses are the upstream's.
const PASS_THROUGH: &str = "x-pass-through";

fn row(paths: &serde_json::Map<String, serde_json::Value>, method: &Method, path: &str) -> String {
    let passes = paths.get(path).is_some_and(|item| item.get(PASS_THROUGH).is_some());
    if passes { path.to_owned() } else { format!("{method} {path}") }
}

/// Fails unless the manual's table of variables and the `.env.example` are what the tables that parse them
/// say. The failure shows the right text.
pub fn assert_documented<S: Send + Sync + 'static>(service: &Service<S>, manual: &str, example: &str) {
    let table = table(service);
    assert!(manual.contains(&table), "the manual lacks this table:\n\n{table}");
    let right = example_file(service);
    assert!(example == right, ".env.example should read:\n\n{right}");
}

fn vars<S: Send + Sync + 'static>(
    service: &Service<S>,
) -> impl Iterator<Item = (&'static Var, &'static str)> {
    let defaults = service.defaults;
    let own = service.vars.iter().flat_map(|(_, vars)| *vars).copied();
    own.chain(service.kit_vars()).map(move |var| (var, var.default_in(defaults)))
}

pub(super) fn table<S: Send + Sync + 'static>(service: &Service<S>) -> String {
    let mut table = "| variable | default | meaning | accepted |\n|---|---|---|---|\n".to_owned();
    for (var, default) in vars(service) {
        let default = if default.is_empty() { "unset" } else { default };
        table += &format!("| `{}` | {default} | {} | {} |\n", var.name, var.meaning, var.accepts);
    }
    table
}

pub(super) fn example_file<S: Send + Sync + 'static>(service: &Service<S>) -> String {
    let mut text = format!(
        "# Every variable of {}. Copy this to .env, set what differs from the default, and start\n\
         # with --env-file .env. On a Space these are Settings > Variables and secrets.\n\
         # An empty value counts as unset.\n",
        service.name
    );
    for (var, default) in vars(service) {
        let default = if default.is_empty() { "unset" } else { default };
        text += &format!(
            "\n# {}\n# default: {default}; accepted: {}\n#{}=\n",
            var.meaning, var.accepts, var.name
        );
    }
    text
}
