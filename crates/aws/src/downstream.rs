//! The port `Downstream` on HTTP/1.1, over plain TCP or TLS.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url, redirect, retry};
use smol_str::SmolStr;
use tenfold_ports::Downstream;
use tenfold_ports::downstream::{Answer, Call, Method, NoAnswer};

use crate::MethodActions;
use crate::egress::{Egress, EgressRefusal};

/// No method needs a permission of IAM.
pub const ACTIONS: &[MethodActions] = &[("call", &[])];

/// How long to wait for a connection at most, where the call itself does not wait shorter.
const CONNECT: Duration = Duration::from_secs(2);
/// A connection that idled longer is not used again: the service may have closed it while the function was
/// frozen, and a call on it would end in doubt.
const IDLE: Duration = Duration::from_secs(15);
/// The most headers of an answer. The client's own 100 would make a connection error of an answer that has more.
const HEADERS: usize = 1_000;

/// HTTP calls with a shared pool of connections, to addresses that an [`Egress`] allows.
///
/// It follows no redirect, takes no proxy from the environment and repeats nothing. The TLS roots are read at
/// the first `https` call; a function that calls only `http` never reads them. A name is looked up once a connection,
/// and the connection goes to the address that was checked. No text of an error holds the URL: its query or user info
/// may be a secret.
#[derive(Debug, Default)]
pub struct HttpDownstream {
    egress: Arc<Egress>,
    look_up: LookUp,
    usual: Clients,
    // A look-up does not know for which port it is, so calls at the Runtime API's port have clients of their own.
    beside_runtime_api: Clients,
}

#[derive(Debug, Default)]
struct Clients {
    plain: OnceLock<Result<Client, String>>,
    tls: OnceLock<Result<Client, String>>,
}

/// How names are looked up: by the system, or in a test by a name server of its own.
#[derive(Debug, Clone, Copy, Default)]
enum LookUp {
    #[default]
    System,
    #[cfg(test)]
    At(SocketAddr),
}

/// Looks names up, and lets through the addresses that may be called.
struct CheckedDns {
    egress: Arc<Egress>,
    look_up: LookUp,
    check: Check,
}

/// Whether a host may be called at an address.
type Check = fn(&Egress, &str, IpAddr) -> Result<(), EgressRefusal>;

impl Resolve for CheckedDns {
    fn resolve(&self, name: Name) -> Resolving {
        let (egress, look_up, check) = (Arc::clone(&self.egress), self.look_up, self.check);
        Box::pin(async move {
            let all = look_up.addresses(name.as_str()).await?;
            let checked = all.into_iter().map(|ip| check(&egress, name.as_str(), ip).map(|()| ip));
            let (mut allowed, mut refused) = (Vec::new(), None);
            for ip in checked {
                match ip {
                    Ok(ip) => allowed.push(SocketAddr::new(ip, 0)),
                    Err(refusal) => {
                        tracing::warn!(?refusal, "an address was refused");
                        refused = Some(refusal);
                    }
                }
            }
            match refused {
                Some(refusal) if allowed.is_empty() => Err(refusal.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

impl LookUp {
    async fn addresses(self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((host, 0)).await?.map(|at| at.ip()).collect()),
            #[cfg(test)]
            Self::At(server) => tests::dns::ask(server, host).await,
        }
    }
}

impl Downstream for HttpDownstream {
    async fn call(&self, call: Call) -> Result<Answer, NoAnswer> {
        let limit = call.timeout;
        let whole = async {
            let max = call.max_body;
            let response = self.request(call)?.send().await.map_err(no_answer)?;
            read(response, max).await
        };
        tokio::time::timeout(limit, whole).await.unwrap_or(Err(NoAnswer::TimedOut))
    }
}

impl HttpDownstream {
    /// Calls to what `egress` allows.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { egress: Arc::new(egress), ..Self::default() }
    }

    fn request(&self, call: Call) -> Result<RequestBuilder, NoAnswer> {
        let not_sent = |why: String| NoAnswer::NotConnected(format!("the call was not sent: {why}"));
        let url = Url::parse(&call.url).map_err(|e| not_sent(format!("its URL is none: {e}")))?;
        let (clients, check) = self.for_port(url.port_or_known_default());
        // An address is not looked up, so nothing else would check it.
        if let Some(ip) = literal(&url) {
            check(&self.egress, &ip.to_string(), ip).map_err(|e| not_sent(e.to_string()))?;
        }
        let dns = || CheckedDns { egress: Arc::clone(&self.egress), look_up: self.look_up, check };
        let client = match url.scheme() {
            "https" => clients.tls.get_or_init(|| build(Client::builder(), dns())),
            // Without roots to trust no time goes into reading them.
            "http" => clients.plain.get_or_init(|| build(Client::builder().tls_certs_only([]), dns())),
            other => return Err(not_sent(format!("{other} is neither http nor https"))),
        };
        let client = client.as_ref().map_err(|e| not_sent(e.clone()))?;
        let mut headers = HeaderMap::with_capacity(call.headers.len());
        for (name, value) in &call.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            let (name, value) = header.ok_or_else(|| not_sent(format!("bad header {name}")))?;
            headers.append(name, value);
        }
        // The client leaves it out, and some services wait for a body then, or refuse (RFC 9110 §8.6).
        if call.body.is_empty() && matches!(call.method, Method::Post | Method::Put | Method::Patch) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let request = match call.method {
            Method::Get => client.get(url),
            Method::Head => client.head(url),
            Method::Post => client.post(url).body(call.body),
            Method::Put => client.put(url).body(call.body),
            Method::Patch => client.patch(url).body(call.body),
            // One without content says nothing of it.
            Method::Delete if call.body.is_empty() => client.delete(url),
            Method::Delete => client.delete(url).body(call.body),
        };
        Ok(request.headers(headers))
    }

    fn for_port(&self, port: Option<u16>) -> (&Clients, Check) {
        let runtime_api = self.egress.runtime_api_port();
        if runtime_api.is_some() && port == runtime_api {
            (&self.beside_runtime_api, Egress::check_beside_runtime_api)
        } else {
            (&self.usual, Egress::check)
        }
    }
}

/// The address that a URL has instead of a name, in whatever spelling.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn build(builder: reqwest::ClientBuilder, dns: CheckedDns) -> Result<Client, String> {
    let builder = builder
        .dns_resolver(Arc::new(dns))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .referer(false)
        .user_agent("tenfold")
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .http1_max_headers(HEADERS);
    builder.build().map_err(|e| chain(&e))
}

/// Reads the body up to `max` bytes. What is longer is cut, and its connection closed instead of drained.
async fn read(mut response: Response, max: usize) -> Result<Answer, NoAnswer> {
    let headers = response.headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str().into(), text(value)?))).collect();
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    let mut truncated = false;
    while !truncated && let Some(chunk) = response.chunk().await.map_err(no_answer)? {
        let room = max - body.len();
        truncated = chunk.len() > room;
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(Answer { status, headers, body: Bytes::from(body), truncated })
}

/// A header's value as text: UTF-8 goes on as it came, other bytes cannot go through API Gateway.
fn text(value: &HeaderValue) -> Option<SmolStr> {
    std::str::from_utf8(value.as_bytes()).ok().map(SmolStr::new)
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    let error = error.without_url();
    // First, since a connection can also fail by its time-out.
    if error.is_connect() || error.is_builder() {
        NoAnswer::NotConnected(chain(&error))
    } else if error.is_timeout() {
        NoAnswer::TimedOut
    } else {
        NoAnswer::Broken(chain(&error))
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
