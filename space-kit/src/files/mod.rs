//! Files that are part of the binary, such as pages, styles and scripts.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

pub(crate) mod file;
mod media_type;
mod none_match;
pub(crate) mod table;

#[cfg(test)]
mod tests;
