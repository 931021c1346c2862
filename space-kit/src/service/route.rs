//! Routing with a constant table: method, path pattern, handler. 404, 405 with `Allow`, HEAD and OPTIONS follow from
//! it.

use hyper::Method;

use crate::service::call::{Call, Reply};
use crate::service::pattern;

/// One row of a service's table of routes.
pub struct Route<S: 'static> {
    /// The method. A GET row handles HEAD too.
    pub method: Method,
    /// Literal segments, and `{name}` for exactly one non-empty segment, as in OpenAPI. At the end, `{*name}` matches
    /// the rest of the path; a row without it takes precedence, and among such rows the first in the table does.
    pub path: &'static str,
    /// What handles the request.
    pub(crate) action: Action<S>,
    /// Whether this is a probe, which is logged at debug level when it succeeds.
    pub probe: bool,
    /// The number of bytes before the pattern's first placeholder.
    literal: usize,
    /// Whether the pattern ends with `{*name}`.
    open: bool,
}

/// What handles a row's requests.
pub(crate) enum Action<S: 'static> {
    /// A handler of the service or of the kit.
    Handler(fn(Call<S>) -> Reply),
    /// The server returns the metrics of the kit and of the service.
    Metrics,
    /// The server returns the service's OpenAPI document.
    OpenApi,
    /// The server returns its health, with the service's reasons.
    Health,
}

impl<S> Route<S> {
    /// A row with any method; GET handles HEAD too.
    pub const fn new(method: Method, path: &'static str, handler: fn(Call<S>) -> Reply) -> Route<S> {
        Route::row(method, path, Action::Handler(handler), false)
    }

    /// A GET (and HEAD) row.
    pub const fn get(path: &'static str, handler: fn(Call<S>) -> Reply) -> Route<S> {
        Route::row(Method::GET, path, Action::Handler(handler), false)
    }

    /// A POST row.
    pub const fn post(path: &'static str, handler: fn(Call<S>) -> Reply) -> Route<S> {
        Route::row(Method::POST, path, Action::Handler(handler), false)
    }

    /// A DELETE row.
    pub const fn delete(path: &'static str, handler: fn(Call<S>) -> Reply) -> Route<S> {
        Route::row(Method::DELETE, path, Action::Handler(handler), false)
    }

    pub(crate) const fn probe(path: &'static str, handler: fn(Call<S>) -> Reply) -> Route<S> {
        Route::row(Method::GET, path, Action::Handler(handler), true)
    }

    /// The row of `/metrics`.
    pub(crate) const fn metrics(path: &'static str) -> Route<S> {
        Route::row(Method::GET, path, Action::Metrics, true)
    }

    /// The row of `/health`.
    pub(crate) const fn health(path: &'static str) -> Route<S> {
        Route::row(Method::GET, path, Action::Health, true)
    }

    /// The row of `/openapi.json`.
    pub(crate) const fn openapi(path: &'static str) -> Route<S> {
        Route::row(Method::GET, path, Action::OpenApi, false)
    }

    /// Computes at compile time what a look-up needs to know of the pattern.
    #[allow(clippy::indexing_slicing)] // a wrong index fails the compilation; `get` is not const
    const fn row(method: Method, path: &'static str, action: Action<S>, probe: bool) -> Route<S> {
        let (bytes, mut literal) = (path.as_bytes(), 0);
        while literal < bytes.len() && bytes[literal] != b'{' {
            literal += 1;
        }
        let (mut at, mut open) = (literal, false);
        while at + 1 < bytes.len() {
            open = bytes[at] == b'{' && bytes[at + 1] == b'*' || open && bytes[at] != b'/';
            at += 1;
        }
        Route { method, path, action, probe, literal, open }
    }

    /// Whether the row matches the path, regardless of other rows.
    fn matches(&self, path: &str) -> bool {
        // Most rows differ from the path before their first placeholder.
        if self.literal == self.path.len() {
            return self.path == path;
        }
        let literal = self.path.as_bytes().get(..self.literal).unwrap_or_default();
        path.as_bytes().starts_with(literal) && pattern::fits(self.path, path)
    }

    /// Whether the row serves the path; `open` is the open pattern that serves it, if one does.
    fn has(&self, path: &str, open: Option<&str>) -> bool {
        match open {
            Some(open) => self.path == open,
            None => !self.open && self.matches(path),
        }
    }

    fn takes(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }
}

