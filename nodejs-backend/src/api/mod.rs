//! The endpoints, one file each, and the steps that they share.

pub(crate) mod accounts;
pub(crate) mod callback;
pub(crate) mod client_document;
pub(crate) mod client_script;
pub(crate) mod dev_sign_in;
pub(crate) mod error_page;
mod failure;
pub(crate) mod front;
pub(crate) mod get_session;
pub(crate) mod login;
mod page;
pub(crate) mod popup;
mod request;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
mod start_flow;
pub(crate) mod tokens;
