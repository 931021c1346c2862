//! Starts a server and measures the time from `execve` to the first byte of a 200 response.

mod dispatch;
mod http;
mod inherited;
mod method;
mod options;
mod page_cache;
mod polled;
mod probe;
mod ready;
mod rounds;
mod serving;

pub(crate) use dispatch::start;
pub(crate) use method::Method;
pub(crate) use options::{StartOptions, free_port};
pub(crate) use page_cache::PageCache;
pub(crate) use polled::until_ok;
pub(crate) use probe::methods_of;
pub(crate) use rounds::{StartSeries, rounds};
pub(crate) use serving::Timing;
