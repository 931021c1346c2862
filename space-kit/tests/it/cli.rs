//! The command line.

use std::io::{Read, Write};
use std::path::PathBuf;

use space_kit::testing::Process;
use space_kit::vars;

use crate::support::{command, start};

/// Exit status, standard output, standard error.
fn run(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = Process::run(command(args, env));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A file of one test, removed at its end.
struct EnvFile(PathBuf);

impl EnvFile {
    fn new(name: &str, text: impl AsRef<[u8]>) -> EnvFile {
        let path = std::env::temp_dir().join(format!("kit-{}-{name}.env", std::process::id()));
        std::fs::write(&path, text).unwrap();
        EnvFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn help_lists_every_variable_with_default_and_meaning() {
    for flag in ["--help", "-h"] {
        let (status, out, err) = run(&[flag], &[("PORT", "not a port")]);
        assert_eq!((status, err.as_str()), (Some(0), ""), "help needs no valid configuration");
        for var in vars::ALL {
            assert!(out.contains(&format!("\n  {}\n      {}\n", var.name, var.meaning)), "{}", var.name);
            assert!(out.contains(&format!("accepted: {}\n", var.accepts)), "{}", var.name);
        }
        assert!(out.contains("  PORT\n      port to listen on\n      default: 7860;"), "{out}");
        assert!(out.contains("default: 64KiB; accepted: a size"), "the service's own default:\n{out}");
        assert!(!out.contains("1MiB;"), "the replaced default is not shown:\n{out}");
        assert!(out.contains("  GREETING\n      what GET /hello says\n      default: hello;"), "{out}");
        for word in ["check", "healthcheck", "--env-file", "--version"] {
            assert!(out.contains(word), "{word}");
        }
    }
}

#[test]
fn version_names_service_compiler_and_target() {
    let (status, out, _) = run(&["--version"], &[]);
    assert_eq!(status, Some(0));
    assert!(out.starts_with(concat!("probe ", env!("CARGO_PKG_VERSION"), " (rustc 1.")), "{out}");
    assert!(out.contains(std::env::consts::ARCH) && out.ends_with(")\n"), "{out}");
}

#[test]
fn an_unknown_argument_exits_with_64() {
    for args in [&["serve"][..], &["--prot", "80"], &["check", "check"], &["--env-file"], &[""]] {
        let (status, out, err) = run(args, &[]);
        assert_eq!((status, out.as_str()), (Some(64), ""), "{args:?}");
        assert!(err.contains("probe --help"), "{err}");
    }
}

#[test]
fn check_validates_and_does_not_listen() {
    let taken = start(&[]);
    let port = taken.address.port().to_string();
    let (status, out, _) = run(&["check"], &[("PORT", &port)]);
    assert_eq!(status, Some(0));
    let told = "probe: the configuration is valid\nlimits:\n  MAX_BODY_BYTES: 64KiB\n  HEADER_TIMEOUT: 10s\n";
    assert!(out.starts_with(told), "{out}");
    assert!(out.contains("\nmemory:\n  MAX_CONNECTIONS: ") && out.contains("\n  together: "), "{out}");
}

#[test]
fn check_suggests_the_variable_that_a_misspelled_name_means() {
    let (status, out, _) =
        run(&["check"], &[("GREETIN", "hi"), ("PORTS", "1"), ("PORT", "7860"), ("OTHER", "1")]);
    let told = "probe: the configuration is valid\n  GREETIN is unknown; did you mean GREETING?\nlimits:\n";
    assert!(status == Some(0) && out.starts_with(told), "PORT is set, so PORTS is something else: {out}");
}

#[test]
fn a_misspelled_name_is_told_beside_the_problems_that_it_may_have_caused() {
    for args in [&[][..], &["check"]] {
        let (status, out, err) = run(args, &[("GREETIN", "hi"), ("PORT", "none")]);
        assert_eq!((status, out.as_str()), (Some(64), ""), "{args:?}");
        assert!(err.starts_with("probe: 2 problems\n  PORT"), "{err}");
        assert!(err.contains("\n  GREETIN is unknown; did you mean GREETING?\n"), "{err}");
    }
}

#[test]
fn healthcheck_is_0_only_for_a_service_that_is_ready() {
    let process = start(&[("HOST", "127.0.0.1")]);
    let port = process.address.port().to_string();
    let check = |host| run(&["healthcheck"], &[("HOST", host), ("PORT", &port)]);
    assert_eq!(check("127.0.0.1").0, Some(0));
    assert_eq!(check("0.0.0.0").0, Some(0), "a wildcard is asked over loopback");

    process.stop();
    let (status, _, err) = check("127.0.0.1");
    assert_eq!(status, Some(1));
    assert!(err.contains("refused"), "{err}");

    let unready = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = unready.local_addr().unwrap().port().to_string();
    let answer = std::thread::spawn(move || {
        let mut stream = unready.accept().unwrap().0;
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").unwrap();
        _ = stream.read_to_end(&mut Vec::new());
    });
    let (status, _, err) = run(&["healthcheck"], &[("PORT", &port)]);
    answer.join().unwrap();
    assert_eq!(status, Some(1));
    assert!(err.contains("503"), "{err}");
}

#[test]
fn healthcheck_fails_for_a_service_that_does_not_respond() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    assert_eq!(run(&["healthcheck"], &[("PORT", &port)]).0, Some(1));
}

#[test]
fn the_environment_takes_precedence_over_the_env_file() {
    let file = EnvFile::new("both", "GREETING='from the file'\nLOG_LEVEL=debug\n");
    let mut command =
        command(&["--env-file", file.path()], &[("GREETING", "from outside"), ("LOG_LEVEL", "")]);
    command.stdin(std::process::Stdio::null());
    let process = Process::spawn(command);
    assert_eq!(process.get("/hello").json(), "from outside");
    process.get("/health");
    process.log("/health"); // at debug level: the empty value counts as unset
}

#[test]
fn a_malformed_line_of_the_env_file_is_reported_by_number_only() {
    for (number, text) in [
        (2, "PORT=8000\nHF_TOKEN hf_secret\n"),
        (
            3,
            "# hf_secret\nA=hf_secret word\nhf_secret\n"
                .replace("A=hf_secret word", "A='hf_secret word'")
                .as_str(),
        ),
        (3, "# hf_secret hf_secret\n\nTOKEN=hf_secret hf_secret\n"),
        (2, "A=1\nTOKEN='hf_secret\nB=2\nC=3\n"),
        (4, "A='one\ntwo'\n\nTOKEN=\"hf_secret\nB=2\n"),
        (1, "TOKEN=hf_\\secret"),
    ] {
        let file = EnvFile::new(&format!("bad{number}"), text);
        let (status, out, err) = run(&["check", "--env-file", file.path()], &[]);
        assert_eq!((status, out.as_str()), (Some(64), ""), "{text}");
        assert!(err.contains(&format!("line {number} ")), "{text:?} gives {err}");
        assert!(!err.contains("secret"), "{err}");
    }
}

#[test]
fn an_unreadable_env_file_is_named() {
    let (status, _, err) = run(&["--env-file", "/nowhere/.env"], &[]);
    assert_eq!(status, Some(64));
    assert!(err.contains("cannot read /nowhere/.env: No such file"), "{err}");
    let binary = EnvFile::new("binary", b"TOKEN=\xff\xfe\n");
    let (status, _, err) = run(&["check", "--env-file", binary.path()], &[]);
    assert_eq!(status, Some(64));
    assert!(err.contains(&format!("cannot read {}", binary.path())), "{err}");
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_name() {
    let file = EnvFile::new("bom", "\u{feff}PORT=8000\n");
    assert_eq!(run(&["check", "--env-file", file.path()], &[]).0, Some(0));
}
