//! Hands the compiler's version and the target to `--version` and the metrics.

use std::process::Command;

#[allow(clippy::disallowed_methods)] // cargo speaks to build scripts through the environment
fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output().ok();
    let version = version.and_then(|out| String::from_utf8(out.stdout).ok()).unwrap_or_default();
    println!("cargo::rustc-env=KIT_RUSTC={}", version.trim());
    println!("cargo::rustc-env=KIT_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    println!("cargo::rerun-if-changed=build.rs");
}
