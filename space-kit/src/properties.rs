//! Property tests of all parsers of input from clients, proxies and operators.

use std::ffi::OsString;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::command::cli;
use crate::extract::{location, query};
use crate::observe::log::{Format, Level, Log, Value};
use crate::service::client::{self, RequestIds};
use crate::service::pattern;
use crate::service::route::{self, Found, Route};
use crate::settings::cors::Cors;
use crate::settings::{env_file, parse};
use crate::web::constant_time_eq;

/// Any text, often with characters that are special to one of the parsers.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,40}", "(?s).{0,40}", "[ -~]{0,40}", "[a-z0-9=,:;/\\[\\]'\"#$\\\\ \r\n{}*.%@-]{0,60}"]
}

fn header_value() -> impl Strategy<Value = HeaderValue> {
    vec(any::<u8>(), 0..150).prop_filter_map("a header's value", |bytes| HeaderValue::from_bytes(&bytes).ok())
}

static TABLE: &[Route<()>] = &[
    Route::get("/", |_| unreachable!()),
    Route::post("/a", |_| unreachable!()),
    Route::get("/a/{x}", |_| unreachable!()),
    Route::get("/{x}/b", |_| unreachable!()),
    Route::post("/a/{x}/{y}", |_| unreachable!()),
    Route::post("/{x}/b", |_| unreachable!()),
];

fn segments() -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(vec!["", "a", "b", "aa", "{x}", "%2F", "*", "\u{fc}"]), 0..5)
}

