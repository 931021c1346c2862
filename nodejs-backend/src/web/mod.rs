//! Browsers and HTTP: origins, cookies, queries, navigation and redirects.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

pub(crate) mod callback_url;
pub(crate) mod cookie;
pub(crate) mod cross_site;
pub(crate) mod html;
pub(crate) mod navigation;
pub(crate) mod query;
pub(crate) mod response;
pub(crate) mod trusted_origins;
