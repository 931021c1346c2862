//! JSON text (RFC 8259) without a tree: checked, searched and edited in place.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

mod error;
mod mend;
mod scan;
mod splice;
mod text;

#[cfg(test)]
pub(crate) mod samples;

pub(crate) use error::ScanError;
pub(crate) use mend::mended;
pub(crate) use scan::{
    Member, Members, each_member_in, items_in, last_members_in, members, members_in, string,
};
pub(crate) use splice::{Pieces, Splice, quoted};
pub(crate) use text::{Span, check_utf8};
