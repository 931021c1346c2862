//! Rate limits: how many requests each key, subject or client address may send.

mod limiter;
mod rate;

pub use limiter::{BYTES, Bucket, Limiter, PLACES, Verdict};
pub use rate::Rate;
