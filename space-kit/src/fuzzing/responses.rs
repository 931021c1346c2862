//! Reads responses strictly, as a client must be able to.

/// One final response.
#[derive(Debug)]
pub struct WireResponse {
    /// Its status.
    pub status: u16,
    /// Its fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Whether the body was complete by its framing. A body that ends with its connection never is.
    pub whole: bool,
    /// How many interim responses came before it.
    pub interim: usize,
}

impl WireResponse {
    /// A field's first value.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the connection ends behind it.
    pub fn closes(&self) -> bool {
        let is = |value| self.field("connection").is_some_and(|field| field.eq_ignore_ascii_case(value));
        is("close") || self.is_until_close()
    }

    fn is_until_close(&self) -> bool {
        let has = |name| self.field(name).is_some();
        !has("content-length") && !has("transfer-encoding") && !matches!(self.status, 204 | 304)
    }
}

/// Reads all responses, up to the first thing that is none. `is_head` says which of them answer a HEAD request.
pub fn parse(bytes: &[u8], is_head: impl Fn(usize) -> bool) -> (Vec<WireResponse>, Option<String>) {
    let mut responses = Vec::new();
    let problem = parse_into(&mut responses, bytes, is_head).err();
    (responses, problem)
}

fn parse_into(
    responses: &mut Vec<WireResponse>,
    mut bytes: &[u8],
    is_head: impl Fn(usize) -> bool,
) -> Result<(), String> {
    let mut interim = 0;
    while !bytes.is_empty() {
        // A connection may end within a response.
        let Some(end) = find(bytes, b"\r\n\r\n") else {
            let is_begun = bytes.starts_with(&b"HTTP/1."[..bytes.len().min(7)]);
            return if is_begun { Ok(()) } else { Err(format!("{:?}", show(bytes))) };
        };
        let mut response = head(&bytes[..end])?;
        bytes = &bytes[end + 4..];
        if response.status < 200 {
            interim += 1;
            continue;
        }
        response.interim = std::mem::take(&mut interim);
        if is_head(responses.len()) || matches!(response.status, 204 | 304) {
            response.whole = true;
        } else if response.field("transfer-encoding").is_some() {
            bytes = chunks(bytes, &mut response)?;
        } else if let Some(length) = response.field("content-length") {
            let length = length.parse::<usize>().map_err(|error| format!("{error}: {length:?}"))?;
            let (body, rest) = bytes.split_at(length.min(bytes.len()));
            (response.body, response.whole, bytes) = (body.to_vec(), body.len() == length, rest);
        } else {
            (response.body, bytes) = (bytes.to_vec(), &[]);
        }
        responses.push(response);
    }
    Ok(())
}

fn head(bytes: &[u8]) -> Result<WireResponse, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut lines = text.split("\r\n");
    let start = lines.next().unwrap_or_default();
    let status = ["HTTP/1.1 ", "HTTP/1.0 "].iter().find_map(|version| start.strip_prefix(version));
    let status = status.and_then(|rest| rest.split(' ').next()).and_then(|code| code.parse().ok());
    let status = status.filter(|status| (100..600).contains(status)).ok_or(format!("{start:?}"))?;
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(format!("a field: {line:?}"))?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_name || value.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            return Err(format!("a field: {line:?}"));
        }
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let count = |wanted: &str| fields.iter().filter(|(name, _)| name == wanted).count();
    if count("content-length") + count("transfer-encoding") > 1 || count("connection") > 1 {
        return Err(format!("the framing: {text:?}"));
    }
    Ok(WireResponse { status, fields, body: Vec::new(), whole: false, interim: 0 })
}

/// Reads a chunked body, and returns what follows it.
fn chunks<'a>(mut bytes: &'a [u8], response: &mut WireResponse) -> Result<&'a [u8], String> {
    if response.field("transfer-encoding") != Some("chunked") {
        return Err(format!("another coding: {:?}", response.fields));
    }
    loop {
        let Some(end) = find(bytes, b"\r\n") else { return Ok(&[]) };
        let size =
            std::str::from_utf8(&bytes[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(|| format!("a chunk: {:?}", show(bytes)))?;
        bytes = &bytes[end + 2..];
        let (data, rest) = bytes.split_at(size.min(bytes.len()));
        response.body.extend_from_slice(data);
        if rest.len() < 2 {
            return Ok(&[]);
        }
        bytes = rest.strip_prefix(b"\r\n").ok_or_else(|| format!("after a chunk: {:?}", show(rest)))?;
        if size == 0 {
            response.whole = true;
            return Ok(bytes);
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn show(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(80)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_by_their_framing() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\
            transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\
            connection: close\r\n\r\n";
        let (read, problem) = parse(bytes, |at| at == 2);
        assert_eq!(problem, None);
        let seen: Vec<_> = read.iter().map(|r| (r.status, r.body.as_slice(), r.whole, r.closes())).collect();
        let expected: [(u16, &[u8], bool, bool); 3] =
            [(200, b"hi", true, false), (200, b"hi", true, false), (404, b"", true, true)];
        assert_eq!(seen, expected);
        assert_eq!(read[0].interim, 1);
        assert!(!parse(&bytes[..120], |_| false).0[1].whole);
        for wrong in ["x", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nx", "HTTP/1.1 2 x\r\n\r\n"] {
            assert!(parse(wrong.as_bytes(), |_| false).1.is_some(), "{wrong}");
        }
    }
}
