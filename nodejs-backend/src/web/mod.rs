//! Browsers and HTTP: origins, cookies, queries, navigation and redirects.

pub(crate) mod callback_url;
pub(crate) mod cookie;
pub(crate) mod cross_site;
pub(crate) mod html;
pub(crate) mod navigation;
pub(crate) mod query;
pub(crate) mod response;
pub(crate) mod trusted_origins;
