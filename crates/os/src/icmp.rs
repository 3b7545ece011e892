//! ICMP messages about packets of a TCP socket, as the kernel of Linux tells them without rights (ip(7), `IP_RECVERR`),
//! and the time to live of those packets, by which routers are made to send some.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};

use libc::{
    IP_RECVERR, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_RECVERR, IPV6_UNICAST_HOPS, MSG_DONTWAIT, MSG_ERRQUEUE,
    SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, SO_ERROR, SO_LINGER, SOL_SOCKET, c_int, linger, msghdr, socklen_t,
};

/// Words of 8 bytes for the control messages of one error: far more than the kernel sends.
const ROOM: usize = 64;
/// Bytes to which the kernel aligns control messages.
const ALIGN: usize = size_of::<usize>();
/// Bytes of the head of a control message (`struct cmsghdr`): its length, level and type.
const HEAD: usize = ALIGN + 8;
/// Bytes of `struct sock_extended_err` (linux/errqueue.h); the address of who complains stands behind it.
const EXTENDED: usize = 16;

/// ICMP message about a packet of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Machine that sent it.
    pub from: IpAddr,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

/// Has the packets of a socket come to no more than so many machines; 0 leaves it to the system.
pub fn limit_hops(socket: &impl AsFd, ipv6: bool, hops: u8) -> io::Result<()> {
    let (level, option) = if ipv6 { (IPPROTO_IPV6, IPV6_UNICAST_HOPS) } else { (IPPROTO_IP, IP_TTL) };
    set(socket, level, option, if hops == 0 { -1 } else { c_int::from(hops) })
}

/// Has the kernel report ICMP messages about the packets of a socket at once, and keep those about its SYNs.
pub fn report_errors(socket: &impl AsFd, ipv6: bool) -> io::Result<()> {
    let (level, option) = if ipv6 { (IPPROTO_IPV6, IPV6_RECVERR) } else { (IPPROTO_IP, IP_RECVERR) };
    set(socket, level, option, 1)
}

/// Takes the error of a socket, which then has none: also one that would only count once the kernel gives up.
pub fn take_error(socket: &impl AsFd) -> Option<io::Error> {
    let mut value: c_int = 0;
    let mut length = socklen_t::try_from(size_of::<c_int>()).unwrap_or_default();
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: `value` has room for `length` bytes, and both outlive the call; the descriptor is borrowed for it
    let failed = unsafe { libc::getsockopt(socket, SOL_SOCKET, SO_ERROR, (&raw mut value).cast(), &raw mut length) };
    (failed == 0 && value != 0).then(|| io::Error::from_raw_os_error(value))
}

/// Has the closing of a socket reset its connection, and send nothing that waits.
pub fn reset_at_close(socket: &impl AsFd) -> io::Result<()> {
    set(socket, SOL_SOCKET, SO_LINGER, linger { l_onoff: 1, l_linger: 0 })
}

