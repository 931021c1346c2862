//! Tokens and requests accounted: read from a response, logged, and summed for `/metrics`.

mod record;
mod tokens;
mod totals;

pub(crate) use record::UsageRecord;
pub(crate) use tokens::{Usage, update};
pub(crate) use totals::{UsageTotals, label};
