//! Placeholders of a route's path.

use hyper::StatusCode;
use serde::de::DeserializeOwned;

use crate::extract::values::{Pair, Texts};
use crate::extract::{percent, rejection};
use crate::service::call::Call;
use crate::service::error::Error;

/// What stands at a `{name}` in the route's path, percent-decoded, as a type.
///
/// Decoded text may contain a slash or `..`, so do not use it as the name of a file.
///
/// ```ignore
/// let Path(id) = Path::<u32>::read(&call, "id")?;
/// ```
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> Path<T> {
    /// Reads the segment at `{name}`, or the rest of the path at `{*name}`.
    ///
    /// # Errors
    ///
    /// 400 if it is not a `T` or not percent-encoded UTF-8. 500 if the route has no such placeholder.
    pub fn read<S>(call: &Call<S>, name: &str) -> Result<Path<T>, Error> {
        let pair = [decoded(name, call.param(name))?];
        let value = T::deserialize(Texts(&pair));
        value.map(Path).map_err(|error| rejection::reject(name, name, &error.message))
    }
}

fn decoded(name: &str, raw: Option<&str>) -> Result<Pair, Error> {
    let Some(raw) = raw else {
        let error =
            Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "an error of the service");
        return Err(error.cause(format!("the route's path has no {{{name}}}")));
    };
    match percent::decode(raw) {
        Some(text) => Ok((name.to_owned(), text)),
        None => Err(rejection::reject(name, name, percent::EXPECTED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_decoded_or_rejected() {
        assert_eq!(decoded("id", Some("a%2Fb+c")).unwrap().1, "a/b+c");
        let error = decoded("id", Some("%ff")).unwrap_err();
        assert_eq!(
            (error.status, &*error.message),
            (StatusCode::BAD_REQUEST, "id: expected percent-encoded UTF-8")
        );
        assert_eq!(decoded("id", None).unwrap_err().status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
