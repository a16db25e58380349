//! Where the next page of a list begins: text that callers hand back as it is, and that means something to us only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenfold_ports::api::Fault;

/// The longest token that is read, in bytes: it holds the longest keys of a row.
const LONGEST: usize = 6_144;

/// The token of a place in the list `of`. A place is a struct of keys and numbers.
pub fn write<T: Serialize>(of: &str, place: &T) -> String {
    // A struct of text and numbers can always be written as JSON.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(of, place)).unwrap_or_default())
}

/// The place that a token of the list `of` means. What it holds comes from outside all the same: a key made of it has
/// to be checked.
///
/// # Errors
/// It is none that [`write()`] makes for this list.
pub fn read<T: DeserializeOwned>(of: &str, token: &str) -> Result<T, Fault> {
    let bytes = (token.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(token).ok()).flatten();
    let place = bytes.and_then(|bytes| serde_json::from_slice::<(String, T)>(&bytes).ok());
    match place {
        Some((name, place)) if name == of => Ok(place),
        _ => Err(no_place()),
    }
}

/// What is wrong with a token that means no place of the list.
#[must_use]
pub fn no_place() -> Fault {
    Fault::new("query:after", "the `next` of the page before was expected")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_comes_back_for_its_own_list_only(place: (u8, Option<(i64, String)>), noise in ".*") {
            let token = write("trips", &place);
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            if token.len() <= LONGEST {
                prop_assert_eq!(read("trips", &token), Ok(place));
            }
            prop_assert!(read::<(u8, Option<(i64, String)>)>("targets", &token).is_err());
            prop_assert!(read::<(u8, Option<(i64, String)>)>("trips", &noise).is_err());
        }
    }
}
