//! The record of a run: its figures, ratios and verdicts, and the text printed from them.

mod compare;
mod goals;
mod host;
mod print;
mod ratio;
mod record;
mod table;

pub(crate) use compare::compare;
pub(crate) use goals::{gate_missed, judge, parse as parse_goals};
pub(crate) use host::{Host, load};
pub(crate) use print::print;
pub(crate) use record::{EXCLUDED, Outcome, Report, SCHEMA, StartFigures, Variant, VariantKind, add_ratios};
