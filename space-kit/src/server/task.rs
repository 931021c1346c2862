//! Spawns tasks, all of one type.

use std::future::Future;
use std::pin::Pin;

use tokio::task::JoinHandle;

/// Spawns a future as a task. It is boxed, so that the binary has tokio's code for a task once instead of once per
/// future, about 4 KB each.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let boxed: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    tokio::spawn(boxed)
}
