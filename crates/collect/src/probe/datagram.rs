//! Asks once whether Remote Desktop's transport over UDP is there: one SYN, which is never sent again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;
use wire::rdpeudp::{DatagramAnswer, Syn};

/// Longest time for the answer. A host that offers the transport answers at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Most bytes of an answer that are read: more than a datagram of the transport has.
const ROOM: usize = 2048;

/// Sends one SYN; `sequence` is by chance.
pub(super) async fn ask(address: SocketAddr, sequence: u32, patience: Duration) -> DatagramAnswer {
    match timeout(patience, converse(address, sequence)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => failure(&error),
        Err(_) => DatagramAnswer::Silent,
    }
}

async fn converse(address: SocketAddr, sequence: u32) -> io::Result<DatagramAnswer> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // from then on nobody else's datagrams come in, and ICMP errors do
    socket.connect(address).await?;
    socket.send(&Syn::request(sequence)).await?;
    let mut answer = vec![0; ROOM];
    let count = socket.recv(&mut answer).await?;
    let accepts = Syn::decode(&answer[..count]).is_ok_and(|syn| syn.acknowledges);
    Ok(if accepts { DatagramAnswer::Accepted } else { DatagramAnswer::Odd })
}

fn failure(error: &io::Error) -> DatagramAnswer {
    match error.kind() {
        // Windows says the second of these for the same
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => DatagramAnswer::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => DatagramAnswer::Unreachable,
        _ => DatagramAnswer::OwnFailure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host on loopback that answers with these bytes, or not at all; the SYN is what comes to it, once.
    async fn asked(answer: Option<&[u8]>) -> DatagramAnswer {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let host = async {
            let mut syn = vec![0; ROOM];
            let (count, from) = socket.recv_from(&mut syn).await.unwrap();
            assert_eq!(syn[..count], Syn::request(7));
            if let Some(answer) = answer {
                socket.send_to(answer, from).await.unwrap();
            }
        };
        tokio::join!(ask(address, 7, Duration::from_millis(200)), host).0
    }

    #[tokio::test]
    async fn each_answer_has_its_name() {
        let mut accepts = Syn::request(9);
        accepts[..8].copy_from_slice(&[0, 0, 0, 7, 0, 64, 0, 5]);
        assert_eq!(asked(Some(&accepts)).await, DatagramAnswer::Accepted);
        assert_eq!(asked(Some(b"echo")).await, DatagramAnswer::Odd);
        assert_eq!(asked(Some(&Syn::request(9))).await, DatagramAnswer::Odd, "our own, sent back");
        assert_eq!(asked(None).await, DatagramAnswer::Silent);
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(ask(gone, 7, PATIENCE).await, DatagramAnswer::Refused);
    }
}
