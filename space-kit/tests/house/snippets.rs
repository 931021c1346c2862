//! The checker on small crates: what it must see, and what it must not take for an edge.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::collect::add_crate;
use crate::graph::{self, Graph, Outside};
use crate::model::{File, Model};

/// Reads the crates `kit` and `app` from files by their paths below a folder with two letters less: `kit/a.rs`.
fn model(files: &[(&str, &str)]) -> Model {
    let texts: HashMap<PathBuf, &str> =
        files.iter().map(|(path, text)| (PathBuf::from(path), *text)).collect();
    let mut model = Model::default();
    for root in ["kit/lib.rs", "app/lib.rs", "app/main.rs"].map(Path::new) {
        if texts.contains_key(root) {
            let name = root.iter().next().unwrap().to_str().unwrap();
            add_crate(&mut model, name, root, &|path| texts.get(path).map(|text| (*text).to_owned()));
        }
    }
    model
}

fn read(files: &[(&str, &str)]) -> (Graph, Vec<Outside>) {
    let (graph, outside, _) = graph::of_files(&model(files));
    (graph, outside)
}

/// The edges, as `a.rs -> b.rs: item`.
fn edges(files: &[(&str, &str)]) -> Vec<String> {
    let describe = |((from, to), names): (&(PathBuf, PathBuf), &graph::Names)| {
        let names: Vec<&str> = names.keys().map(String::as_str).collect();
        format!("{} -> {}: {}", from.display(), to.display(), names.join(", "))
    };
    read(files).0.edges.iter().map(describe).collect()
}

/// The edges of a crate whose `lib.rs` has these modules: `a` with the text, `b` and `c` with items.
fn edges_of(text: &str) -> Vec<String> {
    edges(&[
        ("kit/lib.rs", "mod a; mod b; mod c; mod d;"),
        ("kit/a.rs", text),
        (
            "kit/b.rs",
            "pub struct B; impl B { pub fn new() {} } pub enum E { One } pub fn f() {} pub const N: u8 = 1;",
        ),
        ("kit/c.rs", "pub use crate::b::*; pub use crate::b::f as renamed; pub struct C;"),
        ("kit/d.rs", "pub mod inner { pub use super::super::c::renamed as g; pub struct D; }"),
    ])
    .into_iter()
    .filter(|edge| edge.starts_with("kit/a.rs"))
    .collect()
}

#[test]
fn a_path_anywhere_in_code_is_an_edge() {
    for text in [
        "use crate::b::B;",
        "use super::b::{B};",
        "use {crate::{b::{self, B}}};",
        "fn f(_: crate::b::B) {}",
        "fn f() -> Vec<Option<super::b::B>> { vec![] }",
        "struct S { field: crate::b::B }",
        "impl Trait for crate::b::B {}",
        "fn f() { let _ = crate::b::B; }",
        "fn f() { crate::b::B::new(); }",
        "fn f() { <crate::b::B>::new(); }",
        "fn f() { <crate::b::B as Clone>::clone(); }",
        "fn f() { match x { crate::b::B => {} } }",
        "fn f() { let x = || async { crate::b::B }; }",
        "fn f<T: From<crate::b::B>>() {}",
        "type T = crate::b::B;",
        "use crate::b as other; fn f(_: other::B) {}",
        "use crate::b; mod inner { use super::b::B; }",
        "fn f() { use crate::b; b::B::new(); }",
        "fn f() { println!(\"{}\", crate::b::B); }",
        "fn f() { tokio::select! { _ = x => { crate::b::B::new(); } } }",
        "use crate::b as other; fn f() { x!(1, [other::B]); }",
        "macro_rules! m { () => { $crate::b::B } }",
        "const C: [u8; { crate::b::B; 1 }] = [0];",
    ] {
        assert_eq!(edges_of(text), ["kit/a.rs -> kit/b.rs: B"], "{text}");
    }
}

#[test]
fn a_variant_and_an_associated_function_lead_to_their_type() {
    for text in ["use crate::b::E; fn f() { E::One; }", "use crate::b::E::One;", "use crate::b::E::*;"] {
        assert_eq!(edges_of(text), ["kit/a.rs -> kit/b.rs: E"], "{text}");
    }
}

