//! Secrets by reference: what is configured, stored and shown is where a secret is, and never the secret.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use smol_str::SmolStr;

/// The longest name of a parameter or a secret, its ARN included.
const NAME_MOST: usize = 2048;
/// The longest name of a field.
const FIELD_MOST: usize = 128;

/// Where a secret is: the whole value under one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretSource {
    /// A parameter of Systems Manager, by its name.
    Parameter(SmolStr),
    /// A secret of Secrets Manager, by its name or ARN: the version that is current.
    Secret(SmolStr),
}

impl SecretSource {
    /// Returns what it is in words that name nothing.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Parameter(_) => "the SSM parameter",
            Self::Secret(_) => "the secret of Secrets Manager",
        }
    }
}

/// Where a secret is: `ssm:/name` or `secretsmanager:name-or-arn`, and with `#field` one text of the JSON object that is
/// there.
///
/// ```
/// use tenfold_ports::secrets::SecretReference;
///
/// let reference: SecretReference = "secretsmanager:tenfold/pay#password".parse().unwrap();
/// assert_eq!(reference.to_string(), "secretsmanager:tenfold/pay#password");
/// let error = "hunter2".parse::<SecretReference>().unwrap_err();
/// assert!(!error.to_string().contains("hunter2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretReference {
    /// The whole value.
    pub source: SecretSource,
    /// The field of it that is meant; none: all of it.
    pub field: Option<SmolStr>,
}

/// Text that is no reference. It does not repeat the text, which may be the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error(
    "is no reference to a secret: ssm:/name or secretsmanager:name-or-arn was expected, with #field for one text of a \
     JSON object; the secret itself must not be written here"
)]
pub struct NoReference;

impl FromStr for SecretReference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Self, NoReference> {
        let (service, rest) = text.split_once(':').ok_or(NoReference)?;
        let (name, field) = rest.split_once('#').map_or((rest, None), |(name, field)| (name, Some(field)));
        let source = match service {
            "ssm" if name.starts_with('/') && is_name(name) => SecretSource::Parameter(name.into()),
            "secretsmanager" if is_name(name) => SecretSource::Secret(name.into()),
            _ => return Err(NoReference),
        };
        if field.is_some_and(|field| !is_field(field)) {
            return Err(NoReference);
        }
        Ok(Self { source, field: field.map(SmolStr::from) })
    }
}

/// Letters, digits and what names, versions and ARNs of both services have besides.
fn is_name(text: &str) -> bool {
    let other = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@:-".contains(&b);
    (1..=NAME_MOST).contains(&text.len()) && text.bytes().all(other)
}

fn is_field(text: &str) -> bool {
    (1..=FIELD_MOST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            SecretSource::Parameter(name) => write!(f, "ssm:{name}")?,
            SecretSource::Secret(name) => write!(f, "secretsmanager:{name}")?,
        }
        self.field.iter().try_for_each(|field| write!(f, "#{field}"))
    }
}

impl Serialize for SecretReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The text of the error is ours: serde's own would repeat what it has found.
        let text = SmolStr::deserialize(deserializer).map_err(|_| serde::de::Error::custom(NoReference))?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A secret. It cannot be shown: it has no `Display`, and its `Debug` says nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Keeps a text secret.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for whoever sends it where it belongs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns one text of the JSON object that this secret is.
    ///
    /// # Errors
    /// It is no JSON object with this field, or the field is no text.
    pub fn field(&self, name: &str) -> Result<Self, SecretError> {
        // The error of the reader is dropped: it may repeat what it has read.
        let value: Value = serde_json::from_str(&self.0).map_err(|_| SecretError::Unreadable)?;
        value.get(name).and_then(Value::as_str).map(Self::new).ok_or(SecretError::Unreadable)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a secret cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SecretError {
    /// There is none under this name.
    #[error("is not there")]
    NotFound,
    /// The function may not read it, or not decrypt it.
    #[error("may not be read by this function")]
    Denied,
    /// What is there cannot be used: it is binary, or has no such field.
    #[error("is not what was expected")]
    Unreadable,
    /// The service did not answer, or refused for load.
    #[error("could not be had: the service did not answer")]
    Silent,
}

/// Where secrets are read.
pub trait Secrets {
    /// Reads the whole value of a source, as it is now.
    ///
    /// # Errors
    /// It cannot be had. The error says nothing of what is there.
    async fn get(&self, source: &SecretSource) -> Result<Secret, SecretError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written_as_they_are() {
        let arn = "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:tenfold/pay-AbCdEf";
        for text in ["ssm:/tenfold/pay", "ssm:/tenfold/pay:3", "secretsmanager:tenfold/pay#key", arn] {
            let reference: SecretReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            let json = serde_json::to_string(&reference).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<SecretReference>(&json).unwrap(), reference);
        }
        let reference: SecretReference = "ssm:/a#b".parse().unwrap();
        let expected =
            SecretReference { source: SecretSource::Parameter("/a".into()), field: Some("b".into()) };
        assert_eq!(reference, expected);
    }

    #[test]
    fn what_is_no_reference_is_not_repeated() {
        for text in
            ["hunter2", "ssm:hunter2", "vault:/hunter2", "ssm:/hunter2 x", "secretsmanager:", "ssm:/a#"]
        {
            let error = text.parse::<SecretReference>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        for json in [r#""hunter2""#, "4711", r#"{"hunter2":1}"#] {
            let error = serde_json::from_str::<SecretReference>(json).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && !error.contains("4711"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn a_field_is_one_text_of_an_object() {
        let secret = Secret::new(r#"{"username":"me","password":"hunter2","age":7}"#);
        assert_eq!(secret.field("password"), Ok(Secret::new("hunter2")));
        for (secret, field) in [(secret.clone(), "age"), (secret, "none"), (Secret::new("hunter2"), "a")] {
            assert_eq!(secret.field(field), Err(SecretError::Unreadable));
        }
    }
}