fn set<T: Copy>(socket: &impl AsFd, level: c_int, option: c_int, value: T) -> io::Result<()> {
    let length = socklen_t::try_from(size_of::<T>()).unwrap_or_default();
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: `value` is `length` bytes long and outlives the call; the descriptor is borrowed for it
    let failed = unsafe { libc::setsockopt(socket, level, option, (&raw const value).cast(), length) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the next ICMP message about a SYN of this socket that the kernel keeps; `None` if there is none, or if the
/// error is this computer's own.
pub fn next_error(socket: &impl AsFd) -> Option<IcmpError> {
    let mut control = [0_u64; ROOM];
    // SAFETY: all fields of the struct are numbers and pointers, for which zero is a value
    let mut message: msghdr = unsafe { std::mem::zeroed() };
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: `message` points to `control` alone, with its length, and both outlive the call, as does the descriptor
    let count = unsafe { libc::recvmsg(socket, &raw mut message, MSG_ERRQUEUE | MSG_DONTWAIT) };
    if count < 0 {
        return None;
    }
    let bytes: Vec<u8> = control.iter().flat_map(|word| word.to_ne_bytes()).collect();
    read(&bytes)
}

/// Reads the control messages of one error.
fn read(mut control: &[u8]) -> Option<IcmpError> {
    while let Some(length) = word(control, 0).filter(|length| (HEAD..=control.len()).contains(length)) {
        let kind = (number(control, ALIGN)?, number(control, ALIGN + 4)?);
        if [(IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR)].contains(&kind) {
            return extended(control.get(HEAD..length)?);
        }
        control = control.get(length.next_multiple_of(ALIGN)..)?;
    }
    None
}

/// Reads `struct sock_extended_err` and the address behind it.
fn extended(bytes: &[u8]) -> Option<IcmpError> {
    // behind the error's number: the origin, type and code
    let (origin, kind, code) = (*bytes.get(4)?, *bytes.get(5)?, *bytes.get(6)?);
    let offender = bytes.get(EXTENDED..)?;
    let family = c_int::from(u16::from_ne_bytes(array(offender, 0)?));
    let from = match (origin, family) {
        // behind family and port
        (SO_EE_ORIGIN_ICMP, libc::AF_INET) => IpAddr::from(array::<4>(offender, 4)?),
        // and the flow
        (SO_EE_ORIGIN_ICMP6, libc::AF_INET6) => IpAddr::V6(Ipv6Addr::from(array::<16>(offender, 8)?)),
        _ => return None,
    };
    Some(IcmpError { from, kind, code })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    array(bytes, at).map(usize::from_ne_bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<c_int> {
    array(bytes, at).map(c_int::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    /// Control message as the kernel makes it.
    fn message(level: c_int, kind: c_int, data: &[u8]) -> Vec<u8> {
        let length = HEAD + data.len();
        let mut bytes = [&length.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data].concat();
        bytes.resize(length.next_multiple_of(ALIGN), 0);
        bytes
    }

    fn error(origin: u8, kind: u8, code: u8, offender: &[u8]) -> Vec<u8> {
        let head = [&libc::EHOSTUNREACH.to_ne_bytes()[..], &[origin, kind, code, 0], &[0; 8]].concat();
        [&head, offender].concat()
    }

    fn family(family: c_int) -> [u8; 2] {
        u16::try_from(family).unwrap().to_ne_bytes()
    }

    fn four() -> Vec<u8> {
        [&family(libc::AF_INET)[..], &[0, 0], &[192, 0, 2, 9], &[0; 8]].concat()
    }

    fn six() -> Vec<u8> {
        let address: Ipv6Addr = "2001:db8::9".parse().unwrap();
        [&family(libc::AF_INET6)[..], &[0; 6], &address.octets(), &[0; 4]].concat()
    }

    #[test]
    fn the_machine_that_complains_is_read() {
        let expired = message(IPPROTO_IP, IP_RECVERR, &error(SO_EE_ORIGIN_ICMP, 11, 0, &four()));
        let from = "192.0.2.9".parse().unwrap();
        assert_eq!(read(&expired), Some(IcmpError { from, kind: 11, code: 0 }));
        let other = message(SOL_SOCKET, libc::SCM_TIMESTAMP, &[7; 13]);
        let prohibited = message(IPPROTO_IPV6, IPV6_RECVERR, &error(SO_EE_ORIGIN_ICMP6, 1, 1, &six()));
        let from = "2001:db8::9".parse().unwrap();
        assert_eq!(read(&[other, prohibited].concat()), Some(IcmpError { from, kind: 1, code: 1 }));
    }

    #[test]
    fn what_is_no_message_of_icmp_is_none() {
        for (origin, offender) in [
            (libc::SO_EE_ORIGIN_LOCAL, four()),
            (SO_EE_ORIGIN_ICMP6, four()),
            (SO_EE_ORIGIN_ICMP, six()),
            // as the kernel writes one that it does not know
            (SO_EE_ORIGIN_ICMP, vec![0; 16]),
            (SO_EE_ORIGIN_ICMP, Vec::new()),
        ] {
            assert_eq!(read(&message(IPPROTO_IP, IP_RECVERR, &error(origin, 11, 0, &offender))), None, "{offender:?}");
        }
        assert_eq!(read(&message(SOL_SOCKET, 1, &error(SO_EE_ORIGIN_ICMP, 11, 0, &four()))), None);
    }

    #[test]
    fn a_length_that_lies_is_no_panic() {
        let whole = message(IPPROTO_IP, IP_RECVERR, &error(SO_EE_ORIGIN_ICMP, 11, 0, &four()));
        for length in (0..=HEAD + 40).chain([usize::MAX - 3, usize::MAX]) {
            let mut lies = whole.clone();
            lies[..ALIGN].copy_from_slice(&length.to_ne_bytes());
            let said = read(&lies);
            assert!(said.is_none() || length >= HEAD + EXTENDED + 8, "{length}: {said:?}");
            let _ = read(&whole[..length.min(whole.len())]);
        }
    }

    #[test]
    fn a_connection_takes_them() {
        for (address, ipv6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            report_errors(&stream, ipv6).unwrap();
            limit_hops(&stream, ipv6, 3).unwrap();
            if !ipv6 {
                assert_eq!(stream.ttl().unwrap(), 3);
                limit_hops(&stream, ipv6, 0).unwrap();
                assert!(stream.ttl().unwrap() > 3);
            }
            assert_eq!(next_error(&stream), None);
            assert!(take_error(&stream).is_none());
            reset_at_close(&stream).unwrap();
            drop(stream);
            let (mut peer, _) = listener.accept().unwrap();
            let ended = io::Read::read(&mut peer, &mut [0]).unwrap_err();
            assert_eq!(ended.kind(), io::ErrorKind::ConnectionReset);
        }
    }
}
