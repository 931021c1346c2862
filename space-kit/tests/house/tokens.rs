//! Paths in tokens that no parser understands: the arguments and the rules of macros.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::model::Path;

/// Calls `found` with each path and its line: a run of words joined by `::`. A field or method after `.`, a lifetime
/// and what follows the `>::` of an associated item are none.
pub(crate) fn paths(tokens: TokenStream, found: &mut dyn FnMut(Path, usize)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let punct = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == wanted);
    let colons = |at: usize| punct(at, ':') && punct(at + 1, ':');
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => {
                paths(group.stream(), found);
                at += 1;
            }
            TokenTree::Ident(word) => {
                let dollar = at >= 1 && punct(at - 1, '$');
                let field = at >= 1 && punct(at - 1, '.') && !(at >= 2 && punct(at - 2, '.'));
                let lifetime = at >= 1 && punct(at - 1, '\'');
                let after = at >= 2 && colons(at - 2);
                let rooted = after && !(at >= 3 && is_end_of_path(&tokens[at - 3]));
                let line = word.span().start().line;
                let mut segments = vec![word.to_string()];
                at += 1;
                while colons(at) {
                    let Some(TokenTree::Ident(next)) = tokens.get(at + 2) else { break };
                    segments.push(next.to_string());
                    at += 3;
                }
                let is_crate = segments[0] == "crate";
                if !field && !lifetime && (!dollar || is_crate) && (!after || rooted) {
                    found(Path { segments, rooted }, line);
                }
            }
            _ => at += 1,
        }
    }
}

/// Whether `::` after this token continues a path.
fn is_end_of_path(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == '>',
        TokenTree::Group(group) => group.delimiter() == Delimiter::None,
        TokenTree::Ident(_) => true,
        TokenTree::Literal(_) => false,
    }
}

/// The words at the top level of a macro's arguments that are no part of a longer path.
pub(crate) fn words(tokens: TokenStream) -> Vec<String> {
    let mut words = Vec::new();
    let mut before_is_colon = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
        if let TokenTree::Ident(word) = &token
            && !before_is_colon
            && !tokens.peek().is_some_and(is_colon)
        {
            words.push(word.to_string());
        }
        before_is_colon = is_colon(&token);
    }
    words
}

/// Whether a keyword is anywhere in the code; comments and strings are not code.
pub(crate) fn has_word(tokens: TokenStream, wanted: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => has_word(group.stream(), wanted),
        TokenTree::Ident(word) => word == wanted,
        _ => false,
    })
}
