//! Tokens by caller and model, for `/metrics`. The number of rows is bounded, because callers choose the
//! names.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use space_kit::metrics::family;

use super::tokens::Usage;

/// With this many rows, a caller's next new model is counted as `other`. With twice as many, a new caller is
/// counted as `other` too, because the holders of tokens are unlimited.
const MAX_ROWS: usize = 500;
const OTHER: &str = "other";
/// The longest label, in characters.
const MAX_LABEL: usize = 100;

/// Counts, sorted by caller and model.
#[derive(Debug, Default)]
pub(crate) struct UsageTotals(Mutex<Vec<Row>>);

#[derive(Debug)]
struct Row {
    caller: String,
    model: String,
    responses: u64,
    prompt: u64,
    completion: u64,
}

impl UsageTotals {
    /// Counts one response.
    pub(crate) fn add(&self, caller: &str, model: &str, usage: Usage) {
        let (caller, model) = (label(caller), label(model));
        let places = [
            (caller.as_str(), model.as_str(), MAX_ROWS),
            (caller.as_str(), OTHER, 2 * MAX_ROWS),
            (OTHER, OTHER, usize::MAX),
        ];
        let mut rows = self.lock();
        let place = places.into_iter().find_map(|(caller, model, most)| {
            match rows.binary_search_by(|row| (&*row.caller, &*row.model).cmp(&(caller, model))) {
                Err(at) if rows.len() < most => {
                    let (caller, model) = (caller.to_owned(), model.to_owned());
                    rows.insert(at, Row { caller, model, responses: 0, prompt: 0, completion: 0 });
                    Some(at)
                }
                found => found.ok(),
            }
        });
        if let Some(row) = place.and_then(|at| rows.get_mut(at)) {
            row.responses += 1;
            row.prompt = row.prompt.saturating_add(usage.prompt_tokens.unwrap_or(0));
            row.completion = row.completion.saturating_add(usage.completion_tokens.unwrap_or(0));
        }
    }

    /// Appends the counts in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        let rows = self.lock();
        type Pick = fn(&Row) -> u64;
        let families: [(&str, &str, &str, Pick); 3] = [
            ("gateway_answers_total", "", "Responses by caller and model", |row| row.responses),
            ("gateway_tokens_total", r#",kind="prompt""#, "Tokens by kind", |row| row.prompt),
            ("gateway_tokens_total", r#",kind="completion""#, "", |row| row.completion),
        ];
        for (name, kind, help, pick) in families {
            if !help.is_empty() {
                family(out, name, "counter", help);
            }
            for row in rows.iter() {
                let (Row { caller, model, .. }, count) = (row, pick(row));
                _ = writeln!(out, r#"{name}{{caller="{caller}",model="{model}"{kind}}} {count}"#);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name as a label's value: at most `MAX_LABEL` characters, none of which needs escaping.
pub(crate) fn label(name: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if name.len() <= MAX_LABEL && name.bytes().all(fits) {
        return name.to_owned();
    }
    let fitting = |c| u8::try_from(c).is_ok_and(fits);
    name.chars().take(MAX_LABEL).map(|c| if fitting(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: u64, completion: u64) -> Usage {
        Usage { prompt_tokens: Some(prompt), completion_tokens: Some(completion), total_tokens: None }
    }

    #[test]
    fn tokens_add_up_by_caller_and_model() {
        let totals = UsageTotals::default();
        totals.add("site", "org/m", usage(2, 3));
        totals.add("site", "org/m", usage(5, 7));
        let mut text = String::new();
        totals.render(&mut text);
        for line in [
            r#"gateway_answers_total{caller="site",model="org/m"} 2"#,
            r#"gateway_tokens_total{caller="site",model="org/m",kind="prompt"} 7"#,
            r#"gateway_tokens_total{caller="site",model="org/m",kind="completion"} 10"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
        assert_eq!(text.matches("# TYPE gateway_tokens_total").count(), 1);
    }

    #[test]
    fn invented_models_of_one_caller_do_not_hide_other_callers() {
        let totals = UsageTotals::default();
        (0..MAX_ROWS).for_each(|n| totals.add("ann", &format!("m{n}"), usage(1, 1)));
        totals.add("bob", "org/m", usage(2, 3));
        let mut text = String::new();
        totals.render(&mut text);
        let row = r#"gateway_tokens_total{caller="bob",model="other",kind="completion"} 3"#;
        assert!(text.lines().any(|line| line == row), "{text}");
    }

    #[test]
    fn invented_names_do_not_grow_the_table() {
        let totals = UsageTotals::default();
        for n in 0..2 * MAX_ROWS {
            totals.add("site", &format!("m\"{n}\n"), usage(1, 1));
        }
        assert_eq!(totals.lock().len(), MAX_ROWS + 1);
        for n in 0..2 * MAX_ROWS {
            totals.add(&format!("subject-{n}"), "m", usage(1, 1));
        }
        assert_eq!(totals.lock().len(), 2 * MAX_ROWS + 1);
        let mut text = String::new();
        totals.render(&mut text);
        assert!(text.lines().all(|line| line.matches('"').count() % 2 == 0));
    }
}
