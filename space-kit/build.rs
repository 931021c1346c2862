//! Passes the compiler's version and the target to `--version` and the metrics, and writes the certificate authorities
//! for `roots.rs`.

use std::process::Command;

#[allow(clippy::disallowed_methods, clippy::expect_used)] // cargo passes values to build scripts in the environment
fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output().ok();
    let version = version.and_then(|out| String::from_utf8(out.stdout).ok()).unwrap_or_default();
    println!("cargo::rustc-env=KIT_RUSTC={}", version.trim());
    println!("cargo::rustc-env=KIT_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "outgoing")]
    write_roots(&std::env::var("OUT_DIR").expect("cargo sets it"));
}

/// Writes three fields for each authority, each after its length in two big-endian bytes: the name, the public key, and
/// the name constraints, which may be empty.
#[cfg(feature = "outgoing")]
#[allow(clippy::expect_used)]
fn write_roots(folder: &str) {
    let mut block = Vec::new();
    for root in webpki_roots::TLS_SERVER_ROOTS {
        let constraints = root.name_constraints.as_ref().map_or(&[][..], |der| der.as_ref());
        for field in [root.subject.as_ref(), root.subject_public_key_info.as_ref(), constraints] {
            let length = u16::try_from(field.len()).expect("a name or a key has less than 64 KiB");
            block.extend(length.to_be_bytes());
            block.extend(field);
        }
    }
    std::fs::write(format!("{folder}/roots.bin"), block).expect("cargo's folder is writable");
}
