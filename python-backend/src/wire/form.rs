//! The `model` field of a multipart form, such as an upload of audio: found and replaced without reading the files.

use bytes::Bytes;
use space_kit::Error;

use crate::errors::openai::invalid;
use crate::json::Span;

/// A form whose fields have been found.
pub(crate) struct Form {
    pub(crate) text: Bytes,
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    /// The value of `model`, if the form has one.
    model: Option<Span>,
}

impl Form {
    /// Reads a form, whose boundary is in the content type. It accepts one spelling only, because the upstream must
    /// read the same model: parts begin and end with CRLF, names are plain, and there is one `model`.
    ///
    /// # Errors
    ///
    /// 400 if the form is not of that kind.
    pub(crate) fn read(text: Bytes, content_type: &str) -> Result<Form, Error> {
        let delimiter =
            [b"--", boundary(content_type).ok_or_else(|| unreadable("its boundary"))?.as_bytes()].concat();
        let mut model = None;
        let mut start = None; // of the part before the delimiter
        let mut places = places(&text, &delimiter);
        loop {
            let Some(at) = places.next() else { return Err(unreadable("its end")) };
            let end = match (at, start) {
                (0, _) => 0,
                (_, None) => return Err(unreadable("its beginning")),
                _ => at
                    .checked_sub(2)
                    .filter(|end| text.get(*end..at) == Some(b"\r\n"))
                    .ok_or_else(|| unreadable("a line end"))?,
            };
            if let Some(part) = start.map(|start| start..end)
                && let Some(value) = model_in(&text, &part)?
                && model.replace(value).is_some()
            {
                return Err(invalid("model", "the form has more than one model"));
            }
            let after = at.saturating_add(delimiter.len());
            let content = after.saturating_add(2);
            match text.get(after..content) {
                Some(b"\r\n") => start = Some(content),
                Some(b"--") if places.next().is_none() => break,
                _ => return Err(unreadable("a boundary")),
            }
        }
        drop(places);
        Ok(Form { text, delimiter, model })
    }

    /// The model's name, if the form has one.
    ///
    /// # Errors
    ///
    /// 400 if it is not a model's name.
    pub(crate) fn model(&self) -> Result<Option<&str>, Error> {
        let Some(place) = &self.model else { return Ok(None) };
        let name = self.text.get(place.clone()).and_then(|name| std::str::from_utf8(name).ok());
        let is_name = |name: &&str| !name.is_empty() && name.len() <= 256 && !name.contains(char::is_control);
        Ok(Some(name.filter(is_name).ok_or_else(|| invalid("model", "model must be the id of a model"))?))
    }

    /// The form with another model.
    pub(crate) fn with_model(&self, model: &str) -> Bytes {
        let (before, value, after) = match &self.model {
            Some(place) => (self.text.get(..place.start), model.to_owned(), self.text.get(place.end..)),
            None => {
                let delimiter = String::from_utf8_lossy(&self.delimiter);
                let head = "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n";
                (None, format!("{delimiter}{head}{model}\r\n"), self.text.get(..))
            }
        };
        [before.unwrap_or_default(), value.as_bytes(), after.unwrap_or_default()].concat().into()
    }
}

/// Whether a content type is a form's. The upstream may read one even if its boundary is wrong here.
pub(crate) fn is_form(content_type: &str) -> bool {
    content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
}

/// The boundary of a form's content type.
fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    // Readers differ in which of two they take, and in whether they know `boundary*`.
    let is_boundary =
        |parameter: &&str| parameter.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("boundary"));
    let mut given = parameters.split(';').map(str::trim).filter(is_boundary);
    let parameter = given.next().filter(|_| given.next().is_none())?.get(8..)?.strip_prefix('=')?;
    let value = parameter.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(parameter);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    let is_form = kind.trim().eq_ignore_ascii_case("multipart/form-data");
    (is_form && (1..=70).contains(&value.len()) && value.bytes().all(is_plain)).then_some(value)
}

/// The places of the delimiter, in order.
fn places(text: &[u8], delimiter: &[u8]) -> impl Iterator<Item = usize> {
    let mut from = 0_usize;
    std::iter::from_fn(move || {
        loop {
            // A delimiter begins with a dash: most bytes of a file are skipped by this search.
            let at = from.saturating_add(text.get(from..)?.iter().position(|b| *b == b'-')?);
            from = at.saturating_add(1);
            if text.get(at..)?.starts_with(delimiter) {
                from = at.saturating_add(delimiter.len());
                return Some(at);
            }
        }
    })
}

