//! A service made of the macros: what it serves, and what its document says.
#![allow(clippy::unused_async)] // a handler is async

use serde_json::{Value, json};

use crate::openapi::document::document;
use crate::prelude::*;
use crate::testing::{Process, own_service};

crate::types! {
    /// What is ordered.
    struct Order { name: Text<1, 9>, count: Option<u8>, items: Vec<Item> }
    struct Item { r#type: String }
    struct Page { limit: Option<Number<1, 3>>, tag: Vec<String> }
}

crate::state! {
    VARS: State;
    key: Option<String> = ORDER_KEY (secret), "", "16 visible ASCII characters or more", "key of an order", parse::token;
    most: usize = MOST, "2", "a whole number above 0", "the most of anything", parse::count;
    name: String => |_: &mut crate::Env<'_>| Some("made".to_owned());
    made: Vec<u8>;
}

crate::routes! {
    ROUTES, OPERATIONS: State;
    GET "/" = links() -> OK Links, "Links";
    GET "/orders" = list(query: Page) -> OK Vec<Value>, "All orders";
    POST "/orders" [key] = create(body: Order) -> CREATED Order, "Creates an order";
    DELETE "/orders/{id}" = delete(id: u32) -> NO_CONTENT NoContent, "Deletes an order";
    GET "/lines/{*rest}" = lines(rest: String) -> OK PlainText, "The parts of a path";
}

static SERVICE: Service<State> = Service {
    name: "described",
    version: "0",
    about: "a service that a test runs",
    vars: &[("orders", VARS)],
    configure: |env, _| State::configure(env),
    routes: ROUTES,
    ..Service::DEFAULT
};

async fn list(call: Call<State>, page: Page) -> Result<Vec<Value>, Error> {
    let state = &call.state;
    Ok(vec![json!([page.limit, page.tag, state.most, state.name, state.made])])
}

async fn create(_: Call<State>, order: Order) -> Result<Order, Error> {
    Ok(order)
}

async fn delete(_: Call<State>, id: u32) -> Result<NoContent, Error> {
    if id == 0 { Err(Error::new(StatusCode::CONFLICT, "kept", "order 0 is kept")) } else { Ok(NoContent) }
}

async fn lines(_: Call<State>, rest: String) -> Result<PlainText, Error> {
    Ok(PlainText::lines(rest.split('/').map(str::to_owned).collect::<Vec<_>>()))
}

#[test]
#[ignore = "the program of the other tests"]
fn serve() {
    own_service::serve(&SERVICE, &[("ORDER_KEY", "correct-horse-battery")]);
}

fn start() -> Process {
    own_service::start("openapi::tests::serve")
}

#[test]
fn a_row_reads_its_inputs_and_responds_with_its_status() {
    let process = start();
    let key = ("authorization", "Bearer correct-horse-battery");
    let order = r#"{"name":"a","count":null,"items":[{"type":"b"}]}"#;
    let reply = process.request("POST", "/orders", &[("content-type", "application/json"), key], order);
    assert_eq!((reply.status, &*reply.text()), (201, order));
    let reply = process.get("/orders?tag=a&limit=3&tag=b");
    assert_eq!((reply.status, &*reply.text()), (200, r#"[[3,["a","b"],2,"made",[]]]"#));
    let reply = process.request("DELETE", "/orders/7", &[], "");
    assert_eq!((reply.status, &*reply.text()), (204, ""));
    assert_eq!(process.request("DELETE", "/orders/0", &[], "").status, 409);
    let reply = process.get("/lines/a/b");
    assert_eq!((&*reply.text(), reply.whole), ("a\nb\n", true));
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(process.get("/").json(), json!({"openapi": "/openapi.json", "health": "/health"}));
}

#[test]
fn a_row_rejects_what_does_not_fit_it() {
    let process = start();
    assert_eq!(process.request("POST", "/orders", &[], "{}").status, 401, "the key comes before the body");
    for (path, param) in [("/orders?tag=a&limit=4", "limit"), ("/orders", "tag")] {
        let reply = process.get(path);
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &param.into()), "{path}");
    }
    assert_eq!(process.request("DELETE", "/orders/x", &[], "").status, 400);
}

#[test]
fn the_document_says_what_the_rows_read_and_return() {
    let text = document(&SERVICE, OPERATIONS);
    let document: Value = serde_json::from_str(&text).unwrap();
    let paths = &document["paths"];
    assert_eq!(
        paths["/orders"]["get"]["parameters"],
        json!([
            {"name": "limit", "in": "query", "required": false,
                "schema": {"type": "integer", "minimum": 1, "maximum": 3}},
            {"name": "tag", "in": "query", "required": true,
                "schema": {"type": "array", "items": {"type": "string"}}},
        ])
    );
    let create = &paths["/orders"]["post"];
    let reference = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}});
    assert_eq!((&create["operationId"], &create["summary"]), (&"create".into(), &"Creates an order".into()));
    assert_eq!(create["requestBody"], json!({"required": true, "content": reference}));
    assert_eq!(create["responses"]["201"], json!({"description": "Created", "content": reference}));
    assert_eq!(create["security"], json!([{}, {"key": []}]));
    assert_eq!(
        document["components"]["schemas"]["Order"],
        json!({"type": "object", "required": ["name", "items"], "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 9},
            "count": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "null"}]},
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        }})
    );
    assert_eq!(document["components"]["schemas"]["Item"]["required"], json!(["type"]));
    let delete = &paths["/orders/{id}"]["delete"];
    assert_eq!(delete["responses"]["204"], json!({"description": "No Content"}));
    assert_eq!(delete["parameters"][0]["in"], "path");
    assert_eq!(
        paths["/lines/{rest}"]["get"]["responses"]["200"]["content"]["text/plain"]["schema"]["type"],
        "string"
    );
    for path in ["/health", "/metrics", "/openapi.json"] {
        assert!(paths[path]["get"].is_object(), "{path}");
    }
}

#[test]
#[should_panic(expected = "each placeholder needs a type")]
fn a_placeholder_without_a_type_is_rejected() {
    crate::routes! {
        UNUSED, WRONG: State;
        GET "/orders/{id}" = links() -> OK Links, "Links";
    }
    assert_eq!(UNUSED.len(), 1);
    document(&SERVICE, WRONG);
}
