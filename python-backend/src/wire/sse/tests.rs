//! Every form of a stream, split at any byte.

use super::*;
use proptest::prelude::*;

fn encoded(event: &Event) -> Bytes {
    let mut text = Vec::new();
    write(event, &mut text);
    text.into()
}

fn event(name: Option<&str>, data: &str) -> Event {
    Event { name: name.map(str::to_owned), data: Bytes::copy_from_slice(data.as_bytes()) }
}

/// The events of an input that arrives in these parts, whether it failed, and the rest.
fn scan<'a>(limit: usize, parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, bool, Rest) {
    let mut scanner = Scanner::new(limit);
    let (mut events, mut failed) = (Vec::new(), false);
    for part in parts {
        failed = scanner.push(part).is_err();
        events.extend(std::iter::from_fn(|| scanner.next_event()));
    }
    (events, failed, scanner.finish())
}

fn events(text: &str) -> Vec<Event> {
    scan(1000, [text.as_bytes()]).0
}

#[test]
fn every_kind_of_line_end_is_read() {
    let expected = [event(None, "a\nb"), event(None, "c")];
    for end in ["\n", "\r", "\r\n"] {
        assert_eq!(events(&"data: a|data: b||data: c||".replace('|', end)), expected, "{end:?}");
    }
    assert_eq!(events("\u{feff}data: a\r\ndata: b\r\n\ndata:c\n\r"), expected);
}

#[test]
fn fields_follow_the_standard() {
    assert_eq!(events("data:  a\n\n"), [event(None, " a")]);
    assert_eq!(events("data:a:b\n\n"), [event(None, "a:b")]);
    assert_eq!(events("data:a\ndata\n\n"), [event(None, "a\n")]);
    assert_eq!(events("event: x\ndata: a\n\ndata: b\n\n"), [event(Some("x"), "a"), event(None, "b")]);
    assert_eq!(events("event: x\nevent\ndata: a\n\n"), [event(None, "a")]);
    assert_eq!(events("data : a\nDATA: b\n data: c\n\n"), []);
}

#[test]
fn lines_that_make_clients_fail_are_dropped() {
    assert_eq!(events("id: 5\nretry: 3\n: hi\ndata: a\n\nid: 6\n\n: ping\n\n"), [event(None, "a")]);
    assert_eq!(events("event: ping\ndata:\n\ndata\n\ndata: \ndata:  \n\ndata: b\n\n"), [event(None, "b")]);
    assert_eq!(encoded(&event(None, "{\"a\":1}")), "data: {\"a\":1}\n\n");
    assert_eq!(encoded(&event(Some("x"), "1\n2")), "event: x\ndata: 1\ndata: 2\n\n");
    assert_eq!(events(&format!("{HEARTBEAT}{DONE}")), [event(None, "[DONE]")]);
}

#[test]
fn an_event_is_complete_as_soon_as_its_empty_line_arrives() {
    let mut scanner = Scanner::new(100);
    scanner.push(b"data: a\r\n\r").unwrap();
    assert_eq!(scanner.next_event(), Some(event(None, "a")));
    scanner.push(b"\ndata: b\r\r").unwrap();
    assert_eq!(scanner.next_event(), Some(event(None, "b")));
    assert_eq!(scanner.finish(), Rest::Nothing);
}

#[test]
fn the_rest_shows_how_the_stream_ended() {
    let rest = |text: &str| scan(100, [text.as_bytes()]).2;
    for text in ["", "data: a\n\n", "data: a\n\n: ping\n", "data: a\n\nid: 4\n", "data:\n"] {
        assert_eq!(rest(text), Rest::Nothing, "{text:?}");
    }
    assert_eq!(rest("data: [DONE]"), Rest::Event(event(None, "[DONE]")));
    assert_eq!(rest("event: e\ndata: {\n"), Rest::Event(event(Some("e"), "{")));
    for text in ["event: e\n", "dat", ": pi", "\u{feff}"] {
        assert_eq!(rest(text), Rest::Fragment, "{text:?}");
    }
}

