//! Names that a reader must not meet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use crate::model::Crate;
use crate::sources::SOURCES;
use crate::tables::{FORBIDDEN_MODULES, FORBIDDEN_TYPES};

#[test]
fn types_have_the_names_that_the_field_gives_them() {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let forbidden = FORBIDDEN_TYPES.map(capital);
    let mut found = String::new();
    for text in &SOURCES.rust {
        for (number, line) in text.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(word) = words.find(|word| forbidden.iter().any(|name| name == word)) {
                writeln!(found, "  {}:{}: {word}", text.path.display(), number + 1).unwrap();
            }
        }
    }
    assert!(found.is_empty(), "use the field's word (the glossary in ARCHITECTURE.md):\n{found}");
}

#[test]
fn files_and_modules_have_the_names_that_the_field_gives_them() {
    let mut found = String::new();
    for text in &SOURCES.rust {
        if text.path.with_extension("").iter().any(|part| FORBIDDEN_MODULES.iter().any(|name| part == *name))
        {
            writeln!(found, "  {}", text.path.display()).unwrap();
        }
    }
    for (file, name) in &SOURCES.model.inline {
        if FORBIDDEN_MODULES.contains(&name.as_str()) {
            writeln!(found, "  mod {name} in {}", SOURCES.model.files[*file].path.display()).unwrap();
        }
    }
    assert!(found.is_empty(), "use the field's word (the glossary in ARCHITECTURE.md):\n{found}");
}

#[test]
fn no_two_types_visible_across_the_files_of_a_crate_share_a_name() {
    let model = &SOURCES.model;
    let graph = &SOURCES.graph;
    let mut by_name: BTreeMap<(usize, &str), BTreeSet<(&Path, usize)>> = BTreeMap::new();
    for kind in &model.types {
        let module = &model.modules[kind.module];
        let path = &*model.files[module.file].path;
        // A file below can name a private type of a file above.
        let named =
            || graph.edges.iter().any(|((_, to), names)| to == path && names.contains_key(&kind.name));
        if !module.block && (kind.visible || named()) {
            by_name.entry((module.krate, &kind.name)).or_default().insert((path, kind.line));
        }
    }
    let mut found = String::new();
    for ((krate, name), places) in by_name {
        let files: BTreeSet<&Path> = places.iter().map(|(path, _)| *path).collect();
        if files.len() > 1 {
            let places: Vec<String> =
                places.iter().map(|(path, line)| format!("{}:{line}", path.display())).collect();
            let Crate { name: krate, .. } = &model.crates[krate];
            writeln!(found, "  {krate}::…::{name}: {}", places.join(", ")).unwrap();
        }
    }
    assert!(found.is_empty(), "rename all but one of each, or make it private to its file:\n{found}");
}
