//! Gives memory back after connections have gone.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// Between a connection's end and the look at what it leaves: others end with it, and so does what it had begun.
const PAUSE: Duration = Duration::from_secs(1);

static GONE: Notify = Notify::const_new();

/// A connection has ended.
pub(crate) fn gone() {
    GONE.notify_one();
}

/// Runs beside the server. Nothing wakes it while nothing ends.
pub(crate) async fn run() {
    loop {
        GONE.notified().await;
        sleep(PAUSE).await;
        space_heap::trim();
    }
}
