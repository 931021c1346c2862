//! What the checker knows of the source code: plain data, without syntax trees.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// A file of Rust source that a crate's root reaches.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the repository, such as `space-kit/src/lib.rs`.
    pub(crate) path: PathBuf,
    /// Whether only tests compile it.
    pub(crate) test: bool,
    /// Lines, without those of test-only items.
    pub(crate) lines: usize,
}

/// A compiled crate: a library or a binary.
#[derive(Debug)]
pub(crate) struct Crate {
    /// As paths name it, such as `space_kit`.
    pub(crate) name: String,
    /// Whether other crates can name it.
    pub(crate) library: bool,
    /// Its root module.
    pub(crate) root: usize,
}

/// Rust's three namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Space {
    Type,
    Value,
    Macro,
}

/// A path as written: its segments, without generic arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    /// Begins with `::`, so that its first segment is a crate.
    pub(crate) rooted: bool,
}

/// What a name in a module stands for.
#[derive(Debug)]
pub(crate) enum Target {
    /// Something defined in the module's file.
    Item(Space),
    Module(usize),
    /// What the path of a `use` leads to.
    Use(Path),
}

#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) target: Target,
    /// Whether modules other than the descendants of this one see it.
    pub(crate) visible: bool,
}

#[derive(Debug)]
pub(crate) struct Glob {
    pub(crate) path: Path,
    pub(crate) visible: bool,
}

/// A module, or a block with items of its own (`fn f() { use a::b; … }`).
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) krate: usize,
    pub(crate) file: usize,
    pub(crate) parent: Option<usize>,
    /// A block sees the names of the module around it.
    pub(crate) block: bool,
    pub(crate) names: HashMap<String, Vec<Binding>>,
    pub(crate) globs: Vec<Glob>,
    /// Words in the arguments of macros that stand for items: the macro may define items of these names.
    pub(crate) maybe: HashSet<String>,
}

/// A place in non-test code that names something.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) module: usize,
    pub(crate) path: Path,
    /// The namespace that the place calls for; an import brings all three.
    pub(crate) space: Option<Space>,
    pub(crate) line: usize,
}

/// A struct, enum, trait, union or type alias.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) module: usize,
    pub(crate) line: usize,
    /// Not private to its module.
    pub(crate) visible: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) crates: Vec<Crate>,
    pub(crate) files: Vec<File>,
    pub(crate) modules: Vec<Module>,
    pub(crate) references: Vec<Reference>,
    pub(crate) types: Vec<Type>,
    /// Names of inline modules (`mod a { … }`), tests' too, with their files.
    pub(crate) inline: Vec<(usize, String)>,
    /// Modules without a file, with the files that declare them.
    pub(crate) missing: Vec<(usize, String)>,
}
