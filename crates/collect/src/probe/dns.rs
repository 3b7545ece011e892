//! Asks name servers: by UDP, twice if nothing comes, and by TCP where the answer was cut.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};
use wire::dns::{DnsAnswer, DnsQuestion, Reply};

/// Times that a question is sent.
const TRIES: u32 = 2;
/// Most datagrams that are looked at while an answer is waited for.
const DATAGRAMS: usize = 32;
/// Most bytes of a datagram that are read: none is asked for that is larger than 512 (RFC 1035 section 2.3.4).
const DATAGRAM: usize = 4096;

/// Asks one name server within `patience`; `id` is by chance.
pub(super) async fn ask(server: SocketAddr, question: &DnsQuestion, id: u16, patience: Duration) -> DnsAnswer {
    let Some(message) = question.encode(id) else { return DnsAnswer::Unreadable };
    let until = Instant::now() + patience;
    match by_datagram(server, question, id, &message, patience / TRIES).await {
        Ok(Came::Answer(answer)) => answer,
        Ok(Came::Truncated) => match timeout_at(until, by_stream(server, question, id, &message)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => DnsAnswer::Unreadable,
        },
        Ok(Came::Odd) => DnsAnswer::Unreadable,
        Ok(Came::Nothing) => DnsAnswer::Silent,
        Err(_) => DnsAnswer::Unreachable,
    }
}

/// Outcome of a question by UDP.
enum Came {
    Answer(DnsAnswer),
    Truncated,
    /// Only what cannot be read, or answers other questions.
    Odd,
    Nothing,
}

async fn by_datagram(
    server: SocketAddr,
    question: &DnsQuestion,
    id: u16,
    message: &[u8],
    patience: Duration,
) -> io::Result<Came> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // from then on nobody else's datagrams come in, and the server's host can say that nobody listens
    socket.connect(server).await?;
    let (mut buffer, mut odd, mut seen) = (vec![0; DATAGRAM], false, 0);
    for _ in 0..TRIES {
        socket.send(message).await?;
        let until = Instant::now() + patience;
        while seen < DATAGRAMS {
            let Ok(count) = timeout_at(until, socket.recv(&mut buffer)).await else { break };
            seen += 1;
            match question.read(id, &buffer[..count?]) {
                Ok(Reply::Answer(answer)) => return Ok(Came::Answer(answer)),
                Ok(Reply::Truncated) => return Ok(Came::Truncated),
                // the answer may still come behind somebody's attempt to be faster
                Ok(Reply::Foreign) | Err(_) => odd = true,
            }
        }
    }
    Ok(if odd { Came::Odd } else { Came::Nothing })
}

async fn by_stream(server: SocketAddr, question: &DnsQuestion, id: u16, message: &[u8]) -> io::Result<DnsAnswer> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    stream.write_all(&[&length, message].concat()).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    Ok(match question.read(id, &answer) {
        Ok(Reply::Answer(answer)) => answer,
        Ok(Reply::Truncated | Reply::Foreign) | Err(_) => DnsAnswer::Unreadable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use wire::dns::RecordKind;

    const PATIENCE: Duration = Duration::from_millis(300);

    fn question() -> DnsQuestion {
        DnsQuestion { name: "srv.example".to_owned(), kind: RecordKind::A }
    }

    /// The question turned into an answer, with these flags and an address.
    fn answered(query: &[u8], flags: [u8; 2]) -> Vec<u8> {
        let mut answer = query.to_vec();
        answer[2..4].copy_from_slice(&flags);
        answer[7] = 1;
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        answer
    }

    fn found() -> DnsAnswer {
        DnsAnswer::Addresses { aliases: Vec::new(), addresses: vec!["192.0.2.7".parse().unwrap()] }
    }

    /// Asks a server on loopback that answers each datagram with these, by TCP with a whole answer.
    async fn asked(answers: fn(&[u8]) -> Vec<Vec<u8>>) -> DnsAnswer {
        // the port that is free for UDP may be taken for TCP
        let (socket, listener) = loop {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(listener) = TcpListener::bind(socket.local_addr().unwrap()).await {
                break (socket, listener);
            }
        };
        let address = socket.local_addr().unwrap();
        let datagrams = tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
                for answer in answers(&buffer[..count]) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let streams = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut query = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut query).await.unwrap();
            let answer = answered(&query, [0x81, 0x80]);
            stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        });
        let answer = ask(address, &question(), 7, PATIENCE).await;
        datagrams.abort();
        streams.abort();
        answer
    }

    #[tokio::test]
    async fn an_answer_is_found_behind_what_is_none() {
        assert_eq!(asked(|query| vec![answered(query, [0x81, 0x80])]).await, found());
        let behind = asked(|query| {
            let mut other = query.to_vec();
            other[0] ^= 1;
            vec![b"garbage".to_vec(), answered(&other, [0x81, 0x80]), answered(query, [0x81, 0x80])]
        });
        assert_eq!(behind.await, found());
    }

    #[tokio::test]
    async fn a_cut_answer_is_fetched_by_tcp() {
        assert_eq!(asked(|query| vec![answered(query, [0x83, 0x80])]).await, found());
    }

    #[tokio::test]
    async fn what_is_no_answer_has_a_name() {
        assert_eq!(asked(|_| vec![b"garbage".to_vec()]).await, DnsAnswer::Unreadable);
        assert_eq!(asked(|query| vec![query.to_vec(); DATAGRAMS * 2]).await, DnsAnswer::Unreadable);
        assert_eq!(asked(|_| Vec::new()).await, DnsAnswer::Silent);
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(ask(gone, &question(), 7, PATIENCE).await, DnsAnswer::Unreachable);
    }
}
