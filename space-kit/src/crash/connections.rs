//! Which connections have a response in progress, and which request is being served: read after a crash, so kept in
//! plain atomics at fixed addresses.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Descriptors above this are not in the table. Their connections are closed in the ordinary way.
const MOST: usize = 1 << 16;

static IN_PROGRESS: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];
static ANSWERED: AtomicBool = AtomicBool::new(false);
static CURRENT: AtomicPtr<Served> = AtomicPtr::new(ptr::null_mut());

/// What of a connection is known after a crash.
#[derive(Debug)]
pub(crate) struct Served {
    fd: RawFd,
    stage: AtomicU8,
    body_pending: AtomicBool,
    id: AtomicPtr<u8>,
    id_len: AtomicUsize,
    client: [AtomicU64; 2],
}

const IDLE: u8 = 0;
const REQUEST: u8 = 1;
const HEAD_REQUEST: u8 = 2;
const RESPONDING: u8 = 3;

impl Served {
    pub(crate) fn new(fd: RawFd) -> Served {
        Served {
            fd,
            stage: AtomicU8::new(IDLE),
            body_pending: AtomicBool::new(false),
            id: AtomicPtr::default(),
            id_len: AtomicUsize::new(0),
            client: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// A request has arrived. `id` stays where it is until [`Served::ended`].
    pub(crate) fn began(&self, id: &[u8], client: IpAddr, is_head: bool) {
        let bits = match client {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let [high, low] = &self.client;
        high.store((bits >> 64) as u64, Relaxed);
        low.store(bits as u64, Relaxed);
        self.id.store(id.as_ptr().cast_mut(), Relaxed);
        self.id_len.store(id.len(), Relaxed);
        self.stage.store(if is_head { HEAD_REQUEST } else { REQUEST }, Relaxed);
        self.mark(true);
    }

    /// The handler has returned a response.
    pub(crate) fn responding(&self) {
        self.stage.store(RESPONDING, Relaxed);
    }

    /// The request and its id are dropped. The last bytes of the response may still be on their way.
    pub(crate) fn ended(&self) {
        self.stage.store(IDLE, Relaxed);
        self.id_len.store(0, Relaxed);
        ANSWERED.store(true, Relaxed);
    }

    /// The kernel has all of the response.
    pub(crate) fn flushed(&self) {
        self.mark(false);
    }

    /// Whether some of the request's body is still to come.
    pub(crate) fn body_pending(&self) -> bool {
        self.body_pending.load(Relaxed)
    }

    pub(crate) fn set_body_pending(&self, pending: bool) {
        self.body_pending.store(pending, Relaxed);
    }

    fn mark(&self, in_progress: bool) {
        if let Some(mark) = usize::try_from(self.fd).ok().and_then(|fd| IN_PROGRESS.get(fd)) {
            mark.store(in_progress, Relaxed);
        }
    }

    /// The request, if one is being served.
    pub(crate) fn request(&self) -> Option<Request> {
        let stage = self.stage.load(Relaxed);
        let [high, low] = [0, 1].map(|at| self.client.get(at).map_or(0, |half| half.load(Relaxed)));
        let client = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
        (stage != IDLE).then(|| Request {
            fd: self.fd,
            id: (self.id.load(Relaxed), self.id_len.load(Relaxed)),
            client: IpAddr::V6(client).to_canonical(),
            is_head: stage == HEAD_REQUEST,
            unanswered: stage != RESPONDING && !self.body_pending(),
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.mark(false); // the number may be another connection's next
    }
}

/// The request that was being served at a crash.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) fd: RawFd,
    /// Address and length of its id. Only the kernel may read it: it reports a wrong address as an error.
    pub(crate) id: (*const u8, usize),
    pub(crate) client: IpAddr,
    pub(crate) is_head: bool,
    /// Its body is read, and its response has not begun.
    pub(crate) unanswered: bool,
}

/// Polls a connection; meanwhile a crash is its request's.
pub(crate) fn polling<T>(connection: &Served, poll: impl FnOnce() -> T) -> T {
    CURRENT.store(ptr::from_ref(connection).cast_mut(), Relaxed);
    let polled = poll();
    CURRENT.store(ptr::null_mut(), Relaxed);
    polled
}

/// The request that this thread serves. Only for the thread that polls connections.
#[allow(unsafe_code)]
pub(crate) fn current() -> Option<Request> {
    // SAFETY: the pointer is set only while `polling` borrows the connection, on the same thread.
    unsafe { CURRENT.load(Relaxed).as_ref() }?.request()
}

/// Whether a response was sent since this image began.
pub(crate) fn has_answered() -> bool {
    ANSWERED.load(Relaxed)
}

/// The descriptors with a response in progress.
pub(crate) fn in_progress() -> impl Iterator<Item = RawFd> {
    (0..).zip(&IN_PROGRESS).filter(|(_, mark)| mark.load(Relaxed)).map(|(fd, _)| fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_from_its_head_to_its_end_and_only_while_its_connection_is_polled() {
        let fd = 60_000; // no descriptor of another test
        let marked = || in_progress().any(|marked| marked == fd);
        let served = Served::new(fd);
        assert!(current().is_none() && served.request().is_none() && !marked());
        served.began(b"id", "::ffff:1.2.3.4".parse().unwrap(), false);
        let request = polling(&served, || current().unwrap());
        assert!(current().is_none());
        assert_eq!((request.fd, request.client), (fd, "1.2.3.4".parse().unwrap()));
        assert!(request.unanswered && !request.is_head && marked());
        served.set_body_pending(true);
        assert!(!served.request().unwrap().unanswered, "its body is not read");
        served.set_body_pending(false);
        served.responding();
        assert!(!served.request().unwrap().unanswered, "its response has begun");
        served.ended();
        assert!(served.request().is_none() && marked() && has_answered());
        served.flushed();
        assert!(!marked());
        served.began(b"id", "::1".parse().unwrap(), true);
        assert!(served.request().unwrap().is_head && marked());
        drop(served);
        assert!(!marked(), "the number may be another connection's");
    }
}