/// The result of a look-up by method and path.
pub(crate) enum Found<'t, S: 'static> {
    /// A row, and its position in the table.
    Route(usize, &'t Route<S>),
    /// Only rows with other methods; the text lists them for `Allow`.
    OtherMethods(String),
    /// No row.
    Nothing,
}

/// Looks up the row for a request.
pub(crate) fn find<'t, S: 'static>(
    table: impl Iterator<Item = &'t Route<S>> + Clone,
    method: &Method,
    path: &str,
) -> Found<'t, S> {
    let open = open_row(table.clone(), path);
    let mut rows = table.clone().enumerate().filter(|(_, route)| route.has(path, open));
    if let Some((at, route)) = rows.find(|(_, route)| route.takes(method)) {
        return Found::Route(at, route);
    }
    match allow(table, path) {
        Some(methods) => Found::OtherMethods(methods),
        None => Found::Nothing,
    }
}

/// The methods of a path as `Allow` lists them, or `None` if no row matches the path.
/// `*` (RFC 9110 section 9.3.7) stands for the whole server.
pub(crate) fn allow<'t, S: 'static>(
    table: impl Iterator<Item = &'t Route<S>> + Clone,
    path: &str,
) -> Option<String> {
    let mut methods: Vec<&str> = Vec::new();
    let open = open_row(table.clone(), path);
    for route in table.filter(|route| path == "*" || route.has(path, open)) {
        let also = if route.method == Method::GET { "HEAD" } else { "" };
        for method in [route.method.as_str(), also] {
            if !method.is_empty() && !methods.contains(&method) {
                methods.push(method);
            }
        }
    }
    if methods.is_empty() {
        return None;
    }
    methods.push("OPTIONS");
    Some(methods.join(", "))
}

/// The first open pattern that matches a path, unless a row without `{*name}` matches it.
fn open_row<'t, S: 'static>(
    table: impl Iterator<Item = &'t Route<S>> + Clone,
    path: &str,
) -> Option<&'static str> {
    let mut rows = table.filter(|route| route.matches(path));
    let first = rows.next().filter(|first| first.open)?;
    rows.all(|route| route.open).then_some(first.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: &[Route<()>] = &[
        Route::get("/", |_| unreachable!()),
        Route::get("/login/{provider}", |_| unreachable!()),
        Route::post("/login/{provider}", |_| unreachable!()),
        Route::post("/v1/chat", |_| unreachable!()),
        Route::get("/v1/models/{*model}", |_| unreachable!()),
        Route::get("/v1/{*path}", |_| unreachable!()),
        Route::post("/v1/{*path}", |_| unreachable!()),
    ];

    fn describe(method: Method, path: &str) -> String {
        match find(TABLE.iter(), &method, path) {
            Found::Route(at, _) => at.to_string(),
            Found::OtherMethods(allow) => allow,
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn a_row_is_found_by_method_and_exact_path() {
        assert_eq!(describe(Method::GET, "/"), "0");
        assert_eq!(describe(Method::HEAD, "/"), "0");
        assert_eq!(describe(Method::POST, "/login/hf"), "2");
        for path in ["", "//", "/v1", "/v1/", "/V1/chat", "/login/", "/login/a/b", "/%76%31/chat"] {
            assert_eq!(describe(Method::GET, path), "nothing", "{path}");
        }
    }

    #[test]
    fn an_open_row_matches_the_rest_of_a_path_unless_another_row_does() {
        for path in ["/v1/files", "/v1/chat/", "/v1/files/a/b"] {
            assert_eq!(describe(Method::GET, path), "5", "{path}");
        }
        assert_eq!(describe(Method::GET, "/v1/models/a/b"), "4");
        assert_eq!(describe(Method::POST, "/v1/models/a/b"), "GET, HEAD, OPTIONS");
        assert_eq!(describe(Method::POST, "/v1/chat"), "3");
        assert_eq!(describe(Method::PUT, "/v1/files"), "GET, HEAD, POST, OPTIONS");
    }

    #[test]
    fn another_method_gets_the_accepted_ones() {
        assert_eq!(describe(Method::DELETE, "/login/hf"), "GET, HEAD, POST, OPTIONS");
        assert_eq!(describe(Method::GET, "/v1/chat"), "POST, OPTIONS");
        assert_eq!(allow(TABLE.iter(), "*").unwrap(), "GET, HEAD, POST, OPTIONS");
    }
}
