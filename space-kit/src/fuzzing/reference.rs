//! A second, strict reader of requests (RFC 9112). What it accepts, the service must serve.

/// A request that is whole and valid, and what the service must respond.
#[derive(Debug)]
pub(super) struct ValidRequest {
    pub(super) is_head: bool,
    /// The target, if a handler sees it.
    pub(super) handled: Option<String>,
    /// The response's body, if it is known.
    pub(super) body: Option<Vec<u8>>,
    /// The connection ends with the response.
    pub(super) closes: bool,
    /// The service may end the connection because it does not read the body, or because the response fails.
    pub(super) may_close: bool,
    /// The place behind it.
    pub(super) end: usize,
}

/// The longest head and body that are surely accepted, in bytes.
const HEAD: usize = 8 * 1024;
const BODY: usize = 60 * 1024;

/// How a body is framed.
#[derive(Clone, Copy, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// The requests at the beginning of the bytes, up to the first that is not whole and valid.
pub(super) fn requests(bytes: &[u8]) -> Vec<ValidRequest> {
    let (mut at, mut requests) = (0, Vec::new());
    while let Some(request) = request(bytes, at) {
        at = request.end;
        let closes = request.closes;
        requests.push(request);
        if closes {
            break;
        }
    }
    requests
}

fn request(bytes: &[u8], at: usize) -> Option<ValidRequest> {
    let start = at + bytes[at..].windows(2).take_while(|two| two == b"\r\n").step_by(2).count() * 2;
    let length = bytes[start..].windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[start..start + length]).ok().filter(|head| head.len() < HEAD)?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_old = version == "HTTP/1.0";
    let is_target = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b);
    let is_valid = words.next().is_none()
        && (is_old || version == "HTTP/1.1")
        && ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"].contains(&method)
        && target.starts_with('/')
        && target.bytes().all(is_target);
    let (mut framing, mut host, mut connection, mut fields) = (None, None, None, 0);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let is_value = |b: u8| b == b'\t' || b >= b' ' && b != 0x7f;
        fields += 1;
        if name.is_empty() || !name.bytes().all(is_token) || !value.bytes().all(is_value) || fields > 90 {
            return None;
        }
        let (name, value) = (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']));
        let slot = match name.as_str() {
            "content-length" if value.bytes().all(|b| b.is_ascii_digit()) => framing
                .replace(Framing::Length(value.parse().ok().filter(|length| *length < BODY)?))
                .is_some(),
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") && !is_old => {
                framing.replace(Framing::Chunked).is_some()
            }
            "host" => host.replace(value).is_some(),
            "connection" => connection.replace(value.to_ascii_lowercase()).is_some(),
            "content-length" | "transfer-encoding" | "expect" | "upgrade" | "te" | "trailer" => return None,
            _ => false,
        };
        if slot {
            return None; // twice
        }
    }
    let is_host = |host: &str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    };
    let close = match connection.as_deref() {
        None => is_old,
        Some("keep-alive") => false,
        Some("close") => true,
        Some(_) => return None,
    };
    if !is_valid || !host.map_or(is_old, is_host) {
        return None;
    }
    let (body, end) = match framing {
        None => (Vec::new(), start + length + 4),
        Some(Framing::Length(count)) => {
            let end = start + length + 4 + count;
            (bytes.get(start + length + 4..end)?.to_vec(), end)
        }
        Some(Framing::Chunked) => chunks(bytes, start + length + 4)?,
    };
    Some(expected(method, target, &body, framing.is_some(), close, end))
}

/// Reads a chunked body without extensions and trailers. Returns it and the place behind it.
fn chunks(bytes: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut count) = (Vec::new(), 0);
    loop {
        let digits = bytes[at..].iter().take_while(|b| b.is_ascii_hexdigit()).take(9).count();
        let text = std::str::from_utf8(&bytes[at..at + digits]).ok().filter(|text| text.len() < 9)?;
        let size = usize::from_str_radix(text, 16).ok()?;
        at = at + digits + 2;
        count += 1;
        if bytes.get(at - 2..at)? != b"\r\n" || body.len() + size > BODY || count > 2000 {
            return None;
        }
        body.extend_from_slice(bytes.get(at..at + size)?);
        at = at + size + 2;
        if bytes.get(at - 2..at)? != b"\r\n" {
            return None;
        }
        if size == 0 {
            return Some((body, at));
        }
    }
}

/// What `service.rs` does with a request.
fn expected(method: &str, target: &str, sent: &[u8], framed: bool, closes: bool, end: usize) -> ValidRequest {
    let is_head = method == "HEAD";
    let get = if is_head { "GET" } else { method };
    let path = target.split('?').next().unwrap_or_default();
    let mut segments = path.splitn(3, '/').skip(1);
    let first = segments.next().unwrap_or_default();
    let has_rest = segments.next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let echoed = || [target.as_bytes(), b"\n", sent].concat();
    let (is_read, body) = match (get, first) {
        _ if !has_rest => (false, None),
        ("GET" | "POST", "echo" | "late") => (true, Some(echoed())),
        ("POST", "unread") => (false, Some(target.into())),
        ("POST", "relay") => (true, Some(sent.to_vec())),
        ("GET", "stream") => (false, Some(target.repeat(2).into())),
        ("GET", "fail") => (false, None),
        ("GET", "big") => (false, Some(vec![b'.'; super::service::BIG])),
        _ => (false, None),
    };
    let is_handled = has_rest
        && match first {
            "echo" | "late" => matches!(get, "GET" | "POST"),
            "unread" | "relay" => get == "POST",
            "stream" | "fail" | "big" | "hang" => get == "GET",
            _ => false,
        };
    ValidRequest {
        is_head,
        handled: is_handled.then(|| target.to_owned()),
        body,
        closes,
        may_close: framed && !is_read || matches!(first, "fail" | "hang"),
        end,
    }
}
