//! A request's query: pairs of names and values (`application/x-www-form-urlencoded`).

use serde::de::DeserializeOwned;

use crate::extract::values::{Pair, Pairs};
use crate::extract::{percent, rejection};
use crate::service::call::Call;
use crate::service::error::Error;

/// A request's query as a type: each pair is a field.
///
/// `Option` and `#[serde(default)]` are for fields that may be absent. A `Vec` takes each value of a repeated name;
/// other types accept a name only once. Names that `T` does not have are ignored, unless it says
/// `#[serde(deny_unknown_fields)]`.
///
/// ```ignore
/// let Query(page) = Query::<Page>::read(&call)?;
/// ```
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> Query<T> {
    /// Reads the query.
    ///
    /// # Errors
    ///
    /// 400 if it is not a `T` or not percent-encoded UTF-8; the error names the field and what it accepts.
    pub fn read<S>(call: &Call<S>) -> Result<Query<T>, Error> {
        of(call.head.uri.query().unwrap_or_default()).map(Query)
    }
}

/// A query's value.
fn of<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    let pairs = pairs(query)?;
    T::deserialize(Pairs::new(&pairs))
        .map_err(|error| rejection::reject("the query", &error.field, &error.message))
}

/// The decoded pairs, sorted by name; values of one name keep their order. A pair without `=` has an empty value.
pub(crate) fn pairs(query: &str) -> Result<Vec<Pair>, Error> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (percent::decode_form(name), percent::decode_form(value)) {
            (Some(name), Some(value)) => pairs.push((name, value)),
            (known, _) => {
                return Err(rejection::reject("the query", &known.unwrap_or_default(), percent::EXPECTED));
            }
        }
    }
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Search {
        q: String,
        limit: Option<u8>,
        #[serde(default)]
        tag: Vec<String>,
        #[serde(default)]
        exact: bool,
        near: Option<f64>,
        order: Option<Order>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Up,
        Down,
    }

    #[test]
    fn each_pair_is_a_field() {
        let search: Search = of("tag=b&limit=7&q=a+b%26c&tag=a&exact=true&&near=-1.5&order=down").unwrap();
        let tag = vec!["b".to_owned(), "a".to_owned()];
        let (limit, near, order) = (Some(7), Some(-1.5), Some(Order::Down));
        assert_eq!(search, Search { q: "a b&c".to_owned(), limit, tag, exact: true, near, order });
        let search: Search = of("q").unwrap();
        assert_eq!((&*search.q, search.limit, search.tag.len(), search.exact), ("", None, 0, false));
    }

    #[test]
    fn an_error_names_the_field_and_what_it_accepts() {
        for (query, field, message) in [
            ("", "q", "q: is required"),
            ("q=a&q=b", "q", "q: expected one value"),
            ("q=a&limit=", "limit", "limit: expected a whole number from 0 to 255"),
            ("q=a&limit=256", "limit", "limit: expected a whole number from 0 to 255"),
            ("q=a&limit=-1", "limit", "limit: expected a whole number from 0 to 255"),
            ("q=a&exact=1", "exact", "exact: expected true or false"),
            ("q=a&near=x", "near", "near: expected a number"),
            ("q=a&order=left", "order", "order: expected `up` or `down`"),
            ("q=%zz", "q", "q: expected percent-encoded UTF-8"),
            ("%ff=a", "", "the query: expected percent-encoded UTF-8"),
            (
                "q=a&lim+it=1",
                "lim it",
                "lim it: is not known; expected one of `q`, `limit`, `tag`, `exact`, `near`, `order`",
            ),
        ] {
            let error = of::<Search>(query).unwrap_err();
            assert_eq!(
                (error.param.as_deref().unwrap_or_default(), &*error.message),
                (field, message),
                "{query}"
            );
            assert_eq!(error.status, hyper::StatusCode::BAD_REQUEST);
        }
    }
}
