//! JSON text for property tests.

use proptest::prelude::*;

/// JSON text in all its forms, and text that is almost JSON. Keys are repeated at times.
pub(crate) fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(&["null", "true", "false", "1e400", r#""\ud800""#, r#""\udc00x""#][..])
            .prop_map(str::to_owned),
        number(),
        text(),
    ];
    nested(leaf.boxed())
}

/// The same, but always valid.
pub(crate) fn valid_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(&["null", "true", "false", "-0", "1E-999", "\"\""][..]).prop_map(str::to_owned),
        r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        text(),
    ];
    nested(leaf.boxed())
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zé😀 /]{0,9}",
        Just(r"\n\u00e9\ud83d\ude00\/\\".to_owned()),
        Just(r#"\""#.to_owned()),
        Just("\u{7f}".to_owned()),
    ];
    prop::collection::vec(piece, 0..3).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn nested(leaf: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    leaf.prop_recursive(3, 12, 3, |inner| {
        let item = (space(), inner, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}")).boxed();
        let member = (space(), key(), space(), item.clone())
            .prop_map(|(a, key, b, item)| format!("{a}{key}{b}:{item}"));
        prop_oneof![
            (prop::collection::vec(item, 0..3), space())
                .prop_map(|(items, a)| format!("[{a}{}]", items.join(","))),
            (prop::collection::vec(member, 0..4), space())
                .prop_map(|(members, a)| format!("{{{a}{}}}", members.join(","))),
        ]
    })
}

/// Numbers, and texts that are almost numbers.
pub(crate) fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        r"-?[0-9]{1,3}(\.[0-9]{0,3})?([eE][+-]?[0-9]{0,4})?",
        (300_usize..320, r"(\.[0-9]{0,40}|e-[0-9]{1,3})?")
            .prop_map(|(digits, end)| format!("9{}{end}", "0".repeat(digits))),
    ]
}

pub(crate) fn space() -> impl Strategy<Value = String> {
    "[ \n\t\r]{0,2}"
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[r#""a""#, r#""model""#, r#""MODEL""#, r#""m\u006fdel""#, r#""stream""#, r#""é""#, r#""""#][..],
    )
}

/// A text with some of its bytes changed, removed or inserted.
pub(crate) fn mutated(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\ 0eu\x00\xC3"[..])];
    let change = (any::<prop::sample::Index>(), 0..3_u8, byte);
    (text, prop::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut bytes = text.into_bytes();
        for (at, kind, byte) in changes {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(at, byte),
                _ if at == bytes.len() => bytes.push(byte),
                1 => bytes[at] = byte,
                _ => _ = bytes.remove(at),
            }
        }
        bytes
    })
}
