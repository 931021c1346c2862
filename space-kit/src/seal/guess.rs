//! Which secrets are hard enough to guess to derive keys from.

/// An attacker can test guesses of a secret offline.
const MIN_BYTES: usize = 32;
/// How many different characters a secret of the operator's needs.
pub const MIN_DISTINCT: usize = 16;

/// Whether a secret has at least 32 bytes and this many different characters.
pub fn is_hard_to_guess(text: &str, distinct: usize) -> bool {
    let firsts = text.char_indices().filter(|&(at, character)| text.find(character) == Some(at));
    text.len() >= MIN_BYTES && firsts.count() >= distinct
}
