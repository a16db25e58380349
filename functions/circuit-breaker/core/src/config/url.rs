//! The URLs that may be configured.

use smol_str::SmolStr;
use url::Url;

/// The longest URL.
const URL_MOST: usize = 2048;

/// Reads a URL that can be called: `http` or `https`, without credentials and fragment.
pub(super) fn http_url(text: &str) -> Result<SmolStr, String> {
    let url = Url::parse(text).map_err(|error| format!("is no absolute URL: {error}"))?;
    let wrong = if !text.starts_with("http://") && !text.starts_with("https://") {
        "should begin with http:// or https://"
    } else if text.len() > URL_MOST {
        "is longer than 2,048 characters"
    } else if !url.username().is_empty() || url.password().is_some() {
        "holds credentials, which would be stored and shown; they belong into `credentials`, by reference"
    } else if url.fragment().is_some() {
        "has a fragment, which is never sent; leave it out"
    } else {
        return Ok(url.as_str().into());
    };
    Err(wrong.to_owned())
}
