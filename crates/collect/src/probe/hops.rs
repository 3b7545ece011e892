//! Finds the routers on the way to a host: SYNs to its port that may pass only so many of them, a few at a time. It
//! takes no rights, and the kernel of Linux; elsewhere nothing is told of them.

use std::net::SocketAddr;
use std::time::Duration;

use wire::hops::HopTry;

/// SYNs that are on the way at once, one batch after the other: those behind the first that reaches the host reach it
/// too, and it is to be spared.
#[cfg(target_os = "linux")]
const BATCHES: [u8; 6] = [1, 2, 3, 3, 3, 4];
/// Most connections that one batch can make.
pub(super) const MOST_ACCEPTED: usize = 4;
/// Time for the answers to a batch.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_millis(700);
/// Time for all of them.
const TIME: Duration = Duration::from_secs(3);
/// Batches in a row without any answer, behind which none is expected.
#[cfg(target_os = "linux")]
const SILENT: usize = 2;

/// Sends them; `None` where this computer cannot.
pub(super) async fn trace(address: SocketAddr, left: Duration) -> Option<Vec<HopTry>> {
    // one that wears the dress of IPv6 has the options of IPv4
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    system::trace(address, TIME.min(left)).await
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::ops::RangeInclusive;
    use std::os::fd::AsFd;

    use tokio::net::TcpSocket;
    use tokio::task::JoinSet;
    use tokio::time::{Instant, timeout};
    use wire::hops::HopAnswer;

    use super::{BATCHES, Duration, HopTry, PATIENCE, SILENT, SocketAddr};

    pub(super) async fn trace(address: SocketAddr, time: Duration) -> Option<Vec<HopTry>> {
        let until = (Instant::now() + time).checked_sub(PATIENCE)?;
        let (mut tries, mut first, mut silent) = (Vec::new(), 1, 0);
        for count in BATCHES {
            if Instant::now() >= until || silent >= SILENT {
                break;
            }
            let batch = send(address, first..=first + count - 1).await?;
            silent = if batch.iter().all(|seen| seen.answer == HopAnswer::Silent) { silent + 1 } else { 0 };
            let ended = batch.iter().any(|seen| seen.answer.ends_the_way());
            (tries, first) = ([tries, batch].concat(), first + count);
            if ended {
                break;
            }
        }
        // what happened once may be chance; all of these end at a router again, unless the way changes
        let ends = tries.iter().filter(|seen| seen.answer.ends_the_way()).map(|seen| seen.hops - 1).min();
        let routers = tries.iter().filter(|seen| matches!(seen.answer, HopAnswer::Expired(_)));
        let last = ends.or(routers.map(|seen| seen.hops).max()).unwrap_or_default();
        tries.extend(send(address, 1..=last).await?);
        Some(tries)
    }

    /// Sends a SYN with each of these times to live, all at once.
    async fn send(address: SocketAddr, hops: RangeInclusive<u8>) -> Option<Vec<HopTry>> {
        let mut all = JoinSet::new();
        for hops in hops {
            all.spawn(async move { knock(address, hops).await.map(|answer| HopTry { hops, answer }) });
        }
        let mut tries = Vec::new();
        while let Some(seen) = all.join_next().await {
            tries.push(seen.ok()?.ok()?);
        }
        tries.sort_by_key(|seen| seen.hops);
        Some(tries)
    }

    /// Sends one; an error is this computer's own.
    async fn knock(address: SocketAddr, hops: u8) -> io::Result<HopAnswer> {
        let ipv6 = address.is_ipv6();
        let socket = if ipv6 { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        os::icmp::report_errors(&socket, ipv6)?;
        os::icmp::limit_hops(&socket, ipv6, hops)?;
        // what the kernel keeps outlives a connection that fails
        let kept = socket.as_fd().try_clone_to_owned()?;
        let connected = timeout(PATIENCE, socket.connect(address)).await;
        if let Some(error) = os::icmp::next_error(&kept) {
            return Ok(HopAnswer::of_icmp(error.from, error.kind, error.code));
        }
        match connected {
            Ok(Ok(stream)) if stream.peer_addr().is_ok() => Ok(HopAnswer::Accepted),
            // reset before we could look
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => Ok(HopAnswer::Accepted),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(HopAnswer::Refused),
            // without a message that names anybody: the neighbour table's, or one that was cut short
            Ok(Err(error)) if error.kind() == io::ErrorKind::HostUnreachable => Ok(HopAnswer::Silent),
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Ok(HopAnswer::Silent),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Duration, HopTry, SocketAddr};

    pub(super) async fn trace(_: SocketAddr, _: Duration) -> Option<Vec<HopTry>> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use wire::hops::HopAnswer;

    #[tokio::test]
    async fn this_computer_is_one_hop_away() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let once = |answer| Some(vec![HopTry { hops: 1, answer }]);
        assert_eq!(trace(address, TIME).await, once(HopAnswer::Accepted));
        assert!(listener.accept().await.is_ok());
        drop(listener);
        assert_eq!(trace(address, TIME).await, once(HopAnswer::Refused));
        assert_eq!(trace(address, Duration::ZERO).await, Some(Vec::new()), "no time");
    }

    /// One batch never reaches a host more often than is promised.
    #[test]
    fn batches_are_small() {
        assert!(BATCHES.iter().all(|count| usize::from(*count) <= MOST_ACCEPTED));
        assert_eq!(BATCHES.iter().sum::<u8>(), 16);
    }
}
