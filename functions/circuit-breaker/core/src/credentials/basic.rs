//! HTTP Basic (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tenfold_ports::secrets::Secret;

/// Returns the header of a user's password, or of a JSON object that has both; none where it has not.
pub(super) fn of_secret(username: Option<&str>, secret: &Secret) -> Option<String> {
    if let Some(username) = username {
        return header(username, secret.reveal());
    }
    let (username, password) = (secret.field("username").ok()?, secret.field("password").ok()?);
    header(username.reveal(), password.reveal())
}

/// Returns the header; none where the user's name has a colon, at which it would end.
pub(super) fn header(username: &str, password: &str) -> Option<String> {
    (!username.contains(':')).then(|| format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7617 §2 and §2.1.
    #[test]
    fn the_known_users_have_the_known_headers() {
        let secret = Secret::new("open sesame");
        let expected = Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned());
        assert_eq!(of_secret(Some("Aladdin"), &secret), expected);
        let both = Secret::new(r#"{"username":"Aladdin","password":"open sesame"}"#);
        assert_eq!(of_secret(None, &both), expected);
        assert_eq!(header("test", "123\u{a3}"), Some("Basic dGVzdDoxMjPCow==".to_owned()));
    }

    #[test]
    fn what_is_no_user_is_none() {
        assert_eq!(of_secret(None, &Secret::new("open sesame")), None);
        assert_eq!(of_secret(None, &Secret::new(r#"{"username":"a:b","password":"c"}"#)), None);
    }
}
