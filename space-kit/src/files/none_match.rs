//! `If-None-Match`: whether a client already has a representation.

/// Whether a field value, `*` or a list of entity tags, has the tag with these characters between its quotes. Tags are
/// compared weakly: `W/"a"` is `"a"` (RFC 9110 sections 8.8.3 and 13.1.2). What follows a malformed tag is ignored, so
/// that the client gets the complete file.
pub(super) fn has(field: &[u8], opaque: &[u8]) -> bool {
    let mut rest = field.trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after; // an empty element, or the end of one (RFC 9110 section 5.6.1)
            continue;
        }
        let Some((tag, after)) = first(rest) else { return false };
        if tag == opaque {
            return true;
        }
        rest = after.trim_ascii_start();
        if !rest.starts_with(b",") {
            return false;
        }
    }
}

/// The characters between the quotes of the tag that the text begins with, and the text after it.
fn first(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"W/").unwrap_or(text).strip_prefix(b"\"")?;
    let end = text.iter().position(|byte| !matches!(byte, b'!' | b'#'..=b'~' | 0x80..))?;
    let (tag, after) = text.split_at_checked(end)?;
    Some((tag, after.strip_prefix(b"\"")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_compared_weakly() {
        for field in ["*", " * ", r#""a""#, r#"W/"a""#, r#""b", "a""#, r#""b",W/"a""#, r#",, "b" , ,"a","#] {
            assert!(has(field.as_bytes(), b"a"), "{field}");
        }
        assert!(has(r#""a,b", "c""#.as_bytes(), b"a,b"), "a comma in a tag does not end it");
    }

    #[test]
    fn other_tags_and_malformed_ones_are_not_found() {
        for field in [
            "",
            ",",
            "a",
            r#""b""#,
            r#""aa""#,
            r#""a"#,
            r#"w/"a""#,
            r#""b" "a""#,
            r#""b"; "a""#,
            r#""b","*""#,
        ] {
            assert!(!has(field.as_bytes(), b"a"), "{field}");
        }
        assert!(!has(r#""a b", "c""#.as_bytes(), b"c"), "a tag has no space");
    }

    proptest! {
        #[test]
        fn a_tag_is_found_in_any_list_that_has_it(
            before in prop::collection::vec("(W/)?\"[!#-~]{0,6}\" {0,2}", 0..4),
            tag in "[!#-~]{0,6}",
            after in prop::collection::vec("(W/)?\"[!#-~]{0,6}\"", 0..4),
        ) {
            let list = [before, vec![format!("\"{tag}\"")], after].concat().join(", ");
            prop_assert!(has(list.as_bytes(), tag.as_bytes()), "{}", list);
        }

        #[test]
        fn any_bytes_are_read_and_a_tag_is_found_only_if_it_is_there(field in prop::collection::vec(any::<u8>(), 0..40)) {
            if has(&field, b"tag") {
                let is_there = field.windows(5).any(|window| window == b"\"tag\"");
                prop_assert!(is_there || field.trim_ascii() == b"*");
            }
        }
    }
}
