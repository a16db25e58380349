pub(super) mod dns;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A service that answers its first connection with `answer`, byte for byte, and then keeps it open or not.
async fn service(answer: &'static str, close: bool) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let heard = head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        if !close {
            // Until the caller gives up.
            let _ = stream.read(&mut [0]).await;
        }
        heard
    });
    (address, heard)
}

async fn head(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    while !heard.windows(4).any(|w| w == b"\r\n\r\n") {
        heard.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(heard).unwrap()
}

/// Calls of services on this machine.
fn local() -> HttpDownstream {
    HttpDownstream::new("* 127.0.0.0/8".parse().unwrap())
}

fn get(address: SocketAddr) -> Call {
    Call {
        method: Method::Get,
        url: format!("http://{address}/a?b=c").into(),
        headers: vec![("x-test".into(), "yes".into())],
        body: Bytes::new(),
        timeout: Duration::from_millis(400),
        max_body: 8,
    }
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let answer =
        "HTTP/1.1 503 No\r\ncontent-type: text/plain\r\nretry-after: 7\r\ncontent-length: 8\r\n\r\n12345678";
    let (address, heard) = service(answer, true).await;
    let answer = local().call(get(address)).await.unwrap();
    assert_eq!((answer.status, &answer.body[..], answer.truncated), (503, &b"12345678"[..], false));
    let header = |name| answer.header(name).map(SmolStr::as_str);
    assert_eq!((header("content-type"), header("retry-after")), (Some("text/plain"), Some("7")));
    let heard = heard.await.unwrap();
    assert!(heard.starts_with("GET /a?b=c HTTP/1.1\r\n") && heard.contains("x-test: yes\r\n"), "{heard}");
}

#[tokio::test]
async fn an_answer_may_have_hundreds_of_headers_and_several_values_of_one() {
    let many = (0..600).map(|n| format!("x-{n}: 1\r\n")).collect::<Vec<_>>().concat();
    let answer =
        format!("HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n{many}content-length: 0\r\n\r\n");
    let (address, _) = service(answer.leak(), true).await;
    let answer = local().call(get(address)).await.unwrap();
    assert_eq!(answer.headers.len(), 603);
    let cookies: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    assert_eq!(cookies.len(), 2);
}

#[tokio::test]
async fn a_body_says_its_length_also_where_it_is_empty_and_no_type_is_made_up() {
    for (method, length) in [
        (Method::Post, true),
        (Method::Put, true),
        (Method::Patch, true),
        (Method::Delete, false),
        (Method::Get, false),
        (Method::Head, false),
    ] {
        let (address, heard) = service("HTTP/1.1 204 None\r\n\r\n", true).await;
        let answer = local().call(Call { method, ..get(address) }).await.unwrap();
        assert_eq!(answer.status, 204);
        let heard = heard.await.unwrap().to_ascii_lowercase();
        assert!(heard.starts_with(&format!("{} /a", method.name().to_ascii_lowercase())), "{heard}");
        assert_eq!(heard.contains("content-length: 0\r\n"), length, "{heard}");
        assert!(!heard.contains("content-type") && !heard.contains("transfer-encoding"), "{heard}");
        assert!(!heard.contains("accept-encoding"), "a body comes back as it is: {heard}");
    }
}

#[tokio::test]
async fn a_head_is_answered_without_a_body() {
    let (address, _) = service("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", true).await;
    let answer = local().call(Call { method: Method::Head, ..get(address) }).await.unwrap();
    assert_eq!((answer.status, answer.body.len(), answer.truncated), (200, 0, false));
}

#[tokio::test]
async fn a_long_body_is_cut_and_its_connection_left() {
    // It promises more than it sends: waiting for the rest would time out.
    let (address, heard) = service("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n123456789", false).await;
    let answer = local().call(get(address)).await.unwrap();
    assert_eq!((&answer.body[..], answer.truncated), (&b"12345678"[..], true));
    heard.await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (address, _) = service("HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n", true).await;
    assert_eq!(local().call(get(address)).await.unwrap().status, 302);
}

#[tokio::test]
async fn silence_is_a_time_out_before_and_within_the_answer() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12"] {
        let (address, _) = service(answer, false).await;
        assert_eq!(local().call(get(address)).await, Err(NoAnswer::TimedOut));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_effect_open() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12"] {
        let (address, _) = service(answer, true).await;
        let answer = local().call(get(address)).await;
        assert!(matches!(answer, Err(NoAnswer::Broken(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn what_was_never_reached_was_not_connected() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answer = local().call(get(address)).await;
    assert!(matches!(answer, Err(NoAnswer::NotConnected(_))), "{answer:?}");
    for url in ["http://no-such-host.invalid/", "ftp://localhost/", "not a url"] {
        let call = Call { url: url.into(), timeout: Duration::from_secs(5), ..get(address) };
        let answer = local().call(call).await;
        assert!(matches!(answer, Err(NoAnswer::NotConnected(_))), "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn a_failed_tls_handshake_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"this is no TLS").await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let timeout = Duration::from_secs(5);
    let call = Call { url: format!("https://{address}/").into(), timeout, ..get(address) };
    let answer = local().call(call).await;
    assert!(matches!(answer, Err(NoAnswer::NotConnected(_))), "{answer:?}");
}

async fn refused(downstream: &HttpDownstream, url: &str) -> String {
    let call = Call { url: url.into(), timeout: Duration::from_secs(5), ..get(([127, 0, 0, 1], 1).into()) };
    match downstream.call(call).await {
        Err(NoAnswer::NotConnected(why)) => why,
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn no_spelling_of_an_address_leads_inside() {
    let downstream = HttpDownstream::default();
    for url in [
        "http://127.0.0.1:9/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://0/",
        "http://127.0.0.1./",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://169.254.169.254/latest/meta-data",
        "http://0251.0376.0251.0376/",
        "http://2852039166/",
        "http://127\u{3002}0\u{3002}0\u{3002}1/",
        "http://%31%32%37.0.0.1/",
        "http://user:secret@10.0.0.1/?token=secret",
    ] {
        let why = refused(&downstream, url).await;
        assert!(why.contains("no public address"), "{url}: {why}");
        assert!(!why.contains("secret"), "{why}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    let why = refused(&HttpDownstream::default(), "http://localhost:9/?token=secret").await;
    assert!(why.contains("localhost is at") && !why.contains("secret"), "{why}");
}

#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_checked() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (address, heard) = service(answer, true).await;
    // At the first look-up the name is at an address that may be called, at each later one at another.
    let server = dns::Server::answering(&[[127, 0, 0, 1], [169, 254, 169, 254]]).await;
    let egress = "127.0.0.0/8".parse().unwrap();
    let downstream = HttpDownstream { look_up: LookUp::At(server.address), ..HttpDownstream::new(egress) };
    let url = format!("http://rebind.example:{}/", address.port());
    let call = Call { url: url.as_str().into(), timeout: Duration::from_secs(5), ..get(address) };
    assert_eq!(downstream.call(call).await.unwrap().status, 200);
    assert_eq!(server.asked(), 1, "one look-up a connection");
    heard.await.unwrap();
    let why = refused(&downstream, &url).await;
    assert!(why.contains("rebind.example is at no public address"), "{why}");
    assert!(!why.contains("169.254"), "what is inside is not told: {why}");
}

#[tokio::test]
async fn of_several_addresses_only_those_that_may_be_called_are() {
    let (address, heard) = service("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true).await;
    let server = dns::Server::with_all(&[[10, 0, 0, 1], [127, 0, 0, 1]]).await;
    let egress = "127.0.0.0/8".parse().unwrap();
    let downstream = HttpDownstream { look_up: LookUp::At(server.address), ..HttpDownstream::new(egress) };
    let url = format!("http://mixed.example:{}/", address.port());
    let call = Call { url: url.into(), timeout: Duration::from_secs(5), ..get(address) };
    assert_eq!(downstream.call(call).await.unwrap().status, 200);
    heard.await.unwrap();
}

#[tokio::test]
async fn the_runtime_api_is_out_of_reach_by_name_and_by_address() {
    let api: SocketAddr = ([127, 0, 0, 1], 9001).into();
    let server = dns::Server::answering(&[[127, 0, 0, 1]]).await;
    let egress: Egress = "* 127.0.0.0/8".parse().unwrap();
    let egress = egress.without_runtime_api(&api.to_string()).unwrap();
    let downstream = HttpDownstream { look_up: LookUp::At(server.address), ..HttpDownstream::new(egress) };
    for url in ["http://127.0.0.1:9001/", "http://127.0.0.7:9001/", "http://inside.example:9001/"] {
        let why = refused(&downstream, url).await;
        assert!(why.contains("Runtime API"), "{url}: {why}");
    }
}
