//! Serves files from a process, over a socket.

use crate::files::file::File;
use crate::files::table::Files;
use crate::service::description::Service;
use crate::service::route::Route;
use crate::testing::{Process, TestResponse, own_service};

static LIST: [File; 4] = [
    File::new("index.html", b"<p>one</p>"),
    File::new("assets/other.txt", b"two"),
    File::new("assets/empty.css", b""),
    File::immutable("assets/app.3f9a.js", b"3"),
];
static FILES: Files = Files::new(&LIST);

static SERVICE: Service<()> = Service {
    name: "files",
    version: "0",
    about: "a service that a test runs",
    configure: |_, _| Some(()),
    routes: &[
        Route::get("/", |call| FILES.respond(&call, "index.html").into()),
        Route::get("/assets/{*name}", |call| FILES.respond(&call, call.head.uri.path()).into()),
    ],
    ..Service::DEFAULT
};

#[test]
#[ignore = "the program of the other tests"]
fn serve() {
    own_service::serve(&SERVICE, &[]);
}

fn start() -> Process {
    own_service::start("files::tests::serve")
}

fn has_header(reply: &TestResponse, name: &str) -> bool {
    reply.headers.iter().any(|(have, _)| have == name)
}

#[test]
fn a_file_has_its_type_a_tag_and_how_long_caches_may_keep_it() {
    let process = start();
    for (path, body, media_type, cache) in [
        ("/", "<p>one</p>", "text/html; charset=utf-8", "no-cache"),
        ("/assets/other.txt", "two", "text/plain; charset=utf-8", "no-cache"),
        ("/assets/empty.css", "", "text/css; charset=utf-8", "no-cache"),
        ("/assets/app.3f9a.js", "3", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
    ] {
        let reply = process.get(path);
        assert_eq!((reply.status, &*reply.text(), reply.whole), (200, body, true), "{path}");
        assert_eq!(
            (reply.header("content-type"), reply.header("cache-control")),
            (media_type, cache),
            "{path}"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        let tag = reply.header("etag");
        assert_eq!((tag.len(), &tag[..1], &tag[17..]), (18, "\"", "\""), "{path}");
        assert_eq!(process.get(path).header("etag"), tag, "{path}");
    }
    assert_ne!(process.get("/").header("etag"), process.get("/assets/other.txt").header("etag"));
}

#[test]
fn a_client_that_has_the_file_gets_a_304_with_the_same_tag_and_no_body() {
    let process = start();
    let first = process.get("/");
    let tag = first.header("etag").to_owned();
    for method in ["GET", "HEAD"] {
        for field in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let reply = process.request(method, "/", &[("if-none-match", &field)], "");
            assert_eq!((reply.status, &*reply.text()), (304, ""), "{method} {field}");
            assert_eq!((reply.header("etag"), reply.header("cache-control")), (&*tag, "no-cache"));
            assert!(!has_header(&reply, "content-type"));
        }
        let two_lines = [("if-none-match", "\"other\""), ("if-none-match", &*tag)];
        assert_eq!(process.request(method, "/", &two_lines, "").status, 304);
    }
    let changed = process.request("GET", "/", &[("if-none-match", "\"0123456789abcdef\"")], "");
    assert_eq!((changed.status, &*changed.text()), (200, "<p>one</p>"));
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let process = start();
    let (get, head) = (process.get("/"), process.request("HEAD", "/", &[], ""));
    assert_eq!((head.status, &*head.text()), (200, ""));
    for name in ["content-type", "content-length", "etag", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[test]
fn a_name_that_is_not_in_the_table_is_a_404() {
    let process = start();
    for path in [
        "/assets/none.txt",
        "/assets/../index.html",
        "/assets//other.txt",
        "/assets/%6fther.txt",
        "/assets/OTHER.txt",
    ] {
        let reply = process.get(path);
        assert_eq!((reply.status, reply.header("content-type")), (404, "application/json"), "{path}");
    }
    let page = process.request("GET", "/assets/none.txt", &[("accept", "text/html")], "");
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
}
