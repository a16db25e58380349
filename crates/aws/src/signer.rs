//! The port `Signer`: Signature Version 4 with the credentials that Lambda gives to the function.

use std::fmt;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::Signer;
use tenfold_ports::downstream::Call;
use tenfold_ports::signer::{NotSignable, SigningScope};

use crate::MethodActions;

/// No method needs a permission of IAM by itself: what the signed call does may.
pub const ACTIONS: &[MethodActions] = &[("sign", &[])];

/// Signs in the name of the function's role, its session token included.
pub struct AwsSigner {
    /// None: it signs nothing.
    identity: Option<Identity>,
    region: SmolStr,
}

impl fmt::Debug for AwsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSigner").field("region", &self.region).finish_non_exhaustive()
    }
}

impl AwsSigner {
    /// Signs with these credentials, in this region where a scope names none; without credentials it signs nothing.
    #[must_use]
    pub fn new(credentials: impl Into<Option<Credentials>>, region: &str) -> Self {
        Self { identity: credentials.into().map(Identity::from), region: region.into() }
    }
}

impl Signer for AwsSigner {
    fn sign(&self, mut call: Call, scope: &SigningScope, now: Timestamp) -> Result<Call, NotSignable> {
        let params = v4::SigningParams::builder()
            .identity(self.identity.as_ref().ok_or(NotSignable)?)
            .region(scope.region.as_deref().unwrap_or(&self.region))
            .name(&scope.service)
            .time(SystemTime::from(now))
            .settings(settings(&scope.service))
            .build()
            .map_err(|_| NotSignable)?
            .into();
        let headers = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = SignableBody::Bytes(&call.body);
        let request = SignableRequest::new(call.method.name(), call.url.as_str(), headers, body)
            .map_err(|_| NotSignable)?;
        let (headers, _) = sign(request, &params).map_err(|_| NotSignable)?.into_parts().0.into_parts();
        call.headers.extend(headers.iter().map(|header| (header.name().into(), header.value().into())));
        Ok(call)
    }
}

/// As the service wants it: S3 takes the path as it is and the body's digest in a header.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use tenfold_ports::downstream::Method;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn signed(url: &str, token: Option<&str>, service: &str) -> Call {
        let credentials = Credentials::from_keys("AKIDEXAMPLE", SECRET, token.map(str::to_owned));
        let call = Call {
            method: Method::Get,
            url: url.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: Duration::from_secs(1),
            max_body: 0,
        };
        let scope = SigningScope { service: service.into(), region: None };
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        AwsSigner::new(credentials, "us-east-1").sign(call, &scope, now).unwrap()
    }

    fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
        call.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// `get-vanilla` of AWS's own test suite.
    #[test]
    fn the_known_request_has_the_known_signature() {
        let call = signed("https://example.amazonaws.com/", None, "service");
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                        SignedHeaders=host;x-amz-date, \
                        Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        assert_eq!(header(&call, "authorization"), Some(expected));
        assert_eq!(header(&call, "x-amz-date"), Some("20150830T123600Z"));
    }

    #[test]
    fn a_session_token_goes_with_the_call_and_is_signed() {
        let call = signed("https://example.amazonaws.com/", Some("token"), "service");
        assert_eq!(header(&call, "x-amz-security-token"), Some("token"));
        let authorization = header(&call, "authorization").unwrap();
        assert!(
            authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"),
            "{authorization}"
        );
    }

    #[test]
    fn an_object_store_gets_the_digest_of_the_body() {
        assert!(
            header(&signed("https://b.s3.amazonaws.com/a%20b", None, "s3"), "x-amz-content-sha256").is_some()
        );
    }

    #[test]
    fn nothing_of_the_credentials_is_shown() {
        let shown = format!("{:?}", AwsSigner::new(Credentials::from_keys("AKIDEXAMPLE", SECRET, None), "r"));
        assert!(!shown.contains(SECRET) && !shown.contains("AKIDEXAMPLE"), "{shown}");
    }
}
