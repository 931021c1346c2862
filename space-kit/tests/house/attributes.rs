//! Which code only tests compile, and how many lines that is.

use std::path::PathBuf;

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, Token};

/// Whether an item with these attributes is only there in tests: `#[test]`, or a `#[cfg(…)]` that never holds otherwise.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_test = attribute.path().segments.last().is_some_and(|name| name.ident == "test");
        let cfg = attribute.path().is_ident("cfg").then(|| attribute.parse_args::<Meta>());
        is_test
            || cfg.is_some_and(|condition| {
                condition.is_ok_and(|meta| holds_without_tests(&meta) == Some(false))
            })
    })
}

/// The value of a condition in a build that is no test; `None` depends on features or the target.
fn holds_without_tests(condition: &Meta) -> Option<bool> {
    let Meta::List(list) = condition else {
        return condition.path().is_ident("test").then_some(false);
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let values: Vec<Option<bool>> = parts.iter().map(holds_without_tests).collect();
    if list.path.is_ident("not") {
        return values[0].map(|value| !value);
    }
    // `all` is false as soon as one part is, `any` is true as soon as one part is.
    let decisive = list.path.is_ident("any");
    if values.contains(&Some(decisive)) {
        return Some(decisive);
    }
    values.iter().all(Option::is_some).then_some(!decisive)
}

/// The file that `#[path = "…"]` names.
pub(crate) fn path_attribute(attributes: &[Attribute]) -> Option<PathBuf> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(value) => match &value.lit {
                Lit::Str(text) => Some(PathBuf::from(text.value())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}

/// The lines of test-only items.
pub(crate) fn test_lines(items: &[Item]) -> usize {
    struct Count(usize);
    impl Count {
        fn add(&mut self, item: &impl Spanned) {
            self.0 += item.span().end().line + 1 - item.span().start().line;
        }
    }
    impl<'ast> Visit<'ast> for Count {
        fn visit_item(&mut self, item: &'ast Item) {
            if is_test_only(attributes_of(item)) {
                self.add(item);
            } else {
                visit::visit_item(self, item);
            }
        }

        fn visit_impl_item(&mut self, item: &'ast ImplItem) {
            if is_test_only(attributes_of_member(item)) {
                self.add(item);
            }
        }
    }
    let mut count = Count(0);
    items.iter().for_each(|item| count.visit_item(item));
    count.0
}

pub(crate) fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

pub(crate) fn attributes_of_member(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        _ => &[],
    }
}
