//! Tasks of their own, all of one type.

use std::future::Future;
use std::pin::Pin;

use tokio::task::JoinHandle;

/// Runs a future to its end, whoever waits for it. It is boxed, so that tokio's code for a task is there once
/// and not for each future: about 4 KB each.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let boxed: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    tokio::spawn(boxed)
}
