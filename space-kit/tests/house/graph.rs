//! Files that name items of other files, and the cycles among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::model::Model;
use crate::resolve::Entity;

/// The items behind an edge, each with the file and the line that first name it.
pub(crate) type Names = BTreeMap<String, (PathBuf, usize)>;

/// A directed graph. Its nodes are files or folders.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) edges: BTreeMap<(PathBuf, PathBuf), Names>,
}

/// A path to something outside the workspace, with the file and the line that name it.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// An edge from each non-test file to each other file that defines something it names; and what the files name
/// otherwise.
pub(crate) fn of_files(model: &Model) -> (Graph, Vec<Outside>, Vec<Outside>) {
    let (mut graph, mut outside, mut lost) = (Graph::default(), Vec::new(), Vec::new());
    for reference in &model.references {
        let from = &model.files[model.modules[reference.module].file].path;
        let found = model.follow(reference);
        if found.is_empty() {
            lost.push(Outside {
                file: from.clone(),
                line: reference.line,
                path: reference.path.segments.clone(),
            });
        }
        for entity in found {
            match entity {
                Entity::Item { file, name } if model.files[file].path != *from => {
                    let edge = (from.clone(), model.files[file].path.clone());
                    let names = graph.edges.entry(edge).or_default();
                    names.entry(name).or_insert_with(|| (from.clone(), reference.line));
                }
                Entity::Outside(path) if path.len() > 1 => {
                    outside.push(Outside { file: from.clone(), line: reference.line, path });
                }
                _ => {}
            }
        }
    }
    (graph, outside, lost)
}

impl Graph {
    /// The same between coarser nodes; an edge within one disappears.
    pub(crate) fn grouped(&self, node: impl Fn(&Path) -> PathBuf) -> Graph {
        let mut graph = Graph::default();
        for ((from, to), names) in &self.edges {
            if node(from) != node(to) {
                let joined = graph.edges.entry((node(from), node(to))).or_default();
                joined.extend(names.clone());
            }
        }
        graph
    }

    pub(crate) fn filtered(&self, keep: impl Fn(&Path, &Path) -> bool) -> Graph {
        let edges = self.edges.iter().filter(|((from, to), _)| keep(from, to));
        Graph { edges: edges.map(|(edge, names)| (edge.clone(), names.clone())).collect() }
    }

    /// Sets of nodes in which each reaches each other.
    pub(crate) fn cycles(&self) -> Vec<BTreeSet<&Path>> {
        let mut next: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for (from, to) in self.edges.keys() {
            next.entry(from).or_default().push(to);
        }
        let reach: BTreeMap<&Path, BTreeSet<&Path>> =
            next.keys().map(|node| (*node, reachable(&next, node))).collect();
        let leads = |from: &Path, to: &Path| reach.get(from).is_some_and(|nodes| nodes.contains(to));
        let mut cycles: BTreeSet<BTreeSet<&Path>> = BTreeSet::new();
        for (node, nodes) in reach.iter().filter(|(node, _)| leads(node, node)) {
            cycles.insert(nodes.iter().copied().filter(|other| leads(other, node)).collect());
        }
        cycles.into_iter().collect()
    }

    /// Each of these cycles with its edges and the items behind them: first the shortest way round, which is the one to
    /// break first, then the other edges.
    pub(crate) fn describe_cycles(&self, cycles: &[BTreeSet<&Path>]) -> String {
        let mut text = String::new();
        for cycle in cycles {
            let inside = self.filtered(|from, to| cycle.contains(from) && cycle.contains(to));
            let shortest = inside.shortest_way_round(cycle);
            let follows = |from: &Path, to: &Path| shortest.windows(2).any(|pair| pair == [from, to]);
            writeln!(text, "\ncycle of {}:\n{}", cycle.len(), inside.filtered(follows).describe()).unwrap();
            text += &inside.filtered(|from, to| !follows(from, to)).describe();
        }
        text
    }

    /// The nodes of the shortest cycle, the first one again at the end.
    fn shortest_way_round<'a>(&'a self, cycle: &BTreeSet<&'a Path>) -> Vec<&'a Path> {
        let mut ways: VecDeque<Vec<&Path>> = cycle.iter().map(|node| vec![*node]).collect();
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let last = way[way.len() - 1];
            for (_, to) in self.edges.keys().filter(|(from, _)| from == last) {
                let longer = [way.as_slice(), &[to]].concat();
                if *to == *way[0] {
                    return longer;
                }
                if seen.insert((way[0], to)) {
                    ways.push_back(longer);
                }
            }
        }
        Vec::new()
    }

    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        for ((from, to), names) in &self.edges {
            let place = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let names = names.iter().map(|(name, (path, line))| format!("{name} ({}:{line})", place(path)));
            let names: Vec<String> = names.collect();
            writeln!(text, "  {} -> {}: {}", from.display(), to.display(), names.join(", ")).unwrap();
        }
        text
    }
}

/// The nodes that a node leads to, by one edge or more.
fn reachable<'a>(next: &BTreeMap<&'a Path, Vec<&'a Path>>, start: &'a Path) -> BTreeSet<&'a Path> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
    while let Some(node) = open.pop() {
        open.extend(next.get(node).into_iter().flatten().copied().filter(|to| seen.insert(*to)));
    }
    seen
}
