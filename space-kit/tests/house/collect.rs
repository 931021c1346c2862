//! Reads modules, names and paths out of source files. Test-only code is left out, but its files are recorded as
//! such. `walk` finds the places; this file records them.

use std::path::{Path as FilePath, PathBuf};

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{UseTree, Visibility};

use crate::attributes::{is_test_only, path_attribute, test_lines};
use crate::model::{Binding, Crate, File, Glob, Model, Module, Path, Reference, Space, Target, Type};
use crate::tokens;

/// Gives the text of a file by its path from the repository.
pub(crate) type Read<'a> = &'a dyn Fn(&FilePath) -> Option<String>;

/// Adds a crate to the model: its root file and every file that this reaches.
pub(crate) fn add_crate(model: &mut Model, name: &str, root: &FilePath, read: Read<'_>) {
    let krate = model.crates.len();
    let library = root.ends_with("lib.rs");
    model.crates.push(Crate { name: name.to_owned(), library, root: model.modules.len() });
    let mut collector = Collector {
        model,
        read,
        module: 0,
        file: 0,
        test: false,
        krate,
        children: PathBuf::new(),
        attribute: PathBuf::new(),
    };
    let text = read(root).unwrap_or_else(|| panic!("{} cannot be read", root.display()));
    let folder = root.parent().unwrap_or(FilePath::new("")).to_owned();
    collector.load(root, &text, "crate", None, folder);
}

pub(crate) struct Collector<'a> {
    pub(crate) model: &'a mut Model,
    read: Read<'a>,
    krate: usize,
    /// Where new names go.
    pub(crate) module: usize,
    file: usize,
    pub(crate) test: bool,
    /// The folder of the files of `mod name;`.
    children: PathBuf,
    /// The folder that a `#[path]` is relative to.
    attribute: PathBuf,
}

