//! TCP connections as the kernel of Linux sees them (tcp(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use libc::{IPPROTO_TCP, TCP_INFO, TCP_MAXSEG, TCP_QUICKACK, c_int, socklen_t};

/// Most bytes of `struct tcp_info` that are asked for: more than it has (232 of version 6.1, 280 of 6.18).
const ROOM: usize = 512;

/// Returns the bytes of `struct tcp_info` (linux/tcp.h) of a TCP socket, as many as this kernel has.
pub fn info(socket: &impl AsFd) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; ROOM];
    let mut length = socklen_t::try_from(ROOM).unwrap_or_default();
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: `bytes` has room for `length` bytes, and both outlive the call; the descriptor is borrowed for it
    let failed = unsafe { libc::getsockopt(socket, IPPROTO_TCP, TCP_INFO, bytes.as_mut_ptr().cast(), &raw mut length) };
    outcome(failed)?;
    bytes.truncate(usize::try_from(length).unwrap_or_default());
    Ok(bytes)
}

/// Has neither side send segments with more than `bytes` of data (`TCP_MAXSEG`; the kernel takes 88 to 32767): before
/// the connection is made, so that the other side is told.
pub fn limit_segments(socket: &impl AsFd, bytes: u16) -> io::Result<()> {
    set(socket, TCP_MAXSEG, bytes.into())
}

/// Acknowledges at once what has come, and what comes next, instead of after up to 40 ms (`TCP_QUICKACK`). A peer that
/// writes in small pieces may hold the next one back until then (RFC 9293 section 3.7.4).
pub fn acknowledge_at_once(socket: &impl AsFd) -> io::Result<()> {
    set(socket, TCP_QUICKACK, 1)
}

fn set(socket: &impl AsFd, option: c_int, value: c_int) -> io::Result<()> {
    let length = socklen_t::try_from(size_of::<c_int>()).unwrap_or_default();
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: `value` is `length` bytes long and outlives the call; the descriptor is borrowed for it
    outcome(unsafe { libc::setsockopt(socket, IPPROTO_TCP, option, (&raw const value).cast(), length) })
}

fn outcome(failed: c_int) -> io::Result<()> {
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::time::Duration;

    #[test]
    fn a_connection_has_figures() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let info = info(&stream).unwrap();
        // tcpi_state 1 is TCP_ESTABLISHED
        assert!(info.len() >= 104 && info.first() == Some(&1), "{info:?}");
    }

    /// The second of two small pieces is held back until the first was acknowledged.
    #[test]
    fn what_a_peer_holds_back_comes_at_once() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        let mut byte = [0];
        // who answers is expected to answer again, and no longer acknowledges at once by itself
        for _ in 0..20 {
            theirs.write_all(&[1]).unwrap();
            ours.read_exact(&mut byte).unwrap();
            ours.write_all(&[2]).unwrap();
            theirs.read_exact(&mut byte).unwrap();
        }
        theirs.write_all(&[3]).unwrap();
        theirs.write_all(&[4]).unwrap();
        ours.read_exact(&mut byte).unwrap();
        acknowledge_at_once(&ours).unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        ours.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [4]);
    }

    #[test]
    fn what_is_no_connection_is_an_error() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        assert!(info(&socket).is_err());
        assert!(limit_segments(&socket, 536).is_err());
        assert!(acknowledge_at_once(&socket).is_err());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert!(limit_segments(&listener, 1).is_err(), "smaller than the kernel takes");
    }
}
