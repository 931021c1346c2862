use std::collections::BTreeMap;
use std::process::Command;

use python_backend::SERVICE;
use space_kit::testing::{Process, assert_contract_fits, assert_documented};

const MANUAL: &str = include_str!("../../README.md");
const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/clients/");

#[test]
fn the_contract_lists_exactly_the_routes() {
    assert_contract_fits(&SERVICE);
}

#[test]
fn the_manual_and_the_example_file_say_what_the_parser_does() {
    assert_documented(&SERVICE, MANUAL, include_str!("../../.env.example"));
}

/// The set-ups in the manual's table: each name, and its variables.
fn set_ups() -> Vec<(String, BTreeMap<String, String>)> {
    let table = MANUAL.split("### Six common set-ups").nth(1).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|')).map(|row| row.replace("\\|", "\u{0}"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let code = cells[2].split('`').skip(1).step_by(2);
        let pairs = code.map(|pair| pair.split_once('=').unwrap());
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.replace('\u{0}', "|")));
        (cells[1].to_owned(), pairs.collect())
    })
    .collect()
}

#[test]
fn each_set_up_of_the_manual_is_valid_and_check_explains_it() {
    let explained = [
        &["1: https://router.huggingface.co/v1, key in: authorization, models: *"][..],
        &[
            "1: http://vllm:8000/v1, key in: none (HF_TOKEN is only for Hugging Face), models: org/mine",
            "2: https://router.huggingface.co/v1, key in: authorization, models: *",
        ],
        &["1: https://api.provider.example/v1, key in: authorization, models: *"],
        &["1: https://api.anthropic.com/v1, key in: x-api-key, models: *"],
        &["1: https://NAME.openai.azure.com/openai/v1, key in: api-key, models: my-deployment"],
        &[
            "1: http://gpu-1:8000/v1, key in: none, models: *",
            "1: http://gpu-2:8000/v1, key in: none, models: *",
        ],
    ];
    let set_ups = set_ups();
    assert_eq!(set_ups.len(), explained.len());
    for ((name, variables), lines) in set_ups.into_iter().zip(explained) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_python-backend"));
        // A placeholder is rejected, so the reader's own secret takes its place.
        let filled = variables.iter().map(|(name, value)| (name, value.replace("YOUR", "the")));
        command.arg("check").env_clear().envs(filled);
        let output = Process::run(command);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let expected: String = lines.iter().map(|line| format!("  UPSTREAM_URL {line}\n")).collect();
        let (explanation, _) = text.split_once("limits:\n").unwrap();
        let explanation: String =
            explanation.split_inclusive('\n').filter(|line| line.starts_with("  UPSTREAM_URL ")).collect();
        assert_eq!(explanation.to_lowercase(), expected.to_lowercase(), "{name}");
    }
}

/// What the command `client` prints.
fn client(arguments: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_python-backend"));
    command.arg("client").args(arguments).env_clear().envs(env.iter().copied());
    let output = Process::run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_manual_and_the_clients_pages_have_the_code_that_the_command_prints() {
    let list = client(&[], &[]);
    let local = "base URL: http://127.0.0.1:7860/v1 (anthropic: http://127.0.0.1:7860)\nkey:      none\nmodel:    demo\n";
    assert!(list.starts_with(local), "{list}");
    let names = list.trim_end().rsplit_once(": ").unwrap().1.split(", ");
    let names: Vec<&str> = names.filter(|name| !["codex", "claude"].contains(name)).collect();
    assert_eq!(names.len(), 8, "{list}");
    for name in names {
        let page = match name {
            "openai" => "openai-python",
            "curl" => "README",
            name => name,
        };
        let text = std::fs::read_to_string(format!("{PAGES}{page}.md")).unwrap();
        let code = client(&[name], &[]);
        let machine = text.split("\n## ").find(|section| section.starts_with("On your machine\n")).unwrap();
        assert!(machine.contains(&format!("\n{code}```\n")), "{page} should have:\n{code}");
    }
    let keyed = ("API_KEYS", "site:0123456789abcdefghij");
    for name in ["openai", "openai-js", "curl"] {
        let code = client(&[name], &[keyed]);
        assert!(MANUAL.contains(&format!("\n{code}```\n")), "the manual should have:\n{code}");
    }
    let env = [keyed, ("UPSTREAM_URL", "http://127.0.0.1:1/v1"), ("DEFAULT_MODEL", "MODEL")];
    for name in ["codex", "claude"] {
        let code = client(&[name, "https://OWNER-NAME.hf.space"], &env);
        assert_eq!(code, client(&[name, "https://OWNER-NAME.hf.space/v1/"], &env));
        assert!(MANUAL.contains(&format!("\n{code}```\n")), "the manual should have:\n{code}");
        let demo = client(&[name], &[]);
        assert!(demo.contains("'/call ") && demo.contains("http://127.0.0.1:7860"), "{demo}");
    }
}

#[test]
fn an_unknown_client_is_an_error_that_suggests_one() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_python-backend"));
    command.args(["client", "claude-code"]).env_clear();
    let output = Process::run(command);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("did you mean claude?") && text.contains("openai-js"), "{text}");
}
