//! Signatures of Standard Webhooks (specification 1.0.0, symmetric).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use tenfold_ports::secrets::Secret;

/// What a key begins with.
const PREFIX: &str = "whsec_";
/// The most keys that sign at a time: two while one replaces the other, and some to spare.
const KEYS_MOST: usize = 5;

/// Returns the headers that sign a body, with each key of the secret: while one key replaces another both are in it, and
/// the receiver takes either. None where a key is none.
///
/// The id is the request's and thus the same for each attempt: by it the receiver knows a message that came before. A
/// sender's own key would not do, as two tenants may have the same, and a full stop in it would make the signed text
/// ambiguous.
pub(super) fn signature(
    secret: &Secret,
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> Option<[(&'static str, String); 3]> {
    let timestamp = now.as_second().to_string();
    let mut signatures = String::new();
    for (n, key) in secret.reveal().split_ascii_whitespace().enumerate() {
        let key = STANDARD.decode(key.strip_prefix(PREFIX)?).ok().filter(|key| !key.is_empty())?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].iter().for_each(|part| mac.update(part));
        if n >= KEYS_MOST {
            return None;
        }
        if n > 0 {
            signatures.push(' ');
        }
        signatures.push_str("v1,");
        STANDARD.encode_string(mac.finalize().into_bytes(), &mut signatures);
    }
    let headers =
        [("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp), ("webhook-signature", signatures)];
    (!headers[2].1.is_empty()).then_some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    fn signed(keys: &str) -> Option<String> {
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        let headers = signature(&Secret::new(keys), ID, now, br#"{"test": 2432232314}"#)?;
        assert_eq!(headers[0], ("webhook-id", ID.to_owned()));
        assert_eq!(headers[1], ("webhook-timestamp", "1614265330".to_owned()));
        Some(headers[2].1.clone())
    }

    /// The vector of the specification's own libraries.
    #[test]
    fn the_known_message_has_the_known_signature() {
        assert_eq!(signed(KEY).unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_keys_are_replaced_each_signs() {
        let both = signed(&format!("{KEY}\n whsec_c2Vjb25k ")).unwrap();
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, signed(KEY).unwrap());
        assert_eq!(second, signed("whsec_c2Vjb25k").unwrap());
    }

    #[test]
    fn what_is_no_key_signs_nothing() {
        for none in ["", "  ", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_?", &format!("{KEY} x")] {
            assert_eq!(signed(none), None, "{none}");
        }
        assert_eq!(signed(&[KEY; 6].join(" ")), None);
    }
}
