//! Refreshes of tokens. A provider may accept a refresh token only once, so requests of one session that arrive together
//! share one refresh, and so do those that a browser sent before it had the new cookie.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::account::{Account, ProviderTokens};

/// How long a refresh is remembered after its beginning, in seconds.
const REMEMBERED: u64 = 60;
/// The most refreshes that are remembered. One more replaces the oldest.
const CAPACITY: usize = 256;

/// The outcome of one refresh, once it has ended. `None`: it failed.
pub(crate) type Outcome = Arc<OnceCell<Option<ProviderTokens>>>;

/// The refreshes of the last minute, in the memory of this process.
#[derive(Default)]
pub(crate) struct Refreshes(Mutex<VecDeque<Refresh>>);

struct Refresh {
    session: String,
    old: ProviderTokens,
    end: u64,
    outcome: Outcome,
}

impl Refreshes {
    /// The refresh of this account's tokens: the one that has begun, or a new one.
    pub(crate) fn join(&self, account: &Account, now: u64) -> Outcome {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A failed one is tried again.
        all.retain(|one| now < one.end && !matches!(one.outcome.get(), Some(None)));
        if let Some(one) = all.iter().find(|one| one.session == account.session && one.old == account.tokens)
        {
            return one.outcome.clone();
        }
        if all.len() >= CAPACITY {
            all.pop_front();
        }
        let (session, old, outcome) = (account.session.clone(), account.tokens.clone(), Outcome::default());
        all.push_back(Refresh {
            session,
            old,
            end: now.saturating_add(REMEMBERED),
            outcome: outcome.clone(),
        });
        outcome
    }
}
