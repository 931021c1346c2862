//! Finds the items and the paths in a syntax tree, and has the collector record them.

use syn::visit::{self, Visit};
use syn::{Block, Item, Stmt, Visibility};

use crate::attributes::{attributes_of, attributes_of_member, is_test_only};
use crate::collect::{Collector, is_visible, word};
use crate::model::{Path, Space, Target};

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let outer = self.test;
        self.test |= is_test_only(attributes_of(item));
        match item {
            Item::Mod(item) => self.module_item(item),
            _ if self.test => {}
            Item::Use(item) => {
                let before = Path { segments: Vec::new(), rooted: item.leading_colon.is_some() };
                self.import(&item.tree, &before, is_visible(&item.vis));
            }
            Item::ExternCrate(item) => {
                let path = Path { segments: vec![word(&item.ident)], rooted: true };
                let bound = item.rename.as_ref().map_or(&item.ident, |(_, rename)| rename);
                self.bind(&word(bound), Target::Use(path), is_visible(&item.vis));
            }
            Item::Struct(item) => {
                self.type_item(&item.ident, &item.vis);
                if !matches!(item.fields, syn::Fields::Named(_)) {
                    self.value(&item.ident, &item.vis);
                }
            }
            Item::Enum(item) => self.type_item(&item.ident, &item.vis),
            Item::Union(item) => self.type_item(&item.ident, &item.vis),
            Item::Trait(item) => self.type_item(&item.ident, &item.vis),
            Item::TraitAlias(item) => self.type_item(&item.ident, &item.vis),
            Item::Type(item) => self.type_item(&item.ident, &item.vis),
            Item::Fn(item) => self.value(&item.sig.ident, &item.vis),
            Item::Const(item) => self.value(&item.ident, &item.vis),
            Item::Static(item) => self.value(&item.ident, &item.vis),
            Item::ForeignMod(block) => block.items.iter().for_each(|item| match item {
                syn::ForeignItem::Fn(item) => self.value(&item.sig.ident, &item.vis),
                syn::ForeignItem::Static(item) => self.value(&item.ident, &item.vis),
                _ => {}
            }),
            Item::Macro(item) => self.macro_item(item),
            _ => {}
        }
        if !self.test && !matches!(item, Item::Mod(_) | Item::Use(_) | Item::ExternCrate(_)) {
            visit::visit_item(self, item);
        }
        self.test = outer;
    }

    fn visit_block(&mut self, block: &'ast Block) {
        if block.stmts.iter().any(|statement| matches!(statement, Stmt::Item(_))) {
            self.inside("", Some(self.module), true, |this| visit::visit_block(this, block));
        } else {
            visit::visit_block(self, block);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !is_test_only(attributes_of_member(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !is_test_only(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test_only(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !is_test_only(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.refer_to(path, path.segments.len(), Space::Type);
        visit::visit_path(self, path);
    }

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        self.refer_to(&expr.path, expr.qself.as_ref().map_or(usize::MAX, |own| own.position), Space::Value);
        expr.qself.iter().for_each(|own| self.visit_qself(own));
        visit::visit_path(self, &expr.path);
    }

    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        self.refer_to(&path.path, path.qself.as_ref().map_or(usize::MAX, |own| own.position), Space::Type);
        path.qself.iter().for_each(|own| self.visit_qself(own));
        visit::visit_path(self, &path.path);
    }

    fn visit_pat_tuple_struct(&mut self, pattern: &'ast syn::PatTupleStruct) {
        self.refer_to(&pattern.path, usize::MAX, Space::Value);
        pattern.elems.iter().for_each(|pattern| self.visit_pat(pattern));
    }

    /// A constant or a unit struct in a pattern looks like a new variable.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = word(&pattern.ident);
        if name.starts_with(char::is_uppercase) {
            let path = Path { segments: vec![name], rooted: false };
            self.refer(path, Some(Space::Value), pattern.ident.span().start().line);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.refer_to(&invocation.path, usize::MAX, Space::Macro);
        self.refer_in(invocation.tokens.clone());
    }

    /// Only `Instant` and `SystemTime` have an `elapsed`: it reads the clock as their `now` does.
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "elapsed" {
            let segments = ["Instant", "elapsed"].map(str::to_owned).to_vec();
            self.refer(Path { segments, rooted: true }, Some(Space::Value), call.method.span().start().line);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
