//! What most backends use: `use space_kit::prelude::*;`.

pub use crate::extract::{json::Json, number::Number, path::Path, query::Query, text::Text};
pub use crate::files::table::Files;
pub use crate::openapi::answer::{Answer, Links, NoContent, PlainText, links};
#[cfg(feature = "outgoing")]
pub use crate::outgoing::{HttpClient, SSL_CERT_FILE, Url};
pub use crate::service::body::Body;
pub use crate::service::call::{Call, HandlerResult, Reply};
pub use crate::service::description::Service;
pub use crate::service::error::Error;
pub use crate::service::respond;
pub use crate::service::route::Route;
pub use crate::settings::env::Env;
pub use crate::settings::parse;
pub use hyper::header::{self, HeaderValue};
pub use hyper::{Method, Response, StatusCode};
