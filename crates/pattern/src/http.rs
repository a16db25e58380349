//! A request at the edge: parsed into types, or answered with a problem that names all that is wrong with it.
//!
//! * [`fields`]: JSON bodies, field by field.
//! * [`conditional`]: `ETag`, `If-Match` and `If-None-Match`.
//! * [`forwarding`]: what an intermediary passes on.
//! * [`page_token`]: where the next page of a list begins, opaque to callers.
//!
//! Here are the path, the methods, the size of a body, single values of headers and query parameters, the idempotency
//! key and `Location`. What a route does belongs to the pattern; the translation of API Gateway's events to
//! `tenfold-lambda`.

pub mod conditional;
pub mod fields;
pub mod forwarding;
pub mod page_token;

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::api::{Fault, Problem, Request, Response};

pub use conditional::EntityTag;
pub use fields::Fields;

/// What a route answers instead of a [`Response`].
pub type RouteResult = Result<Response, Problem>;

/// The longest idempotency key, in characters.
const KEY_MOST: usize = 255;

/// The parts of a request's path between its slashes, each percent-decoded once. So an encoded slash stays within its
/// part, and `%2541` is the text `%41`.
///
/// # Errors
/// 404: a part is no UTF-8, so that nothing can be there.
pub fn segments(request: &Request) -> Result<Vec<Cow<'_, str>>, Problem> {
    let decoded = request.segments().into_iter().map(|part| percent_decode_str(part).decode_utf8());
    decoded.collect::<Result<_, _>>().map_err(|_| Problem::no_route(&request.path))
}

/// Whether a body is small enough.
///
/// # Errors
/// 413: it has more than `most` bytes.
pub fn within(body: &[u8], most: usize) -> Result<(), Problem> {
    if body.len() > most { Err(Problem::too_large(body.len(), most)) } else { Ok(()) }
}

/// The query parameter `name`, which comes once or not at all.
///
/// # Errors
/// It comes several times: which one was meant?
pub fn parameter<'a>(request: &'a Request, name: &str) -> Result<Option<&'a SmolStr>, Fault> {
    single(request.parameter_values(name)).map_err(|detail| Fault::new(format!("query:{name}"), detail))
}

/// The header `name`, as it is usually spelled, which names something: once or not at all, and 1 to `most` visible
/// ASCII characters.
///
/// # Errors
/// It comes several times, is empty, too long or has other characters.
pub fn name_header(request: &Request, name: &str, most: usize) -> Result<Option<SmolStr>, Fault> {
    let fault = |detail: String| Fault::new(format!("header:{name}"), detail);
    let lower = name.to_ascii_lowercase();
    match single(request.header_values(&lower)).map_err(|detail| fault(detail.to_owned()))? {
        Some(value) if is_name(value, most) => Ok(Some(value.clone())),
        Some(_) => Err(fault(format!("1 to {most} visible ASCII characters were expected"))),
        None => Ok(None),
    }
}

/// The `Idempotency-Key` of a request that must have one: 1 to 255 visible ASCII characters.
///
/// # Errors
/// It is missing, comes several times or is no such key.
pub fn idempotency_key(request: &Request) -> Result<SmolStr, Fault> {
    let missing = || Fault::new("header:Idempotency-Key", "is required: it is what makes a repetition safe");
    name_header(request, "Idempotency-Key", KEY_MOST)?.ok_or_else(missing)
}

/// Whether text can name something: 1 to `most` visible ASCII characters.
#[must_use]
pub fn is_name(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The `Location` of a resource of this API (`/trips/17`): an absolute path that is right below any stage and any base
/// path of a custom domain.
#[must_use]
pub fn location(request: &Request, path: &str) -> SmolStr {
    format_smolstr!("{}{path}", request.base)
}

fn single<'a>(mut values: impl Iterator<Item = &'a SmolStr>) -> Result<Option<&'a SmolStr>, &'static str> {
    let first = values.next();
    if values.next().is_some() { Err("comes several times; one was expected") } else { Ok(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, headers: &[(&str, &str)], query: &[(&str, &str)]) -> Request {
        let pairs = |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        Request { path: path.into(), headers: pairs(headers), query: pairs(query), ..Request::default() }
    }

    #[test]
    fn a_part_of_the_path_is_decoded_once() {
        let request = request("/a%2Fb/%2541/c%20d/plain+plus", &[], &[]);
        assert_eq!(segments(&request).unwrap(), ["a/b", "%41", "c d", "plain+plus"]);
    }

    #[test]
    fn a_path_that_is_no_text_leads_nowhere() {
        assert_eq!(segments(&request("/%ff", &[], &[])).unwrap_err().status, 404);
    }

    #[test]
    fn what_comes_twice_is_a_fault() {
        let request = request("/", &[("tenant", "a"), ("tenant", "b")], &[("after", "1"), ("after", "2")]);
        assert_eq!(name_header(&request, "Tenant", 64).unwrap_err().at, "header:Tenant");
        assert_eq!(parameter(&request, "after").unwrap_err().at, "query:after");
        assert_eq!(parameter(&request, "state"), Ok(None));
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii() {
        let long = "k".repeat(256);
        for bad in ["", "a b", "ä", &long] {
            assert!(idempotency_key(&request("/", &[("idempotency-key", bad)], &[])).is_err(), "{bad}");
        }
        assert!(idempotency_key(&request("/", &[], &[])).unwrap_err().detail.contains("required"));
        assert_eq!(idempotency_key(&request("/", &[("idempotency-key", "k-1")], &[])).unwrap(), "k-1");
    }

    #[test]
    fn a_location_holds_below_any_stage() {
        let staged = Request { base: "/prod".into(), ..Request::default() };
        assert_eq!(location(&staged, "/trips/17"), "/prod/trips/17");
        assert_eq!(location(&Request::default(), "/trips/17"), "/trips/17");
    }

    #[test]
    fn a_body_has_a_limit() {
        assert_eq!(within(&[0; 11], 10).unwrap_err().status, 413);
        assert_eq!(within(&[0; 10], 10), Ok(()));
    }
}
