//! The port `Downstream` on HTTP/1.1, over plain TCP or TLS.

use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, redirect, retry};
use smol_str::SmolStr;
use tenfold_ports::Downstream;
use tenfold_ports::downstream::{Answer, Call, Method, NoAnswer};

use crate::MethodActions;

/// No method needs a permission of IAM.
pub const ACTIONS: &[MethodActions] = &[("call", &[])];

/// How long to wait for a connection at most, where the call itself does not wait shorter.
const CONNECT: Duration = Duration::from_secs(2);
/// A connection that idled longer is not used again: the service may have closed it while the function was
/// frozen, and a call on it would end in doubt.
const IDLE: Duration = Duration::from_secs(15);

/// HTTP calls with a shared pool of connections.
///
/// It follows no redirect, takes no proxy from the environment and repeats nothing. The TLS roots are read at
/// the first `https` call; a function that calls only `http` never reads them.
#[derive(Debug, Default)]
pub struct HttpDownstream {
    plain: OnceLock<Result<Client, String>>,
    tls: OnceLock<Result<Client, String>>,
}

impl Downstream for HttpDownstream {
    async fn call(&self, call: Call) -> Result<Answer, NoAnswer> {
        let limit = call.timeout;
        let whole = async {
            let max = call.max_body;
            let response = self.request(call)?.send().await.map_err(|e| no_answer(&e))?;
            read(response, max).await
        };
        tokio::time::timeout(limit, whole).await.unwrap_or(Err(NoAnswer::TimedOut))
    }
}

impl HttpDownstream {
    fn request(&self, call: Call) -> Result<RequestBuilder, NoAnswer> {
        let not_sent = |why: String| NoAnswer::NotConnected(format!("the call was not sent: {why}"));
        let url = reqwest::Url::parse(&call.url).map_err(|e| not_sent(format!("{}: {e}", call.url)))?;
        let client = match url.scheme() {
            "https" => self.tls.get_or_init(|| build(Client::builder())),
            // Without roots to trust no time goes into reading them.
            "http" => self.plain.get_or_init(|| build(Client::builder().tls_certs_only([]))),
            other => return Err(not_sent(format!("{other} is neither http nor https"))),
        };
        let client = client.as_ref().map_err(|e| not_sent(e.clone()))?;
        let mut headers = HeaderMap::with_capacity(call.headers.len());
        for (name, value) in &call.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            let (name, value) = header.ok_or_else(|| not_sent(format!("bad header {name}")))?;
            headers.append(name, value);
        }
        let request = match call.method {
            Method::Get => client.get(url),
            Method::Post => client.post(url).body(call.body),
        };
        Ok(request.headers(headers))
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<Client, String> {
    let builder = builder
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .user_agent("tenfold")
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE);
    builder.build().map_err(|e| chain(&e))
}

/// Reads the body up to `max` bytes. What is longer is cut, and its connection closed instead of drained.
async fn read(mut response: Response, max: usize) -> Result<Answer, NoAnswer> {
    let header =
        |name| response.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok()).map(SmolStr::new);
    let (content_type, retry_after) = (header(CONTENT_TYPE), header(RETRY_AFTER));
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    let mut truncated = false;
    while !truncated && let Some(chunk) = response.chunk().await.map_err(|e| no_answer(&e))? {
        let room = max - body.len();
        truncated = chunk.len() > room;
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(Answer { status, content_type, retry_after, body: Bytes::from(body), truncated })
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    // First, since a connection can also fail by its time-out.
    if error.is_connect() || error.is_builder() {
        NoAnswer::NotConnected(chain(error))
    } else if error.is_timeout() {
        NoAnswer::TimedOut
    } else {
        NoAnswer::Broken(chain(error))
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
