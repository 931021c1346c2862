//! Memory that is allocated at a peer's request. The system may refuse it, and then only that request fails.

use crate::service::error::RequestError;

/// Appends bytes.
///
/// # Errors
///
/// [`RequestError::OutOfMemory`] if the system has no memory for them. `whole` stays as it was.
pub fn append(whole: &mut Vec<u8>, more: &[u8]) -> Result<(), RequestError> {
    whole.try_reserve(more.len()).map_err(|_| refused())?;
    whole.extend_from_slice(more);
    Ok(())
}

/// Makes room for exactly so many more bytes.
///
/// # Errors
///
/// [`RequestError::OutOfMemory`] if the system has no memory for them.
pub fn reserve(whole: &mut Vec<u8>, more: usize) -> Result<(), RequestError> {
    whole.try_reserve_exact(more).map_err(|_| refused())
}

fn refused() -> RequestError {
    space_heap::forget_failure(); // a later abort has another cause
    RequestError::OutOfMemory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_the_system_refuses_is_an_error_and_loses_nothing() {
        let mut whole = b"begun".to_vec();
        assert_eq!(reserve(&mut whole, isize::MAX as usize / 2), Err(RequestError::OutOfMemory));
        append(&mut whole, b" and ended").unwrap();
        assert_eq!(whole, b"begun and ended");
    }
}