#[test]
fn a_re_export_a_glob_and_an_alias_lead_to_the_definition() {
    assert_eq!(edges_of("use crate::c::f;"), ["kit/a.rs -> kit/b.rs: f"], "through a glob");
    assert_eq!(edges_of("use crate::c::renamed;"), ["kit/a.rs -> kit/b.rs: f"], "through an alias");
    assert_eq!(edges_of("use crate::d::inner::g;"), ["kit/a.rs -> kit/b.rs: f"], "through both");
    assert_eq!(
        edges_of("use crate::c::*; fn g(_: C, _: B) { N }"),
        ["kit/a.rs -> kit/b.rs: B, N", "kit/a.rs -> kit/c.rs: C"]
    );
    assert_eq!(edges_of("use crate::d; fn g(_: d::inner::D) {}"), ["kit/a.rs -> kit/d.rs: D"]);
}

#[test]
fn what_names_no_item_of_another_file_is_no_edge() {
    for text in [
        "mod inner { pub struct B; } use inner::B; fn f(_: B) {}",
        "use crate::b;",
        "use crate::b::{self as other};",
        "use crate::c::*;",
        "fn f(x: S) { x.f(); x.B }",
        "//! crate::b::B\n/// [`crate::b::B`]\nfn f() {}",
        "#[derive(b::B)] struct S;",
        "pub(in crate::b) struct S;",
        "fn f() { println!(\"crate::b::B\"); }",
        "fn f<'b>(_: &'b str) { x!(&'f str, y.f); }",
        "use std::b::B; use b::B as C;",
    ] {
        assert_eq!(edges_of(text), [""; 0], "{text}");
    }
}

