//! What a source file may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::sources::{SOURCES, files, texts};
use crate::tables::{UNSAFE, assert_table};
use crate::tokens;

const LONGEST_FILE: usize = 300;

#[test]
fn no_file_is_longer_than_300_lines_without_its_tests() {
    let long = files().filter(|file| file.lines > LONGEST_FILE);
    let names: Vec<String> = long.map(|file| format!("{}: {}", file.path.display(), file.lines)).collect();
    assert!(names.is_empty(), "split these by what they are for:\n  {}", names.join("\n  "));
}

#[test]
fn unsafe_code_is_only_where_the_table_says() {
    let mut found = BTreeMap::new();
    for text in texts() {
        if tokens::has_word(text.text.parse().unwrap(), "unsafe") {
            found.insert(text.path.clone(), "has unsafe code".to_owned());
        }
    }
    assert_table(
        "move it behind a safe function of a file in UNSAFE, or add a row with a reason",
        UNSAFE,
        &found,
    );
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    for text in texts() {
        assert!(text.text.starts_with("//! "), "{}: begin it with a module comment", text.path.display());
    }
}

#[test]
fn what_openai_or_better_auth_want_is_not_in_the_kit() {
    let kit = texts().filter(|text| text.path.starts_with("space-kit"));
    for text in kit.filter(|text| text.path != Path::new("space-kit/src/lib.rs")) {
        let lower = text.text.to_lowercase();
        let named = ["openai", "better_auth", "better-auth"].iter().find(|name| lower.contains(**name));
        assert!(named.is_none(), "{} names {named:?}: move that to the service", text.path.display());
    }
}

#[test]
fn a_crate_reaches_every_file_in_its_folder() {
    let reached: BTreeSet<&Path> = SOURCES.model.files.iter().map(|file| &*file.path).collect();
    let lost: Vec<_> = texts().map(|text| &*text.path).filter(|path| !reached.contains(path)).collect();
    let declared = |(file, name): &(usize, String)| {
        format!("mod {name} in {}", SOURCES.model.files[*file].path.display())
    };
    let missing: Vec<String> = SOURCES.model.missing.iter().map(declared).collect();
    assert!(missing.is_empty(), "these modules have no file: {missing:?}");
    assert!(lost.is_empty(), "no `mod` names these, so that nothing compiles or checks them: {lost:?}");
}
