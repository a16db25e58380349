//! A name server of the test's own, and how it is asked: one question and A records (RFC 1035 §4).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;

const HEADER: usize = 12;

/// A name server; it ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each question with the next of these addresses, and goes on with the last.
    pub async fn answering(addresses: &[[u8; 4]]) -> Self {
        let last = addresses.len() - 1;
        let addresses = addresses.to_vec();
        Self::run(move |question| vec![addresses[question.min(last)]]).await
    }

    /// Answers each question with all of these addresses.
    pub async fn with_all(addresses: &[[u8; 4]]) -> Self {
        let addresses = addresses.to_vec();
        Self::run(move |_| addresses.clone()).await
    }

    async fn run(records: impl Fn(usize) -> Vec<[u8; 4]> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
                let answers = records(count.fetch_add(1, Ordering::SeqCst));
                let mut reply = buffer[..size].to_vec();
                // An answer, recursion available, no error; so many records.
                reply[2..4].copy_from_slice(&[0x81, 0x80]);
                reply[6..8].copy_from_slice(&(answers.len() as u16).to_be_bytes());
                for answer in answers {
                    // The name of the question; A, IN, no time to live, four bytes.
                    reply.extend_from_slice(&[0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
                    reply.extend_from_slice(&answer);
                }
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { address, asked }
    }

    /// How many questions there were.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Asks a name server for the addresses of a host.
pub async fn ask(server: SocketAddr, host: &str) -> io::Result<Vec<IpAddr>> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in host.split('.') {
        question.push(label.len() as u8);
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 1, 0, 1]);
    socket.send_to(&question, server).await?;
    let mut buffer = [0; 512];
    let (size, _) = socket.recv_from(&mut buffer).await?;
    let records = buffer[question.len()..size].chunks_exact(16);
    Ok(records.map(|record| Ipv4Addr::new(record[12], record[13], record[14], record[15]).into()).collect())
}
