//! What of a request and of an answer goes through (RFC 9110 §7.6), and where a path below another URL leads.
//!
//! A pattern that calls somebody else's API on behalf of its callers is an intermediary. Here is what such a one must and
//! must not pass on; which methods and paths it passes at all belongs to the pattern.

use percent_encoding::percent_decode_str;
use smol_str::{SmolStr, ToSmolStr};
use url::Url;

/// Header names in lower case, and their values.
pub type Headers = Vec<(SmolStr, SmolStr)>;

/// What is of one connection only, or of the message's own framing, which each connection makes anew.
const OF_ONE_HOP: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
];
/// What API Gateway and those before it have added: it is about the way to us.
const OF_THE_WAY_HERE: [&str; 6] =
    ["cdn-loop", "forwarded", "via", "x-real-ip", "x-amz-cf-id", "x-amzn-trace-id"];
const OF_THE_WAY_HERE_BEGIN: [&str; 3] = ["cloudfront-", "x-amzn-", "x-forwarded-"];
/// What signs the request to us (AWS Signature Version 4). It is nobody else's, and with its token somebody else could
/// sign too.
const OF_OUR_SIGNATURE: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// Returns the headers of a request that are for whoever it is passed on to: the end-to-end ones, without those that API
/// Gateway has added and without the signature by which it was let in. All values of a name are kept, in their order.
#[must_use]
pub fn of_request(headers: &[(SmolStr, SmolStr)]) -> Headers {
    let is_signature = |name: &str, value: &str| {
        OF_OUR_SIGNATURE.contains(&name) || name == "authorization" && value.starts_with("AWS4-")
    };
    let is_added = |name: &str| {
        OF_THE_WAY_HERE.contains(&name) || OF_THE_WAY_HERE_BEGIN.iter().any(|begin| name.starts_with(begin))
    };
    let mut through = end_to_end(headers);
    through.retain(|(name, value)| !is_signature(name, value) && !is_added(name));
    through
}

/// Returns the parameters of a query that are for whoever it is passed on to: without a signature by which the request was
/// let in (AWS Signature Version 4 in the query).
#[must_use]
pub fn of_query(query: &[(SmolStr, SmolStr)]) -> Headers {
    const SIGNATURE: [&str; 7] = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    ];
    let is_signature = |name: &str| SIGNATURE.iter().any(|known| known.eq_ignore_ascii_case(name));
    query.iter().filter(|(name, _)| !is_signature(name)).cloned().collect()
}

