//! Named schemas of a document.

use serde_json::{Map, Value, json};

/// Moves each schema with a `title` to `named`, and leaves a reference to it. The title is its name.
pub(super) fn hoist(value: &mut Value, named: &mut Map<String, Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| hoist(item, named)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| hoist(member, named));
            let is_schema = members.get("type").is_some_and(|kind| kind == "object");
            let Some(title) = members.get("title").and_then(Value::as_str).filter(|_| is_schema) else {
                return;
            };
            let (title, mut schema) = (title.to_owned(), members.clone());
            schema.remove("title");
            *value = json!({"$ref": format!("#/components/schemas/{title}")});
            if let Some(other) = named.insert(title.clone(), Value::Object(schema.clone())) {
                assert_eq!(other, Value::Object(schema), "two types of the document are called {title}");
            }
        }
        _ => {}
    }
}
