//! TCP connections as the kernel of Linux sees them (tcp(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use libc::{IPPROTO_TCP, TCP_INFO, TCP_MAXSEG, c_int, socklen_t};

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
    let value = c_int::from(bytes);
    let length = socklen_t::try_from(size_of::<c_int>()).unwrap_or_default();
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: `value` is `length` bytes long and outlives the call; the descriptor is borrowed for it
    outcome(unsafe { libc::setsockopt(socket, IPPROTO_TCP, TCP_MAXSEG, (&raw const value).cast(), length) })
}

fn outcome(failed: c_int) -> io::Result<()> {
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn a_connection_has_figures() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let info = info(&stream).unwrap();
        // tcpi_state 1 is TCP_ESTABLISHED
        assert!(info.len() >= 104 && info.first() == Some(&1), "{info:?}");
    }

    #[test]
    fn what_is_no_connection_is_an_error() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        assert!(info(&socket).is_err());
        assert!(limit_segments(&socket, 536).is_err());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert!(limit_segments(&listener, 1).is_err(), "smaller than the kernel takes");
    }
}
