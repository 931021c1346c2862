//! Follows a path to what it names: re-exports, globs and aliases to the place of the definition.

use std::collections::BTreeSet;

use crate::model::{Model, Path, Reference, Space, Target};

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entity {
    /// An item, or a variant or associated item of a type, defined in this file.
    Item {
        file: usize,
        name: String,
    },
    Module(usize),
    /// Something of another workspace or of the language, by its full path.
    Outside(Vec<String>),
}

type Found = BTreeSet<(Space, Entity)>;
/// Names that are being looked up, so that a `use` that leads to itself ends.
type Busy = Vec<(usize, String)>;

impl Model {
    /// What a reference leads to.
    pub(crate) fn follow(&self, reference: &Reference) -> BTreeSet<Entity> {
        let found = self.resolve(reference.module, &reference.path, &mut Vec::new());
        let wanted = |space: Space| reference.space.is_none_or(|wanted| wanted == space);
        let any = found.iter().any(|(space, _)| wanted(*space));
        found.into_iter().filter(|(space, _)| !any || wanted(*space)).map(|(_, entity)| entity).collect()
    }

    fn resolve(&self, module: usize, path: &Path, busy: &mut Busy) -> Found {
        let Some((first, rest)) = path.segments.split_first() else { return Found::new() };
        let around = self.around(module);
        let one = |module| Found::from([(Space::Type, Entity::Module(module))]);
        let mut found = match first.as_str() {
            name if path.rooted => self.library(name),
            "crate" => one(self.crates[self.modules[module].krate].root),
            "self" => one(around),
            "super" => one(self.above(around)),
            name => self.in_scope(module, name, busy),
        };
        for segment in rest {
            let mut next = Found::new();
            for (space, entity) in found {
                match entity {
                    Entity::Module(inner) if segment == "super" => next.extend(one(self.above(inner))),
                    Entity::Module(inner) => next.extend(self.member(inner, segment, module, busy)),
                    // A variant, an associated function or a constant of a type.
                    Entity::Item { .. } if space == Space::Type => _ = next.insert((space, entity)),
                    Entity::Item { .. } => {}
                    Entity::Outside(mut way) => {
                        way.push(segment.clone());
                        next.insert((space, Entity::Outside(way)));
                    }
                }
            }
            found = next;
        }
        found
    }

    /// The module that a block is in, or the module itself.
    fn around(&self, mut module: usize) -> usize {
        while self.modules[module].block {
            module = self.modules[module].parent.unwrap_or(module);
        }
        module
    }

    fn above(&self, module: usize) -> usize {
        self.modules[module].parent.map_or(module, |parent| self.around(parent))
    }

    fn is_within(&self, mut module: usize, outer: usize) -> bool {
        loop {
            if module == outer {
                return true;
            }
            let Some(parent) = self.modules[module].parent else { return false };
            module = parent;
        }
    }

    /// A library of this workspace, or a name from outside.
    fn library(&self, name: &str) -> Found {
        let ours = self.crates.iter().find(|krate| krate.library && krate.name == name);
        let entity =
            ours.map_or_else(|| Entity::Outside(vec![name.to_owned()]), |ours| Entity::Module(ours.root));
        Found::from([(Space::Type, entity)])
    }

    /// The first segment of a path: from the blocks around it, the module, the macros above it, the crates.
    fn in_scope(&self, module: usize, name: &str, busy: &mut Busy) -> Found {
        let mut scope = module;
        loop {
            let found = self.member(scope, name, module, busy);
            if !found.is_empty() {
                return found;
            }
            match self.modules[scope].parent {
                Some(parent) if self.modules[scope].block => scope = parent,
                _ => break,
            }
        }
        // `macro_rules!` without an export is visible in the modules below it.
        while let Some(parent) = self.modules[scope].parent {
            scope = parent;
            let has_macro = |(space, _): &(Space, Entity)| *space == Space::Macro;
            let found: Found = self.own(scope, name).into_iter().filter(has_macro).collect();
            if !found.is_empty() {
                return found;
            }
        }
        self.library(name)
    }

    /// Items and modules that the module defines itself.
    fn own(&self, module: usize, name: &str) -> Found {
        let file = self.modules[module].file;
        let bindings = self.modules[module].names.get(name).into_iter().flatten();
        let entity = |target: &Target| match target {
            Target::Item(space) => Some((*space, Entity::Item { file, name: name.to_owned() })),
            Target::Module(inner) => Some((Space::Type, Entity::Module(*inner))),
            Target::Use(_) => None,
        };
        bindings.filter_map(|binding| entity(&binding.target)).collect()
    }

    /// A name in a module as another module sees it.
    fn member(&self, module: usize, name: &str, from: usize, busy: &mut Busy) -> Found {
        let key = (module, name.to_owned());
        if busy.contains(&key) {
            return Found::new();
        }
        busy.push(key);
        let inside = self.is_within(from, module);
        let mut found = self.own(module, name);
        for binding in self.modules[module].names.get(name).into_iter().flatten() {
            if let Target::Use(path) = &binding.target
                && (inside || binding.visible)
            {
                found.extend(self.resolve(module, path, busy));
            }
        }
        let direct: BTreeSet<Space> = found.iter().map(|(space, _)| *space).collect();
        for glob in self.modules[module].globs.iter().filter(|glob| inside || glob.visible) {
            for (_, entity) in self.resolve(module, &glob.path, busy) {
                if let Entity::Module(inner) = entity {
                    let names = self.member(inner, name, module, busy);
                    found.extend(names.into_iter().filter(|(space, _)| !direct.contains(space)));
                }
            }
        }
        busy.pop();
        // `pub(crate) use name;` after `macro_rules! name` leads to the macro, not to a crate of that name.
        if found.iter().any(|(_, entity)| !matches!(entity, Entity::Outside(_))) {
            found.retain(|(_, entity)| !matches!(entity, Entity::Outside(_)));
        }
        if found.is_empty() && self.modules[module].maybe.contains(name) {
            let entity = Entity::Item { file: self.modules[module].file, name: name.to_owned() };
            found.extend([(Space::Type, entity.clone()), (Space::Value, entity)]);
        }
        found
    }
}
