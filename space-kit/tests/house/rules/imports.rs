//! Who may import whom, and who may touch the process, its clocks and its random bits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::graph::{Graph, Outside};
use crate::sources::{SOURCES, files};
use crate::tables::{CLOCK_EDGES, CLOCKS, ENVIRONMENT_EDGES, assert_table, is_service, may_import};

/// The folders that hold source files, from `src` down.
fn folders() -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for file in files() {
        let src = SOURCES.package_of(&file.path).folder.join("src");
        let inside = |folder: &&Path| folder.starts_with(&src);
        folders.extend(file.path.ancestors().skip(1).take_while(inside).map(Path::to_owned));
    }
    folders
}

/// For each folder the edges between what is directly in it: a file is a node, and so is a folder with all that is in
/// it. `name.rs` belongs to the folder `name`.
fn levels() -> Vec<(PathBuf, Graph)> {
    let folders = folders();
    let level = |folder: &PathBuf| {
        let inside = SOURCES.graph.filtered(|from, to| from.starts_with(folder) && to.starts_with(folder));
        let graph = inside.grouped(|path| {
            let child = folder.join(path.strip_prefix(folder).unwrap().iter().next().unwrap());
            let beside = child.with_extension("");
            if folders.contains(&beside) { beside } else { child }
        });
        (folder.clone(), graph)
    };
    folders.iter().map(level).collect()
}

/// Cycles that go through a folder. The rule on files reports the other ones.
fn cycles_of_folders<'a>(level: &Path, graph: &'a Graph) -> Vec<BTreeSet<&'a Path>> {
    let folders = folders();
    let mut cycles = graph.cycles();
    cycles.retain(|cycle| cycle.iter().any(|node| *node != level && folders.contains(*node)));
    cycles
}

#[test]
fn files_do_not_import_each_other_in_a_cycle() {
    let graph = &SOURCES.graph;
    let cycles = graph.describe_cycles(&graph.cycles());
    assert!(cycles.is_empty(), "move what both sides need into a file below them:\n{cycles}");
}

#[test]
fn folders_do_not_import_each_other_in_a_cycle() {
    let mut cycles = String::new();
    for (folder, graph) in levels() {
        cycles += &graph.describe_cycles(&cycles_of_folders(&folder, &graph));
    }
    assert!(
        cycles.is_empty(),
        "move a file into the folder that uses it, or what both need below them:\n{cycles}"
    );
}

#[test]
fn a_package_imports_only_the_packages_below_it() {
    let name = |path: &Path| SOURCES.package_of(path).name.as_str();
    let forbidden = SOURCES.graph.filtered(|from, to| !may_import(name(from), name(to)));
    let edges = forbidden.describe();
    assert!(edges.is_empty(), "may_import in tables.rs does not allow:\n{edges}");
    for package in &SOURCES.packages {
        // Only the harness's binaries are without our crates; its Criterion benchmarks call them.
        let is_dependencies = |section: &&str| {
            let header = section.lines().next().unwrap_or_default();
            header.contains("dependencies") && !(package.name == "benches" && header.starts_with("dev-"))
        };
        let text: String = package.manifest.split("\n[").filter(is_dependencies).collect();
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        for other in SOURCES.packages.iter().filter(|other| words.contains(other.name.as_str())) {
            assert!(
                may_import(&package.name, &other.name),
                "{}/Cargo.toml depends on {}, which may_import in tables.rs does not allow",
                package.folder.display(),
                other.name
            );
        }
    }
}

#[test]
fn in_a_service_only_main_imports_lib_and_only_lib_imports_routes() {
    let forbidden = SOURCES.graph.filtered(|from, to| {
        let package = SOURCES.package_of(to);
        let src = package.folder.join("src");
        let (main, lib, routes) = (src.join("main.rs"), src.join("lib.rs"), src.join("routes"));
        let is_routes = |path: &Path| path == routes.with_extension("rs") || path.starts_with(&routes);
        is_service(&package.name)
            && (to == main
                || (to == lib && from != main)
                || (is_routes(to) && from != lib && !is_routes(from)))
    });
    let edges = forbidden.describe();
    assert!(
        edges.is_empty(),
        "main -> lib -> routes -> endpoints is one-way; move what is shared below:\n{edges}"
    );
}

#[test]
fn only_the_command_folder_looks_at_the_process_environment() {
    let mut found = BTreeMap::new();
    for seen in &SOURCES.outside {
        let ships = !seen.file.starts_with("benches");
        if ships && seen.path.starts_with(&["std".to_owned(), "env".to_owned()]) {
            found.insert(seen.file.clone(), format!("{} in line {}", seen.path.join("::"), seen.line));
        }
    }
    let rule =
        "space-kit/src/command/ reads arguments and variables and passes them on; take them from there";
    assert_table(rule, ENVIRONMENT_EDGES, &found);
}

#[test]
fn only_edges_read_clocks_and_draw_random_bits() {
    let mut found: BTreeMap<PathBuf, String> = BTreeMap::new();
    for seen in &SOURCES.outside {
        let is_clock = seen.path.len() >= 2
            && CLOCKS
                .iter()
                .any(|(kind, call)| seen.path.ends_with(&[(*kind).to_owned(), (*call).to_owned()]));
        if is_clock && !seen.file.starts_with("benches") {
            let places = found.entry(seen.file.clone()).or_default();
            write!(places, "{} (line {}) ", seen.path.join("::"), seen.line).unwrap();
        }
    }
    let rule =
        "take the time or the random bits as an argument, or add the file to CLOCK_EDGES with a reason";
    assert_table(rule, CLOCK_EDGES, &found);
}

/// Prints the counts, and fails if the checker no longer sees the code: every other rule would then pass.
#[test]
fn counts_of_files_edges_and_cycles() {
    let graph = &SOURCES.graph;
    let levels = levels();
    let row = |name: &str, mine: &dyn Fn(&Path) -> bool| {
        let own = graph.filtered(|from, to| mine(from) && mine(to));
        let levels = levels.iter().filter(|(path, _)| mine(path));
        println!(
            "{name}: {} files, {} edges, {} cycles of {} files, {} cycles of folders",
            files().filter(|file| mine(&file.path)).count(),
            own.edges.len(),
            own.cycles().len(),
            own.cycles().iter().map(BTreeSet::len).sum::<usize>(),
            levels.map(|(path, level)| cycles_of_folders(path, level).len()).sum::<usize>(),
        );
    };
    for package in &SOURCES.packages {
        row(&package.name, &|path| SOURCES.package_of(path).folder == package.folder);
    }
    row("all", &|_| true);
    let kit =
        graph.edges.keys().filter(|(from, to)| from.starts_with("space-kit") && to.starts_with("space-kit"));
    assert!(kit.count() >= 100, "the kit has more than 100 edges; the checker sees fewer");
    assert!(SOURCES.has("space-kit") && files().count() >= 40, "the walk found too few files");
}

#[test]
fn every_path_into_the_workspace_leads_somewhere() {
    let describe =
        |lost: &Outside| format!("  {}:{}: {}", lost.file.display(), lost.line, lost.path.join("::"));
    let lost: Vec<String> = SOURCES.lost.iter().map(describe).collect();
    assert!(
        lost.is_empty(),
        "resolve.rs cannot follow these paths; if they compile, extend it:\n{}",
        lost.join("\n")
    );
}
