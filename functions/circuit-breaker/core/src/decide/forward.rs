//! Whether a target takes a request as it is: its method, its path, its query.

use crate::config::Forward;
use crate::passage::Passage;

/// Why a request is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotForwarded {
    /// The target is not called with this method.
    #[error("its method is none of forward.methods")]
    Method,
    /// The target is not called at this path.
    #[error("its path is below none of forward.paths")]
    Path,
    /// The target is not called with a query.
    #[error("it has a query, and forward.query is false")]
    Query,
}

impl Forward {
    /// Returns why a request is not passed on; none where it is.
    #[must_use]
    pub fn refuses(&self, passage: &Passage) -> Option<NotForwarded> {
        // First the place: which methods there are is said of one that exists.
        if !self.takes(&passage.path) {
            Some(NotForwarded::Path)
        } else if !self.methods.contains(&passage.method) {
            Some(NotForwarded::Method)
        } else if !passage.query.is_empty() && !self.query {
            Some(NotForwarded::Query)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tenfold_ports::downstream::Method;

    use super::*;
    use crate::config::TargetConfig;

    #[test]
    fn a_target_says_what_of_it_can_be_called() {
        let body = r#"{"url":"http://a","forward":{"methods":["PUT","GET"],"paths":["/orders","/x/"],"query":true}}"#;
        let forward = TargetConfig::parse(body.as_bytes()).unwrap().forward;
        let of = |method, path: &str| {
            forward.refuses(&Passage { method, path: path.into(), ..Passage::default() })
        };
        for path in ["", "/orders", "/orders/", "/orders/7", "/x", "/x/y"] {
            assert_eq!(of(Method::Put, path), None, "{path}");
        }
        for path in ["/order", "/ordersx", "/", "/xy"] {
            assert_eq!(of(Method::Put, path), Some(NotForwarded::Path), "{path}");
        }
        assert_eq!(of(Method::Post, "/orders"), Some(NotForwarded::Method));
    }

    #[test]
    fn by_itself_a_target_is_posted_to_at_its_url_alone() {
        let forward = Forward::default();
        assert_eq!(forward.refuses(&Passage::default()), None);
        let asked = Passage { query: vec![("a".into(), "1".into())], ..Passage::default() };
        assert_eq!(forward.refuses(&asked), Some(NotForwarded::Query));
        let below = Passage { path: "/".into(), ..Passage::default() };
        assert_eq!(forward.refuses(&below), Some(NotForwarded::Path));
        let all = TargetConfig::parse(br#"{"url":"http://a","forward":{"paths":["/"]}}"#).unwrap().forward;
        assert_eq!((all.refuses(&below), all.takes("/a/b")), (None, true));
    }
}
