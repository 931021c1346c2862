//! Finds the end of an HTTP/1.1 message.

use anyhow::{Context, Result, bail};

/// A complete response at the start of the received bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The length, including the head.
    pub(crate) bytes: usize,
}

/// Returns `None` while the response is incomplete.
///
/// # Errors
/// If the bytes are not an HTTP/1.1 response, or its body has no length.
pub(crate) fn complete(bytes: &[u8]) -> Result<Option<Response>> {
    let Some((head, body)) = split_head(bytes) else { return Ok(None) };
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.with_context(|| format!("not an HTTP/1.1 response: {head:.60}"))?;
    let length = match (header(head, "content-length"), header(head, "transfer-encoding")) {
        (Some(length), None) => Some(length.parse().context("content-length")?),
        (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => chunked(body)?,
        _ => bail!("the response has neither a content length nor a chunked body"),
    };
    let head = bytes.len() - body.len();
    let length = length.filter(|length| *length <= body.len());
    Ok(length.map(|length| Response { status, bytes: head + length }))
}

/// Splits the head, as text, from the bytes after it.
pub(crate) fn split_head(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = find(bytes, b"\r\n\r\n")?;
    let (head, body) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(head).ok()?, body.get(4..)?))
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// The length of a chunked body without trailers; `None` while it is incomplete.
fn chunked(body: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let Some(line) = find(rest, b"\r\n") else { return Ok(None) };
        let size = rest.get(..line).and_then(|line| std::str::from_utf8(line).ok());
        let size = size.map(|size| size.split(';').next().unwrap_or_default().trim());
        let size =
            size.and_then(|size| usize::from_str_radix(size, 16).ok()).context("invalid chunk size")?;
        at += line + 2 + size + 2;
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n3;a\r\nabc\r\nA\r\n0\r\n\r\n56789\r\n0\r\n\r\n";

    #[test]
    fn response_is_complete_at_its_last_byte_and_not_before() {
        for (bytes, status) in [(COUNTED, 200), (CHUNKED, 201)] {
            for end in 0..bytes.len() {
                assert_eq!(complete(&bytes[..end]).unwrap(), None, "{end}");
            }
            let followed = [bytes, b"HTTP/1.1"].concat();
            assert_eq!(complete(&followed).unwrap(), Some(Response { status, bytes: bytes.len() }));
        }
    }

    #[test]
    fn response_without_a_length_is_an_error() {
        for bytes in
            [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"SSH\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"]
        {
            assert!(complete(bytes).is_err());
        }
    }
}