impl Collector<'_> {
    fn load(&mut self, path: &FilePath, text: &str, name: &str, parent: Option<usize>, children: PathBuf) {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let outer = (self.file, self.test, self.children.clone(), self.attribute.clone());
        self.test |= is_test_only(&syntax.attrs);
        let known = self.model.files.iter().position(|file| file.path == path);
        self.file = known.unwrap_or(self.model.files.len());
        if known.is_none() {
            self.model.files.push(File { path: path.to_owned(), test: true, lines: 0 });
        }
        if self.model.files[self.file].test && !self.test {
            self.model.files[self.file].test = false;
            self.model.files[self.file].lines = text.lines().count() - test_lines(&syntax.items);
        }
        self.attribute = path.parent().unwrap_or(FilePath::new("")).to_owned();
        self.children = children;
        self.inside(name, parent, false, |this| syntax.items.iter().for_each(|item| this.visit_item(item)));
        (self.file, self.test, self.children, self.attribute) = outer;
    }

    /// Makes a module the current one for a while.
    pub(crate) fn inside(
        &mut self,
        name: &str,
        parent: Option<usize>,
        block: bool,
        work: impl FnOnce(&mut Self),
    ) {
        let (krate, file, module) = (self.krate, self.file, self.model.modules.len());
        let new = Module { name: name.to_owned(), krate, file, parent, block, ..Module::default() };
        self.model.modules.push(new);
        let outer = std::mem::replace(&mut self.module, module);
        work(self);
        self.module = outer;
    }

    pub(crate) fn bind(&mut self, name: &str, target: Target, visible: bool) {
        let names = &mut self.model.modules[self.module].names;
        names.entry(name.to_owned()).or_default().push(Binding { target, visible });
    }

    pub(crate) fn refer(&mut self, path: Path, space: Option<Space>, line: usize) {
        if path.segments[0] != "Self" {
            self.model.references.push(Reference { module: self.module, path, space, line });
        }
    }

    pub(crate) fn refer_to(&mut self, path: &syn::Path, length: usize, space: Space) {
        // An associated item belongs to the type or the trait before it.
        if length > 0 {
            let segments = path.segments.iter().take(length).map(|segment| word(&segment.ident)).collect();
            let path_of_names = Path { segments, rooted: path.leading_colon.is_some() };
            self.refer(path_of_names, Some(space), path.span().start().line);
        }
    }

    pub(crate) fn refer_in(&mut self, tokens: TokenStream) {
        tokens::paths(tokens, &mut |path, line| self.refer(path, None, line));
    }

    pub(crate) fn module_item(&mut self, item: &syn::ItemMod) {
        let name = word(&item.ident);
        if !self.test {
            self.bind(&name, Target::Module(self.model.modules.len()), is_visible(&item.vis));
        }
        let given = path_attribute(&item.attrs);
        if let Some((_, items)) = &item.content {
            self.model.inline.push((self.file, name.clone()));
            let folder = given.map_or(self.children.join(&name), |path| self.attribute.join(path));
            let outer = (self.children.clone(), self.attribute.clone());
            (self.children, self.attribute) = (folder.clone(), folder);
            self.inside(&name, Some(self.module), false, |this| {
                items.iter().for_each(|item| this.visit_item(item))
            });
            (self.children, self.attribute) = outer;
            return;
        }
        let beside = self.children.join(format!("{name}.rs"));
        let within = self.children.join(&name).join("mod.rs");
        // A file named by `#[path]` has its children beside itself, as `mod.rs` has.
        let candidates = match given {
            Some(path) => vec![normal(&self.attribute.join(path))],
            None => vec![beside.clone(), within],
        };
        let found = candidates.into_iter().find_map(|path| Some(((self.read)(&path)?, path)));
        let Some((text, path)) = found else {
            self.model.missing.push((self.file, name));
            return;
        };
        let children =
            if path == beside { self.children.join(&name) } else { path.parent().unwrap().to_owned() };
        self.load(&path, &text, &name, Some(self.module), children);
    }

    /// Binds the names of a `use` and records where each leads.
    pub(crate) fn import(&mut self, tree: &UseTree, before: &Path, visible: bool) {
        let mut path = before.clone();
        match tree {
            UseTree::Path(tree) => {
                path.segments.push(word(&tree.ident));
                self.import(&tree.tree, &path, visible);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before, visible)),
            UseTree::Glob(glob) => {
                self.refer(path.clone(), None, glob.span().start().line);
                self.model.modules[self.module].globs.push(Glob { path, visible });
            }
            UseTree::Name(tree) => {
                self.import_one(path, &word(&tree.ident), None, visible, tree.span().start().line)
            }
            UseTree::Rename(tree) => {
                let (name, line) = (word(&tree.ident), tree.span().start().line);
                self.import_one(path, &name, Some(word(&tree.rename)), visible, line);
            }
        }
    }

    fn import_one(&mut self, mut path: Path, name: &str, rename: Option<String>, visible: bool, line: usize) {
        if name != "self" || path.segments.is_empty() {
            path.segments.push(name.to_owned());
        }
        let bound = rename.unwrap_or_else(|| path.segments.last().unwrap().clone());
        self.refer(path.clone(), None, line);
        if bound != "_" {
            self.bind(&bound, Target::Use(path), visible);
        }
    }

    pub(crate) fn type_item(&mut self, name: &syn::Ident, vis: &Visibility) {
        let (name, visible, line) = (word(name), is_visible(vis), name.span().start().line);
        self.bind(&name, Target::Item(Space::Type), visible);
        self.model.types.push(Type { name, module: self.module, line, visible });
    }

    pub(crate) fn value(&mut self, name: &syn::Ident, vis: &Visibility) {
        self.bind(&word(name), Target::Item(Space::Value), is_visible(vis));
    }

    pub(crate) fn macro_item(&mut self, item: &syn::ItemMacro) {
        let Some(name) = &item.ident else {
            self.model.modules[self.module].maybe.extend(tokens::words(item.mac.tokens.clone()));
            return;
        };
        self.bind(&word(name), Target::Item(Space::Macro), false);
        if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
            // Other crates find it in the root, wherever it is defined.
            let root = self.model.crates[self.krate].root;
            let path = Path { segments: self.way_to(self.module, word(name)), rooted: false };
            let binding = Binding { target: Target::Use(path), visible: true };
            if root != self.module {
                self.model.modules[root].names.entry(word(name)).or_default().push(binding);
            }
        }
    }

    /// The path of a name in a module, from `crate`.
    fn way_to(&self, mut module: usize, name: String) -> Vec<String> {
        let mut way = vec![name];
        loop {
            way.push(self.model.modules[module].name.clone());
            let Some(parent) = self.model.modules[module].parent else { break };
            module = parent;
        }
        way.reverse();
        way
    }
}

pub(crate) fn word(name: &syn::Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

pub(crate) fn is_visible(vis: &Visibility) -> bool {
    match vis {
        Visibility::Inherited => false,
        Visibility::Restricted(vis) => !vis.path.is_ident("self"),
        Visibility::Public(_) => true,
    }
}

/// Without `..`.
fn normal(path: &FilePath) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path {
        if component != ".." || !normal.pop() {
            normal.push(component);
        }
    }
    normal
}
