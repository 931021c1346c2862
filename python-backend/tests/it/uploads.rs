//! Models in multipart forms.

use crate::fake::{Fake, json_answer};
use crate::support::{before, error_of};
use serde_json::json;
use space_kit::testing::{Process, Reply};

fn form(model: &str) -> String {
    let file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n--\r\n-\r\n";
    format!("{file}{model}--b--\r\n")
}

fn field(model: &str) -> String {
    format!("--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n")
}

fn upload(service: &Process, path: &str, body: &str) -> Reply {
    service.request("POST", path, &[("content-type", "multipart/form-data; boundary=b")], body)
}

const AUDIO: &str = "/v1/audio/transcriptions";

#[test]
fn the_model_of_a_form_is_checked_and_replaced_by_its_alias() {
    let fake = Fake::start(|_, stream| json_answer(stream, 200, "", &json!({"text": "hi"}).to_string()));
    let env = [("MODELS", "org/whisper"), ("MODEL_ALIASES", "fast=org/small:groq")];
    let service = before(&fake, &env);
    for (asked, sent) in [("org/whisper", "org/whisper"), ("fast", "org/small:groq")] {
        assert_eq!(upload(&service, AUDIO, &form(&field(asked))).status, 200, "{asked}");
        let seen = fake.next();
        assert_eq!(seen.body, form(&field(sent)));
        assert_eq!(seen.header("content-length"), seen.body.len().to_string());
        assert!(service.log("\"usage\"").contains(&format!("\"model\":\"{asked}\"")));
    }
    let reply = upload(&service, AUDIO, &form(&field("org/other")));
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()));
    for odd in [form(""), form(&[field("fast"), field("org/other")].concat()), "--c\r\n\r\n--c--".to_owned()]
    {
        let reply = upload(&service, AUDIO, &odd);
        assert_eq!(error_of(&reply), (400, "invalid_value".to_owned()), "{odd}");
    }
    assert_eq!(fake.count(), 2);
}

#[test]
fn a_form_without_a_model_gets_the_default_where_a_model_runs() {
    let fake = Fake::json(json!({"id": "file-1"}));
    let service = before(&fake, &[("DEFAULT_MODEL", "org/whisper")]);
    assert_eq!(upload(&service, AUDIO, &form("")).status, 200);
    assert_eq!(
        fake.next().body,
        [field("org/whisper").replace("content-disposition", "Content-Disposition"), form("")].concat()
    );
    for (path, body) in [("/v1/files", form("")), (AUDIO, "--another form--".to_owned())] {
        assert_eq!(upload(&service, path, &body).status, 200);
        assert_eq!(fake.next().body, body, "without MODELS, nothing has to be read");
    }
}

#[test]
fn the_largest_audio_that_openai_accepts_fits_by_default() {
    let fake = Fake::json(json!({"text": "hi"}));
    let body = form(&field("m")).replace("\r\n-\r\n", &format!("\r\n{}\r\n", "a".repeat(25 << 20)));
    assert_eq!(upload(&before(&fake, &[]), AUDIO, &body).status, 200);
    assert_eq!(fake.next().body.len(), body.len());
}