#[test]
fn an_event_over_the_limit_is_an_error_for_good() {
    let mut scanner = Scanner::new(8);
    scanner.push(b"data: ab\n\n: comment\n").unwrap_err();
    assert_eq!(scanner.next_event(), Some(event(None, "ab")));
    scanner.push(b"\n\ndata: c\n\n").unwrap_err();
    assert_eq!(scanner.next_event(), None);
    let mut scanner = Scanner::new(8);
    scanner.push(b"data: a\ndata: b").unwrap();
    assert_eq!(scanner.push(b"c").unwrap_err().to_string(), "an event of the stream is longer than 8 bytes");
}

/// The standard's algorithm on a whole input, line by line.
fn reference(input: &[u8]) -> Vec<Event> {
    let text: String = input.iter().map(|&b| char::from(b)).collect();
    let text =
        text.strip_prefix("\u{ef}\u{bb}\u{bf}").unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n");
    let (mut found, mut name, mut data) = (Vec::new(), String::new(), String::new());
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    let lines = if text.contains('\n') { complete.split('\n').collect() } else { Vec::new() };
    let bytes = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
    for line in lines {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut name), std::mem::take(&mut data));
            let data = bytes(data.strip_suffix('\n').unwrap_or_default());
            if !data.trim_ascii().is_empty() {
                let name = String::from_utf8_lossy(&bytes(&name)).into_owned();
                found.push(Event { name: Some(name).filter(|name| !name.is_empty()), data: data.into() });
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.extend([value, "\n"]),
            _ => {}
        }
    }
    found
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let parts: &[&[u8]] = &[
        b"data:",
        b"data: ",
        b"data",
        b"event: x",
        b"event:",
        b"id: 1",
        b"retry: 5",
        b":",
        b" ",
        b"a",
        b"{}",
        b"\n",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b"\xC3\xA9",
        b"\xF0\x9F\x98\x80",
        b"\xFF",
        b"\xEF\xBB\xBF",
        b"\0",
        b"[DONE]",
    ];
    prop::collection::vec(prop::sample::select(parts), 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn events_match_the_algorithm_of_the_standard(input in input()) {
        prop_assert_eq!(scan(1000, [&input[..]]).0, reference(&input));
    }

    #[test]
    fn any_split_gives_the_same_events(input in input(), cuts in prop::collection::vec(0..60_usize, 0..6), limit in 0..60_usize) {
        let whole = scan(limit, [&input[..]]);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| &input[cut[0]..cut[1]]);
        let (split, by_byte) = (scan(limit, parts), scan(limit, input.chunks(1)));
        prop_assert_eq!(&split.0, &whole.0);
        prop_assert_eq!(&by_byte.0, &whole.0);
        prop_assert_eq!((split.1, by_byte.1), (whole.1, whole.1));
        if !whole.1 {
            prop_assert_eq!(&split.2, &whole.2);
            prop_assert_eq!(&by_byte.2, &whole.2);
        }
    }

    #[test]
    fn written_events_are_read_back(
        sent in prop::collection::vec((prop::option::of("[a-z.é]{1,9}"), "[^\r\u{0}]{0,20}"), 0..5)
    ) {
        let sent: Vec<_> = sent.into_iter()
            .filter(|(_, data)| !data.as_bytes().trim_ascii().is_empty())
            .map(|(name, data)| Event { name, data: data.into() }).collect();
        let mut text = Vec::new();
        sent.iter().for_each(|event| write(event, &mut text));
        // JSON is written as one line.
        let line = |data: &[u8]| data.iter().map(|&b| if b == b'\n' { b' ' } else { b }).collect();
        let read: Vec<_> = sent.into_iter().map(|event| match event.data.starts_with(b"{") {
            true => Event { data: line(&event.data), ..event },
            false => event,
        }).collect();
        prop_assert_eq!(scan(10_000, [&text[..]]), (read, false, Rest::Nothing));
    }

    #[test]
    fn no_more_than_the_limit_is_buffered(input in input(), limit in 0..40_usize) {
        let mut scanner = Scanner::new(limit);
        for byte in input.chunks(1) {
            if scanner.push(byte).is_err() {
                break;
            }
            prop_assert!(scanner.line.len() + scanner.data.as_ref().map_or(0, Vec::len) <= limit);
        }
    }
}
