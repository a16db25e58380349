//! The URLs that may be configured.

use smol_str::SmolStr;
use url::{Host, Url};

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

/// Returns whether secrets may go to a URL: over TLS, or to an address or a name that is of one's own network only.
pub(super) fn may_have_secrets(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return true };
    let is_own_name = |name: &str| {
        let own = ["localhost", "internal", "local"];
        !name.contains('.') || name.rsplit('.').next().is_some_and(|last| own.contains(&last))
    };
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
            Some(Host::Domain(name)) => is_own_name(name),
            None => false,
        }
}

/// Reads a URL that secrets go to.
pub(super) fn secure_url(text: &str) -> Result<SmolStr, String> {
    let url = http_url(text)?;
    if may_have_secrets(&url) {
        Ok(url)
    } else {
        Err("is not https, and secrets would cross the network in clear".to_owned())
    }
}