/// The value of a part, if it is the model's.
fn model_in(text: &[u8], part: &Span) -> Result<Option<Span>, Error> {
    let inner = text.get(part.clone()).ok_or_else(|| unreadable("a part"))?;
    let end = inner.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| unreadable("a part"))?;
    let head = inner
        .get(..end)
        .and_then(|head| std::str::from_utf8(head).ok())
        .ok_or_else(|| unreadable("a part"))?;
    let mut name = None;
    let mut is_encoded = false;
    for line in head.split("\r\n") {
        let (key, value) = line.split_once(':').ok_or_else(|| unreadable("a part's header"))?;
        if key.eq_ignore_ascii_case("content-disposition") {
            let found = value.trim().strip_prefix("form-data;").and_then(field_name);
            let found = found.filter(|_| name.is_none()).ok_or_else(|| unreadable("a part's name"))?;
            name = Some(found);
        }
        is_encoded |= key.eq_ignore_ascii_case("content-transfer-encoding");
    }
    match name {
        None => Err(unreadable("a part's name")),
        Some("model") if is_encoded => Err(unreadable("the encoded model")),
        Some("model") => Ok(Some(part.start.saturating_add(end).saturating_add(4)..part.end)),
        Some(_) => Ok(None),
    }
}

/// The name of a field: the first parameter, as every client sends it.
fn field_name(parameters: &str) -> Option<&str> {
    let (name, rest) = parameters.trim().strip_prefix("name=\"")?.split_once('"')?;
    let is_plain = |b: u8| b.is_ascii_graphic() && b != b'\\' && b != b'%';
    let is_only = rest.is_empty()
        || rest.starts_with(';')
            && !rest.to_ascii_lowercase().split("filename").any(|part| part.contains("name"));
    (is_only && name.bytes().all(is_plain)).then_some(name)
}

fn unreadable(what: &'static str) -> Error {
    invalid(
        "model",
        format!("the form cannot be read for its model: {what} is not as multipart/form-data requires"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; boundary=b";

    fn part(name: &str, value: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    #[test]
    fn the_model_is_found_and_replaced_and_every_other_byte_stays() {
        let file =
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n\r\n-\0-b x\r\n";
        let whole = format!("{file}{}--b--\r\n", part("model", "whisper"));
        let form =
            Form::read(whole.clone().into(), "Multipart/Form-Data; charset=x; Boundary=\"b\"").unwrap();
        assert_eq!(form.model().unwrap(), Some("whisper"));
        assert_eq!(form.with_model("w/2"), whole.replace("whisper", "w/2"));
        let form = Form::read(format!("{file}--b--").into(), TYPE).unwrap();
        assert_eq!(
            (form.model().unwrap(), form.with_model("m")),
            (None, format!("{}{file}--b--", part("model", "m")).into())
        );
    }

    #[test]
    fn a_form_that_another_reader_could_read_otherwise_is_rejected() {
        let (model, end) = (part("model", "a"), "--b--\r\n");
        for odd in [
            format!("{model}{model}{end}"),
            model.clone(),
            model.replace("\r\n", "\n") + end,
            format!("{}\n--b\r\nx: y\r\n\r\n\r\n{end}", part("file", "x\n--b\n")),
            format!("{model}{end}{model}{end}"),
            model.replace("name=\"model\"", "name*=utf-8''model") + end,
            model.replace("name=\"model\"", "name=\"mod\\el\"") + end,
            model.replace("name=\"model\"", "name=\"x\"; name=\"model\"") + end,
            model.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n") + end,
            model.replace("--b\r\n", "--b \r\n") + end,
        ] {
            assert!(Form::read(odd.clone().into(), TYPE).is_err(), "{odd}");
        }
    }

    #[test]
    fn the_boundary_is_the_only_one() {
        for odd in [
            "boundary=b; Boundary=c",
            "boundary*=b",
            "boundary=b; boundary*0=c",
            "x=\"; boundary=b\"",
            "",
            "boundary=",
        ] {
            assert_eq!(boundary(&format!("multipart/form-data; {odd}")), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_rejected(text in "(--b(\r\n|--)?|\r\n|[a:-]|content-disposition: form-data; name=\"(model|x)\"){0,20}") {
            if let Ok(form) = Form::read(text.into(), TYPE) && form.model().is_ok() {
                let changed = Form::read(form.with_model("new"), TYPE).unwrap();
                prop_assert_eq!(changed.model().unwrap(), Some("new"));
            }
        }
    }
}
