//! Rules of the house that a machine can check.

use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 300;

/// The packages of this workspace: their folders' names and their manifests.
fn packages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let ours = folders.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("space-") || name.ends_with("-backend")
    });
    ours.map(|path| (path.clone(), fs::read_to_string(path.join("Cargo.toml")).unwrap())).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), fs::read_to_string(path).unwrap()));
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (package, _) in packages() {
        rust_files(&package.join("src"), &mut found);
    }
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("heap/src"), &mut found);
    assert!(found.len() >= 30, "the walk found only {} files", found.len());
    found
}

#[test]
fn no_source_file_is_longer_than_300_lines() {
    let long: Vec<_> =
        sources().into_iter().filter(|(_, text)| text.lines().count() > LONGEST_FILE).collect();
    let names: Vec<_> = long.iter().map(|(path, text)| (path, text.lines().count())).collect();
    assert!(names.is_empty(), "split these: {names:?}");
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} has no module comment", path.display());
    }
}

#[test]
fn unsafe_code_is_in_the_heap_and_three_other_files_alone() {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let has_unsafe = code.flat_map(|line| line.split(|c| !is_word(c))).any(|word| word == "unsafe");
        let known = ["listen.rs", "process.rs", "shutdown.rs"].map(|file| format!("space-kit/src/{file}"));
        let in_heap = path.starts_with(Path::new(env!("CARGO_MANIFEST_DIR")).join("heap/src"));
        let is_known = known.iter().any(|file| path.ends_with(file));
        assert!(in_heap || has_unsafe == is_known, "{}", path.display());
    }
}

#[test]
fn the_kit_knows_no_service_and_no_service_another() {
    let packages = packages();
    let names: Vec<String> =
        packages.iter().map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    for ((path, manifest), own) in packages.iter().zip(&names) {
        for other in names.iter().filter(|other| *other != own && *other != "space-kit") {
            assert!(!manifest.contains(other.as_str()), "{} names {other}", path.display());
        }
    }
}

#[test]
fn what_openai_or_better_auth_want_is_not_in_the_kit() {
    for (path, text) in sources() {
        let kit = path.starts_with(env!("CARGO_MANIFEST_DIR")) && !path.ends_with("lib.rs");
        let named =
            ["openai", "better_auth", "better-auth"].iter().find(|name| text.to_lowercase().contains(**name));
        // `/openapi.json` is every service's own.
        assert!(!kit || named.is_none(), "{} names {named:?}", path.display());
    }
}