/// Returns the headers of a message that are not of one connection only (RFC 9110 §7.6.1): neither those that always are,
/// nor those that its `Connection` header names, nor its length.
#[must_use]
pub fn end_to_end(headers: &[(SmolStr, SmolStr)]) -> Headers {
    let named: Vec<String> = headers
        .iter()
        .filter(|(name, _)| name == "connection")
        .flat_map(|(_, names)| names.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let is_of_hop = |name: &str| {
        OF_ONE_HOP.contains(&name) || name == "upgrade" || named.iter().any(|listed| listed == name)
    };
    headers.iter().filter(|(name, _)| !is_of_hop(name)).cloned().collect()
}

/// Returns the bytes that headers take on the wire: names, values, and four for what parts them.
#[must_use]
pub fn size(headers: &[(SmolStr, SmolStr)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}

/// Returns the URL of a path below another one, with these parameters behind its own, but for those whose names it has
/// itself. `below` is empty, or begins with a
/// slash and is percent-encoded as it was sent; it stays so.
///
/// # Errors
/// The path would lead out of the other one, or is none: says why.
pub fn below(url: &str, below: &str, query: &[(SmolStr, SmolStr)]) -> Result<SmolStr, &'static str> {
    let mut whole = Url::parse(url).map_err(|_| "the URL below which it would be is none")?;
    if !below.is_empty() {
        may_be_below(below)?;
        let path = format!("{}{below}", whole.path().trim_end_matches('/'));
        whole.set_path(&path);
    }
    // What the URL says itself is not said again: of two values many servers take the last.
    let own: Vec<String> = whole.query_pairs().map(|(name, _)| name.into_owned()).collect();
    let more: Vec<_> = query.iter().filter(|(name, _)| !own.iter().any(|known| known == name)).collect();
    if !more.is_empty() {
        whole.query_pairs_mut().extend_pairs(more);
    }
    Ok(whole.to_smolstr())
}

/// Whether a path stays below whatever it is put behind.
///
/// # Errors
/// It does not begin with a slash, has a part that is `.` or `..`, however it is encoded, or a character that some
/// programs take for a slash.
pub fn may_be_below(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("does not begin with a slash");
    }
    let is_dots = |part: &str| {
        // A target may decode once more than it should.
        let once = percent_decode_str(part).decode_utf8_lossy().into_owned();
        let twice = percent_decode_str(&once).decode_utf8_lossy().into_owned();
        // Some servers end a part at its first `;`, some at a NUL.
        let leads_out = |piece: &str| {
            let name = piece.split([';', '\0']).next().unwrap_or_default();
            matches!(name.trim(), "." | "..")
        };
        [once, twice].iter().any(|decoded| decoded.split(['/', '\\']).any(leads_out))
    };
    if path.split('/').any(is_dots) {
        return Err("has a part `.` or `..`, which would lead elsewhere");
    }
    if path.contains(['\\', '?', '#']) || path.chars().any(|c| c.is_ascii_control() || c == ' ') {
        return Err("has a character that has to be percent-encoded");
    }
    Ok(())
}

/// Returns where a `Location` (or `Content-Location`) leads that came from `called`, as an absolute URL: a relative one
/// is relative to what was called, and not to us. What is no URL reference stays as it is.
#[must_use]
pub fn absolute(called: &str, location: &str) -> SmolStr {
    let resolved = Url::parse(called).and_then(|mut called| {
        // What was asked for may have been ours to know: a reference that is only a fragment would repeat it.
        called.set_query(None);
        called.join(location)
    });
    resolved.map_or_else(|_| location.into(), |url| url.to_smolstr())
}

