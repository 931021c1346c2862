//! The packages of the repository and their source files.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

use crate::collect::add_crate;
use crate::graph::{self, Graph, Outside};
use crate::model::{File, Model};

/// A package: a folder with a manifest.
#[derive(Debug)]
pub(crate) struct Package {
    /// From the repository, such as `space-kit`.
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) manifest: String,
}

/// A source file as text.
#[derive(Debug)]
pub(crate) struct Text {
    /// From the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Everything that the rules look at.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) packages: Vec<Package>,
    pub(crate) model: Model,
    /// Which file names items of which.
    pub(crate) graph: Graph,
    /// What non-test code names of other workspaces and of the standard library.
    pub(crate) outside: Vec<Outside>,
    /// Paths into the workspace that lead nowhere, as far as the checker sees.
    pub(crate) lost: Vec<Outside>,
    /// Every Rust file of the repository, tests and fuzz targets too.
    pub(crate) rust: Vec<Text>,
}

/// Read once for all tests.
pub(crate) static SOURCES: LazyLock<Sources> = LazyLock::new(|| {
    let root = root();
    let packages = packages(&root);
    let mut model = Model::default();
    let read = |path: &Path| fs::read_to_string(root.join(path)).ok();
    for package in &packages {
        for (name, file) in crate_roots(&root, package) {
            add_crate(&mut model, &name, &file, &read);
        }
    }
    let mut rust = Vec::new();
    rust_files(&root, Path::new(""), &mut rust);
    let (graph, outside, lost) = graph::of_files(&model);
    Sources { packages, model, graph, outside, lost, rust }
});

impl Sources {
    /// The package that a file belongs to: the one whose folder is the closest above it.
    pub(crate) fn package_of(&self, path: &Path) -> &Package {
        let above = self.packages.iter().filter(|package| path.starts_with(&package.folder));
        above.max_by_key(|package| package.folder.components().count()).expect("a package has the file")
    }

    pub(crate) fn has(&self, package: &str) -> bool {
        self.packages.iter().any(|known| known.name == package)
    }
}

/// Files outside tests.
pub(crate) fn files() -> impl Iterator<Item = &'static File> {
    SOURCES.model.files.iter().filter(|file| !file.test)
}

/// Files of the packages' `src` folders, tests too.
pub(crate) fn texts() -> impl Iterator<Item = &'static Text> {
    let folders: Vec<PathBuf> = SOURCES.packages.iter().map(|package| package.folder.join("src")).collect();
    SOURCES.rust.iter().filter(move |text| folders.iter().any(|folder| text.path.starts_with(folder)))
}

fn root() -> PathBuf {
    let above = || Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    #[allow(clippy::disallowed_methods)] // a test looks at its own process
    env::var_os("HOUSE_ROOT").map_or_else(above, PathBuf::from)
}

/// The kit, its heap, the services, the harness and the template: those that are there. A folder that is staged for one
/// service has neither the other service nor the harness.
fn packages(root: &Path) -> Vec<Package> {
    let mut folders: Vec<PathBuf> = vec!["space-kit/heap".into(), "benches".into()];
    for parent in ["", "templates"] {
        let entries = fs::read_dir(root.join(parent)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let ours = names.filter(|name| name.starts_with("space-") || name.ends_with("-backend"));
        folders.extend(ours.map(|name| Path::new(parent).join(name)));
    }
    folders.sort();
    let package = |folder: PathBuf| {
        let manifest = fs::read_to_string(root.join(&folder).join("Cargo.toml")).ok()?;
        let name =
            manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))?.to_owned();
        Some(Package { folder, name, manifest })
    };
    folders.into_iter().filter_map(package).collect()
}

/// The root files of a package's library and binaries, with the name that other crates give to the library.
fn crate_roots(root: &Path, package: &Package) -> Vec<(String, PathBuf)> {
    let path_of = |line: &str| {
        let path = line.strip_prefix("path = \"")?.split('"').next()?;
        path.starts_with("src/").then(|| package.folder.join(path))
    };
    let mut roots: Vec<PathBuf> = package.manifest.lines().filter_map(path_of).collect();
    roots.extend(["src/lib.rs", "src/main.rs"].map(|path| package.folder.join(path)));
    roots.sort();
    roots.dedup();
    let there = roots.into_iter().filter(|path| root.join(path).is_file());
    there.map(|path| (package.name.replace('-', "_"), path)).collect()
}

/// Every Rust file below a folder, except what a build or a download made.
fn rust_files(root: &Path, folder: &Path, found: &mut Vec<Text>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let (name, path) = (entry.file_name().into_string().unwrap(), folder.join(entry.file_name()));
        let made = name.starts_with('.') || ["target", "node_modules", "dist"].contains(&name.as_str());
        if entry.file_type().unwrap().is_dir() && !made {
            rust_files(root, &path, found);
        } else if name.ends_with(".rs") {
            found.push(Text { text: fs::read_to_string(root.join(&path)).unwrap(), path });
        }
    }
}