/// Whether each segment of the path matches its segment of the pattern, as simply as possible.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && (0..path.len()).all(|at| match pattern[at] {
            "{x}" | "{y}" => !path[at].is_empty(),
            literal => path[at] == literal,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_route_is_the_first_row_that_matches(segments in segments(), method in select(vec!["GET", "HEAD", "POST", "PUT"])) {
        let path = format!("/{}", segments.join("/"));
        let takes = |route: &Route<()>| route.method == method || (route.method == "GET" && method == "HEAD");
        let fitting: Vec<usize> = (0..TABLE.len()).filter(|&at| fits(TABLE[at].path, &path)).collect();
        match route::find(TABLE.iter(), &Method::from_bytes(method.as_bytes()).unwrap(), &path) {
            Found::Route(at, route) => {
                prop_assert_eq!(Some(&at), fitting.iter().find(|&&at| takes(&TABLE[at])));
                let second = path.split('/').nth(2).filter(|_| route.path.starts_with("/a/{x}"));
                let first = path.split('/').nth(1).filter(|_| route.path.starts_with("/{x}"));
                prop_assert_eq!(pattern::param(route.path, &path, "x"), second.or(first));
            }
            Found::OtherMethods(allow) => {
                prop_assert!(!fitting.is_empty() || path == "/*", "{path}");
                for &at in &fitting {
                    prop_assert!(!takes(&TABLE[at]) && allow.contains(TABLE[at].method.as_str()), "{path}: {allow}");
                }
            }
            Found::Nothing => prop_assert!(fitting.is_empty(), "{path}"),
        }
    }

    #[test]
    fn the_client_is_the_entry_that_many_hops_from_the_right(
        lines in vec(vec(select(vec!["1.1.1.1", " 2.2.2.2 ", "[::3]:3", "4.4.4.4:4", "junk", "", "\u{fc}"]), 0..4), 0..4),
        hops in any::<u8>(),
    ) {
        let peer = IpAddr::from([9, 9, 9, 9]);
        let lines: Vec<String> = lines.iter().map(|line| line.join(",")).collect();
        let mut headers = HeaderMap::new();
        for line in &lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let joined = lines.join(",");
        let entries: Vec<&str> = if lines.is_empty() { vec![] } else { joined.split(',').map(str::trim).collect() };
        let entry = if hops == 0 { None } else { entries.get(entries.len().saturating_sub(hops.into())) };
        let expected = match entry.copied() {
            Some("1.1.1.1") => IpAddr::from([1, 1, 1, 1]),
            Some("2.2.2.2") => IpAddr::from([2, 2, 2, 2]),
            Some("[::3]:3") => "::3".parse().unwrap(),
            Some("4.4.4.4:4") => IpAddr::from([4, 4, 4, 4]),
            _ => peer,
        };
        prop_assert_eq!(client::address(&headers, peer, hops), expected);
    }

    #[test]
    fn any_forwarded_header_results_in_a_client(value in header_value(), hops in any::<u8>()) {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", value);
        client::address(&headers, IpAddr::from([9, 9, 9, 9]), hops);
    }

    #[test]
    fn a_request_id_is_what_was_sent_or_32_digits(
        sent in prop_oneof![header_value(), "[A-Za-z0-9._:;=-]{0,140}".prop_map(|id| HeaderValue::try_from(id).unwrap())],
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", sent.clone());
        let sane = |b: u8| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b';' | b'=' | b'-');
        let given = RequestIds::default().of(&headers);
        if (1..=128).contains(&sent.len()) && sent.as_bytes().iter().all(|&b| sane(b)) {
            prop_assert_eq!(given, sent);
        } else {
            prop_assert!(given.len() == 32 && given.as_bytes().iter().all(u8::is_ascii_hexdigit), "{given:?}");
        }
    }

    #[test]
    fn an_accepted_origin_is_one_that_a_browser_could_send(
        text in prop_oneof![text(), "(https?|ftp|HTTP)://[a-zA-Z0-9.@*\\[\\]:-]{0,12}(:(80|443|3000))?[/?#]?"],
    ) {
        if let Some(Cors::Origins(origins)) = Cors::parse(&text) {
            for origin in origins {
                let (scheme, host) = origin.split_once("://").unwrap();
                prop_assert!(matches!(scheme, "http" | "https"), "{origin}");
                let host_byte = |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/?#@*,".contains(&b);
                prop_assert!(!host.is_empty() && host.bytes().all(host_byte), "{origin}");
                prop_assert!(!(scheme == "http" && host.ends_with(":80")), "{origin}");
                prop_assert!(HeaderValue::from_str(&origin).is_ok());
                prop_assert_eq!(Cors::parse(&origin), Some(Cors::Origins(vec![origin])));
            }
        }
    }

    #[test]
    fn an_accepted_value_can_be_used(text in prop_oneof![text(), "-?[0-9]{1,22}[.eE_]?[0-9]{0,9} ?[a-zA-Z]{0,6}"]) {
        if let Some(duration) = parse::duration(&text) {
            prop_assert!(!duration.is_zero());
            let _ = (Instant::now() + duration, tokio::time::Instant::now() + duration);
        }
        prop_assert!(parse::duration_or_zero(&text).is_none_or(|zero| zero.is_zero() || parse::duration(&text).is_some()));
        prop_assert!(parse::size(&text) != Some(0) && parse::count(&text) != Some(0));
        if let Some(token) = parse::token(&text) {
            prop_assert!(HeaderValue::try_from(token).is_ok());
        }
        let _ = (parse::small(&text), parse::port(&text), parse::address(&text));
        let _ = (Level::parse(&text), Format::parse(&text));
    }

    #[test]
    fn a_duration_is_parsed_as_written(seconds in 1..3_000_000_000_u64, millis in 0..1_000_u64) {
        let duration = Duration::from_secs(seconds) + Duration::from_millis(millis);
        prop_assert_eq!(parse::duration(&humantime::format_duration(duration).to_string()), Some(duration));
        prop_assert_eq!(parse::size(&format!("{seconds}KiB")), Some(seconds as usize * 1024));
    }

    #[test]
    fn a_json_line_is_one_line_with_the_logged_values(message in text(), value in text(), shown in text()) {
        let fields = [("value", Value::Str(&value)), ("shown", Value::Show(&shown)), ("count", Value::Int(7))];
        let line = Log::new(Level::Info, Format::Json).line(SystemTime::now(), Level::Warn, &message, &fields);
        prop_assert_eq!(line.find(|c: char| c.is_control()), Some(line.len() - 1), "{:?}", line);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&read["message"], &message);
        prop_assert_eq!(&read["value"], &value);
        prop_assert_eq!(&read["shown"], &shown);
    }

    #[test]
    fn a_text_line_is_one_line_whose_fields_cannot_be_forged(value in text()) {
        let fields = [("value", Value::Str(&value)), ("end", Value::Int(7))];
        let line = Log::new(Level::Info, Format::Text).line(SystemTime::now(), Level::Warn, "said", &fields);
        prop_assert_eq!(line.find(|c: char| c.is_control()), Some(line.len() - 1), "{:?}", line);
        let shown = line.split_once("said value=").unwrap().1.strip_suffix(" end=7\n").unwrap();
        let read = serde_json::from_str(shown).unwrap_or_else(|_| shown.to_owned());
        prop_assert_eq!(&read, &value);
        let quoted = shown.starts_with('"') && shown.ends_with('"') && shown.len() > 1;
        prop_assert!(quoted || !shown.contains([' ', '=', '"']), "{line:?}");
    }

    #[test]
    fn a_malformed_env_file_is_reported_by_line_number(text in text()) {
        if let Err(line) = env_file::parse(&text) {
            prop_assert!((1..=text.lines().count()).contains(&line), "{line}");
        }
    }

    #[test]
    fn an_env_file_has_its_values_up_to_the_malformed_line(
        lines in vec(select(vec!["A1=b", "# c d", "", "export E=f", "G='h\n\ni' # j", "K=\"l # m\""]), 0..8),
        values in vec("[ -&(-\\[\\]-~\n]{0,20}", 0..4),
        bad in select(vec!["no equals", "1=a", "A=b c", "=", "A='never closed", "A=\\x"]),
    ) {
        let mut file: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut expected = env_file::Values::new();
        for (n, value) in values.iter().enumerate() {
            file += &format!("V{n}='{value}'\n");
            expected.insert(format!("V{n}"), OsString::from(value));
        }
        let mut read = env_file::parse(&file).unwrap();
        read.retain(|name, _| name.starts_with('V'));
        prop_assert_eq!(read, expected);
        let number = file.lines().count() + 1;
        prop_assert_eq!(env_file::parse(&format!("{file}{bad}\nZ=after\n")), Err(number));
    }

    #[test]
    fn any_arguments_are_parsed_or_rejected_with_one_sentence(args in vec(prop_oneof![text(), select(vec!["check", "--env-file", "--help"]).prop_map(str::to_owned)], 0..4)) {
        let all = std::iter::once("service".to_owned()).chain(args).map(OsString::from);
        if let Err(error) = cli::parse::<()>(all, &[]) {
            let message = error.to_string();
            prop_assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
        }
    }

    #[test]
    fn constant_time_eq_is_equality(a in "[ab]{0,4}", b in "[ab]{0,4}") {
        prop_assert_eq!(constant_time_eq(a.as_bytes(), b.as_bytes()), a == b);
    }

    #[test]
    fn a_query_has_the_pairs_that_were_encoded(pairs in vec((text(), text()), 0..6)) {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(&pairs);
        let mut expected = pairs.clone();
        expected.sort_by(|(one, _), (other, _)| one.cmp(other)); // stable: the values of a name keep their order
        prop_assert_eq!(query::pairs(&encoded.finish()).unwrap(), expected);
    }

    #[test]
    fn any_query_is_read_as_browsers_write_it_or_rejected(text in "([a-c=&+]|%[0-9A-F]{0,2}|\\PC){0,30}") {
        if let Ok(pairs) = query::pairs(&text) {
            let mut expected: Vec<_> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            expected.sort_by(|(one, _), (other, _)| one.cmp(other));
            prop_assert_eq!(pairs, expected);
        } else {
            prop_assert!(text.contains('%'), "{text}");
        }
    }

    #[test]
    fn a_wrong_value_anywhere_in_json_is_located(
        before in vec("\\PC{0,6}", 0..3), levels in vec(prop_oneof![any::<u8>().prop_map(Ok), "[a-z]{1,3}".prop_map(Err)], 1..6),
    ) {
        let (mut open, mut path) = (String::new(), String::new());
        for level in &levels {
            match level {
                Ok(number) => {
                    let number = number % 4;
                    open += &format!("[ {}", "{\"a\": [7]},\n".repeat(number.into()));
                    path += &format!("[{number}]");
                }
                Err(name) => {
                    open += "{";
                    for (n, text) in before.iter().enumerate() {
                        open += &format!("\"_{n}\" : {},", serde_json::Value::from(text.as_str()));
                    }
                    open += &format!("\"{name}\" :\n ");
                    path += &format!("{}{name}", if path.is_empty() { "" } else { "." });
                }
            }
        }
        let (line, column) = (open.matches('\n').count() + 1, open.len() - open.rfind('\n').map_or(0, |at| at + 1));
        prop_assert_eq!(location::field_at(format!("{open}true, more").as_bytes(), line, column + 4), path);
    }

    #[test]
    fn any_bytes_have_a_location(text in vec(select(b"{}[]\",:\\a\n\xff".to_vec()), 0..60), line in any::<usize>(), column in any::<usize>()) {
        let path = location::field_at(&text, line, column);
        prop_assert!(path.len() <= 4 * text.len(), "{path}"); // "[0]" or U+FFFD, and a dot, for each byte
    }
}
