//! The OpenAPI document, for tests: a service serves it as a constant.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test helper fails by panicking

use serde_json::{Map, Value, json};

use crate::openapi::hoist::hoist;
use crate::openapi::operation::Operation;
use crate::service::description::Service;

/// The kit's own routes, the form of an error, and the ways to send a key.
const KIT: &str = include_str!("kit.json");

/// The document of a service with these operations, one line for each method of each path.
pub(crate) fn document<S: Send + Sync + 'static>(service: &Service<S>, operations: &[Operation]) -> String {
    let kit: Value = serde_json::from_str(KIT).expect("kit.json is JSON");
    let (mut paths, mut schemas, mut components) = (Map::new(), Map::new(), kit["components"].clone());
    for operation in operations {
        let mut described = describe(operation);
        hoist(&mut described, &mut schemas);
        let item = paths.entry(operation.path.replace("{*", "{")).or_insert_with(|| json!({}));
        item[operation.method.as_str().to_ascii_lowercase()] = described;
    }
    paths.extend(kit["paths"].as_object().expect("kit.json has paths").clone());
    if operations.iter().any(|operation| operation.keyed) {
        components["securitySchemes"]["key"] = json!({"type": "http", "scheme": "bearer"});
    }
    components["schemas"] = Value::Object(schemas);
    let info = json!({"title": service.name, "version": service.version, "description": service.about});
    let paths: Vec<String> =
        paths.iter().map(|(path, item)| format!("{}:{{{}}}", json!(path), methods(item))).collect();
    format!(
        "{{\"openapi\":\"3.1.0\",\"info\":{info},\n\"paths\":{{\n{}\n}},\n\"components\":{components}}}\n",
        paths.join(",\n")
    )
}

fn methods(item: &Value) -> String {
    let members = item.as_object().expect("a path has methods");
    let lines: Vec<String> = members.iter().map(|(method, it)| format!("{}:{it}", json!(method))).collect();
    lines.join(",\n")
}

fn describe(operation: &Operation) -> Value {
    let mut parameters = Vec::new();
    let words =
        operation.id.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let id = words.collect::<Vec<_>>().join("_");
    let mut described = json!({"operationId": id, "summary": operation.summary});
    for (name, schema) in operation.inputs {
        match *name {
            "query" => parameters.extend(query(&schema())),
            "body" => {
                let content = json!({"application/json": {"schema": schema()}});
                described["requestBody"] = json!({"required": true, "content": content});
            }
            name => {
                let there = operation.path.contains(&format!("{{{name}}}"))
                    || operation.path.contains(&format!("{{*{name}}}"));
                assert!(there, "{}: the path has no {{{name}}}", operation.path);
                parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema()}));
            }
        }
    }
    let placeholders = operation.path.matches('{').count();
    let described_ones = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
    assert_eq!(placeholders, described_ones, "{}: each placeholder needs a type", operation.path);
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    if operation.keyed {
        described["security"] = json!([{}, {"key": []}]);
    }
    let reason = operation.status.canonical_reason().unwrap_or("Success");
    let mut success = json!({"description": reason});
    if let Some((media_type, schema)) = (operation.content)() {
        success["content"] = json!({media_type: {"schema": schema}});
    }
    described["responses"] = json!({"default": {"$ref": "#/components/responses/Error"}});
    described["responses"][operation.status.as_str()] = success;
    described
}

/// The parameters of a query: the members of a struct's schema. An absent parameter is no `null`.
fn query(schema: &Value) -> Vec<Value> {
    let properties = schema["properties"].as_object().expect("the type of a query is a struct of types!");
    let required = schema["required"].as_array().expect("a struct's schema lists what is required");
    let parameter = |(name, schema): (&String, &Value)| {
        let required = required.iter().any(|required| required == name);
        let schema = if required { schema } else { &schema["anyOf"][0] };
        json!({"name": name, "in": "query", "required": required, "schema": schema})
    };
    properties.iter().map(parameter).collect()
}
