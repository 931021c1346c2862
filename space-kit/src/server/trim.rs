//! Returns memory to the OS after connections have ended.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::heap;

/// Time between the end of a connection and the trim: other connections end with it, and so do the requests that it
/// had sent.
const PAUSE: Duration = Duration::from_secs(1);

static ENDED: Notify = Notify::const_new();

/// Notes that a connection has ended, so that memory is trimmed soon.
pub(crate) fn connection_ended() {
    ENDED.notify_one();
}

/// Trims the heap after connections have ended, for as long as the server runs. Nothing wakes it while none ends.
pub(crate) async fn run() {
    loop {
        ENDED.notified().await;
        sleep(PAUSE).await;
        heap::trim();
    }
}