#[test]
fn code_that_only_tests_compile_is_left_out() {
    for text in [
        "#[cfg(test)] use crate::b::B;",
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(all(test, feature = \"x\"))] fn f() { crate::b::f() }",
        "#[cfg(not(not(test)))] fn f() { crate::b::f() }",
        "#[test] fn f() { crate::b::f() }",
        "#[tokio::test] async fn f() { crate::b::f() }",
        "impl S { #[cfg(test)] fn f() { crate::b::f() } }",
        "#![cfg(test)] use crate::b::B;",
    ] {
        assert_eq!(edges_of(text), [""; 0], "{text}");
    }
    for text in [
        "#[cfg(feature = \"x\")] use crate::b::B;",
        "#[cfg(any(test, feature = \"x\"))] use crate::b::B;",
        "#[cfg(not(test))] use crate::b::B;",
        "#[cfg_attr(test, allow(unused))] use crate::b::B;",
    ] {
        assert_eq!(edges_of(text), ["kit/a.rs -> kit/b.rs: B"], "{text}");
    }
}

#[test]
fn a_test_file_is_one_that_only_test_modules_reach() {
    let model = model(&[
        ("kit/lib.rs", "mod a;\n#[cfg(test)]\nmod helpers;\nfn f() {}\n"),
        ("kit/a.rs", "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n"),
        ("kit/helpers.rs", "mod deep;\n"),
        ("kit/helpers/deep.rs", "use crate::a::f;\n"),
    ]);
    let files: Vec<_> = model
        .files
        .iter()
        .map(|File { path, test, lines }| (path.to_str().unwrap(), *test, *lines))
        .collect();
    assert_eq!(
        files,
        [
            ("kit/lib.rs", false, 2),
            ("kit/a.rs", false, 2),
            ("kit/helpers.rs", true, 0),
            ("kit/helpers/deep.rs", true, 0)
        ]
    );
}

#[test]
fn files_of_modules_are_found_as_rustc_finds_them() {
    let items = "pub struct X;";
    let uses = "fn f(_: a::b::X, _: c::d::X, _: e::f::X, _: g::X, _: h::i::X) {}";
    let modules = "mod a; mod c; mod e { pub mod f; } #[path = \"../else/where.rs\"] mod g; mod h;";
    let found = edges(&[
        ("kit/lib.rs", &format!("{modules} {uses}")),
        ("kit/a.rs", "pub mod b;"),
        ("kit/a/b.rs", items),
        ("kit/c/mod.rs", "pub mod d;"),
        ("kit/c/d.rs", items),
        ("kit/e/f.rs", items),
        ("else/where.rs", "pub use beside::X; mod beside;"),
        ("else/beside.rs", items),
        ("kit/h/mod.rs", "#[path = \"named.rs\"] pub mod i;"),
        ("kit/h/named.rs", items),
    ]);
    let from_root: Vec<_> = found.iter().filter_map(|edge| edge.strip_prefix("kit/lib.rs -> ")).collect();
    let targets = ["else/beside.rs", "kit/a/b.rs", "kit/c/d.rs", "kit/e/f.rs", "kit/h/named.rs"];
    assert_eq!(from_root, targets.map(|file| format!("{file}: X")));
}

#[test]
fn another_crate_and_its_macros_are_edges() {
    let kit = [
        ("kit/lib.rs", "mod run; pub use run::Service;"),
        ("kit/run.rs", "pub struct Service; #[macro_export] macro_rules! program { () => {} }"),
    ];
    let app = [
        ("app/lib.rs", "mod vars; use kit::Service as Kit; pub static SERVICE: Kit = Kit; use vars::PORT;"),
        ("app/main.rs", "kit::program!(app::SERVICE);"),
        (
            "app/vars.rs",
            "kit::vars! { ALL; PORT = 1; } pub(crate) use local; macro_rules! local { () => {} }",
        ),
    ];
    assert_eq!(
        edges(&[kit.as_slice(), app.as_slice()].concat()),
        [
            "app/lib.rs -> app/vars.rs: PORT",
            "app/lib.rs -> kit/run.rs: Service",
            "app/main.rs -> app/lib.rs: SERVICE",
            "app/main.rs -> kit/run.rs: program",
            "kit/lib.rs -> kit/run.rs: Service",
        ]
    );
}

#[test]
fn a_local_name_hides_one_of_a_glob() {
    assert_eq!(edges_of("use crate::b::*; struct B; fn g(_: B) {}"), [""; 0]);
    assert_eq!(
        edges_of("use crate::b::*; mod inner { use super::*; fn g() { f() } }"),
        ["kit/a.rs -> kit/b.rs: f"]
    );
}

#[test]
fn names_from_outside_are_known_by_their_whole_path() {
    let text = "use std::time::{self, Instant as Clock}; fn f() { Clock::now(); time::SystemTime::now(); x.elapsed(); }";
    let (_, outside) = read(&[("kit/lib.rs", text)]);
    let paths: Vec<String> = outside.iter().map(|seen| seen.path.join("::")).collect();
    for path in ["std::time::Instant::now", "std::time::SystemTime::now", "Instant::elapsed"] {
        assert!(paths.iter().any(|seen| seen == path), "{path} is not in {paths:?}");
    }
}

#[test]
fn a_cycle_is_reported_with_the_names_that_make_it() {
    let (graph, _) = read(&[
        ("kit/lib.rs", "mod a; mod b; mod c; mod d;"),
        ("kit/a.rs", "use crate::b::B; pub struct A;"),
        ("kit/b.rs", "pub struct B;\nuse crate::c::C;"),
        ("kit/c.rs", "pub struct C; fn f(_: super::a::A, _: crate::d::D) {}"),
        ("kit/d.rs", "pub struct D;"),
    ]);
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1);
    let paths: Vec<&Path> = cycles[0].iter().copied().collect();
    assert_eq!(paths, ["kit/a.rs", "kit/b.rs", "kit/c.rs"].map(Path::new));
    let text = graph.describe_cycles(&cycles);
    assert!(text.contains("kit/b.rs -> kit/c.rs: C (b.rs:2)") && !text.contains("d.rs"), "{text}");
}

#[test]
fn folders_form_a_cycle_that_their_files_do_not() {
    let (graph, _) = read(&[
        ("kit/lib.rs", "mod a { pub mod one; pub mod two; } mod b;"),
        ("kit/a/one.rs", "pub struct One;"),
        ("kit/a/two.rs", "use crate::b::B;"),
        ("kit/b.rs", "pub struct B(crate::a::one::One);"),
    ]);
    assert!(graph.cycles().is_empty());
    let folders = graph.grouped(|path| path.iter().take(2).collect::<PathBuf>());
    assert_eq!(folders.cycles().len(), 1);
}

#[test]
fn a_path_that_leads_nowhere_is_reported() {
    let (_, _, lost) = graph::of_files(&model(&[(
        "kit/lib.rs",
        "mod a { struct X; } use a::Y; fn f(x: u8) { x; String::new(); }",
    )]));
    let paths: Vec<String> = lost.iter().map(|lost| lost.path.join("::")).collect();
    assert_eq!(paths, ["a::Y"]);
}
