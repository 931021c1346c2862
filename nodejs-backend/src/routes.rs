//! All routes of the service. The contract in `specs/` lists the same routes.

use space_kit::{Reply, Route, respond};

use crate::State;
use crate::api::{
    accounts, callback, client_document, client_script, dev_sign_in, error_page, front, get_session, login,
    popup, sign_in, sign_out, tokens,
};

use crate::oidc::settings::DOCUMENT;

pub(crate) const ROUTES: &[Route<State>] = &[
    Route::get("/", |call| Reply::Now(front::get(&call))),
    Route::get("/login/{provider}", login::get),
    Route::get("/sign-in/v1.js", |call| client_script::get(&call).into()),
    Route::post("/api/auth/sign-in/social", sign_in::social),
    Route::post("/api/auth/sign-in/oauth2", sign_in::oauth2),
    Route::get("/api/auth/callback/{provider}", callback::social),
    Route::get("/api/auth/oauth2/callback/{provider}", callback::oauth2),
    Route::get("/api/auth/oauth-popup/start", popup::start),
    Route::get("/api/auth/get-session", |call| Reply::Now(get_session::get(&call))),
    Route::get("/api/auth/list-accounts", |call| Reply::Now(accounts::list(&call))),
    Route::post("/api/auth/get-access-token", accounts::access_token),
    Route::post("/api/auth/refresh-token", accounts::refresh),
    Route::post("/api/auth/sign-out", sign_out::post),
    Route::get("/api/auth/token", tokens::get),
    Route::get("/api/auth/jwks", |call| tokens::keys(&call).into()),
    Route::get("/api/auth/ok", |_| respond::json_text(r#"{"ok":true}"#).into()),
    Route::get("/api/auth/error", error_page::get),
    Route::get("/.well-known/jwks.json", |call| tokens::keys(&call).into()),
    Route::get("/.well-known/openid-configuration", |call| tokens::discovery(&call).into()),
    Route::get(DOCUMENT, |call| Reply::Now(client_document::get(&call))),
    Route::get("/dev/sign-in", |call| Reply::Now(dev_sign_in::page(&call))),
    Route::post("/dev/sign-in", dev_sign_in::submit),
];
