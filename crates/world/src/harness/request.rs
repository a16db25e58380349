//! Requests as tests write them down.

use smol_str::SmolStr;
use tenfold_ports::Bytes;
use tenfold_ports::api::Request;

/// A request of a path, which may have a query (`/trips?state=stuck&limit=2`), without headers.
#[must_use]
pub fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (SmolStr::new(name), SmolStr::new(value))).collect();
    Request { method: method.into(), path: path.into(), query, body: body.into(), ..Request::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_have_a_query() {
        let request = request("GET", "/trips?state=stuck&limit=2", "");
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/trips"));
        assert_eq!(request.parameter("state").map(SmolStr::as_str), Some("stuck"));
        assert_eq!(request.parameter("limit").map(SmolStr::as_str), Some("2"));
        assert_eq!(super::request("GET", "/trips", "").query, []);
    }
}