/// Returns the path of a URL below another one, with its query and fragment (`/7?full=1` of `https://a.example/orders/7?full=1`
/// below `https://a.example/orders`); none where it is not below.
#[must_use]
pub fn path_below(url: &str, base: &str) -> Option<SmolStr> {
    let (url, base) = (Url::parse(url).ok()?, Url::parse(base).ok()?);
    if url.origin() != base.origin() {
        return None;
    }
    let rest = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let mut path = rest.to_owned();
    if let Some(query) = url.query() {
        path.push('?');
        path.push_str(query);
    }
    if let Some(fragment) = url.fragment() {
        path.push('#');
        path.push_str(fragment);
    }
    Some(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&str, &str)]) -> Headers {
        all.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn names(all: &Headers) -> Vec<&str> {
        all.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn what_is_of_one_connection_stays_there() {
        let came = headers(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("content-encoding", "gzip"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        let through = end_to_end(&came);
        assert_eq!(names(&through), ["content-encoding", "set-cookie", "set-cookie"]);
        assert_eq!(through[2].1, "b=2");
    }

    #[test]
    fn neither_our_signature_nor_what_api_gateway_added_goes_on() {
        let came = headers(&[
            ("authorization", "AWS4-HMAC-SHA256 Credential=…"),
            ("x-amz-date", "20260101T000000Z"),
            ("x-amz-security-token", "t"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-amzn-trace-id", "Root=1"),
            ("cloudfront-viewer-country", "DE"),
            ("accept", "*/*"),
            ("x-amz-target", "mine"),
        ]);
        assert_eq!(names(&of_request(&came)), ["accept", "x-amz-target"]);
        let own = headers(&[("authorization", "Bearer t")]);
        assert_eq!(of_request(&own), own);
    }

    #[test]
    fn a_signature_in_the_query_does_not_go_on_either() {
        let came = headers(&[("X-Amz-Signature", "s"), ("X-Amz-Security-Token", "t"), ("a", "1")]);
        assert_eq!(of_query(&came), headers(&[("a", "1")]));
    }

    #[test]
    fn a_path_is_put_behind_as_it_was_sent() {
        let at = |url, path| below(url, path, &[]).unwrap();
        assert_eq!(at("https://a.example", "/x"), "https://a.example/x");
        assert_eq!(at("https://a.example/v1/", "/x//y/"), "https://a.example/v1/x//y/");
        assert_eq!(
            at("https://a.example/v1?k=1", "/a%2Fb/%C3%A4/%41:z"),
            "https://a.example/v1/a%2Fb/%C3%A4/%41:z?k=1"
        );
        assert_eq!(at("https://a.example/v1?k=1", ""), "https://a.example/v1?k=1");
        let query = headers(&[("b", "2&3"), ("a", ""), ("a", "ä ")]);
        let whole = below("https://a.example/v1?k=1", "/x", &query).unwrap();
        assert_eq!(whole, "https://a.example/v1/x?k=1&b=2%263&a=&a=%C3%A4+");
        let pinned = below("https://a.example/v1?k=1", "", &headers(&[("k", "2")])).unwrap();
        assert_eq!(pinned, "https://a.example/v1?k=1");
    }

    #[test]
    fn no_path_leads_out() {
        for bad in [
            "/..",
            "/.",
            "/a/../b",
            "/%2e%2E/b",
            "/.%2e",
            "/%252e%252e/b",
            "/a/..%2Fb",
            "/..%5cb",
            "/a\\..\\b",
            "x",
            "/a b",
            "/a?b",
            "/a#b",
            "/a\nb",
            "/..;/b",
            "/..;x=1",
            "/%2e%2e%3b/b",
            "/..%00/b",
            "/.;/b",
        ] {
            assert!(below("https://a.example/v1", bad, &[]).is_err(), "{bad}");
        }
        for good in ["/...", "/a..b", "/.well-known/x", "/%", "/%zz"] {
            assert!(below("https://a.example/v1", good, &[]).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_location_leads_where_the_target_meant() {
        let called = "https://a.example/v1/orders";
        assert_eq!(absolute(called, "/v1/orders/7"), "https://a.example/v1/orders/7");
        assert_eq!(absolute(called, "7"), "https://a.example/v1/7");
        assert_eq!(absolute("https://a.example/v1/orders/", "7"), "https://a.example/v1/orders/7");
        assert_eq!(absolute(called, "?page=2"), "https://a.example/v1/orders?page=2");
        assert_eq!(absolute(called, "https://b.example/x#y"), "https://b.example/x#y");
        assert_eq!(absolute(called, "//b.example/x"), "https://b.example/x");
        assert_eq!(absolute(called, "https://["), "https://[");
        assert_eq!(absolute("https://a.example/v1?key=hush", "#top"), "https://a.example/v1#top");
    }

    #[test]
    fn what_is_below_a_url_is_known() {
        let of = |url, base| path_below(url, base).map(String::from);
        assert_eq!(of("https://a.example/v1/x?y=1#z", "https://a.example/v1").as_deref(), Some("/x?y=1#z"));
        assert_eq!(of("https://a.example/v1/x", "https://a.example/v1/").as_deref(), Some("/x"));
        assert_eq!(of("https://a.example/v1", "https://a.example/v1/").as_deref(), Some(""));
        assert_eq!(of("https://a.example/", "https://a.example").as_deref(), Some("/"));
        for other in ["https://a.example/v12", "http://a.example/v1/x", "https://b.example/v1/x", "nothing"] {
            assert_eq!(of(other, "https://a.example/v1"), None, "{other}");
        }
    }
}
