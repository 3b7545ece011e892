//! Network adapters, with the name servers that each of them was told.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{ERROR_BUFFER_OVERFLOW, ERROR_NO_DATA, NO_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_MULTICAST, GAA_FLAG_SKIP_UNICAST, GetAdaptersAddresses,
    IF_TYPE_SOFTWARE_LOOPBACK, IP_ADAPTER_ADDRESSES_LH, IP_ADAPTER_DNS_SERVER_ADDRESS_XP,
};
use windows_sys::Win32::NetworkManagement::Ndis::IfOperStatusUp;
use windows_sys::Win32::Networking::WinSock::{
    AF_INET, AF_INET6, AF_UNSPEC, SOCKADDR, SOCKADDR_IN, SOCKADDR_IN6, SOCKET_ADDRESS,
};

use crate::wide::read;

/// Most bytes of the list.
const LARGEST: u32 = 4 * 1024 * 1024;
/// Most tries for a list that grows meanwhile.
const TRIES: usize = 8;
/// Most adapters, and name servers of one.
const MOST: usize = 1000;
/// Most units of a name or a suffix.
const NAME: usize = 512;
/// Port of name servers.
const DNS: u16 = 53;

/// Network adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// Name as people see it.
    pub name: String,
    /// Largest packet that it takes, in bytes; `None` where Windows does not tell.
    pub mtu: Option<u32>,
    /// True if it is connected.
    pub up: bool,
    /// Name servers to ask through it, in their order.
    pub servers: Vec<SocketAddr>,
    /// Suffix of the names in its network; empty if it has none.
    pub suffix: String,
}

/// Lists the adapters, but for the one by which the machine reaches itself.
pub fn all() -> io::Result<Vec<Adapter>> {
    let list = list()?;
    let mut adapters = Vec::new();
    let mut next: *const IP_ADAPTER_ADDRESSES_LH = list.as_ptr().cast();
    while !list.is_empty() && !next.is_null() && adapters.len() < MOST {
        // SAFETY: the list begins with an adapter, and each leads to the next one or to null
        let one = unsafe { next.read() };
        next = one.Next;
        if one.IfType == IF_TYPE_SOFTWARE_LOOPBACK {
            continue;
        }
        adapters.push(Adapter {
            // SAFETY: it is null or ends with a zero, and lies in the list
            name: unsafe { read(one.FriendlyName, NAME) },
            mtu: Some(one.Mtu).filter(|mtu| !matches!(*mtu, 0 | u32::MAX)),
            up: one.OperStatus == IfOperStatusUp,
            servers: servers(one.FirstDnsServerAddress),
            // SAFETY: as that of the name
            suffix: unsafe { read(one.DnsSuffix, NAME) },
        });
    }
    Ok(adapters)
}

/// Returns the list as Windows lays it out: places within it lead from one part to another. Words of 8 bytes, because
/// its parts begin at multiples of that.
fn list() -> io::Result<Vec<u64>> {
    let flags = GAA_FLAG_SKIP_UNICAST | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST;
    let mut words: Vec<u64> = Vec::new();
    for _ in 0..TRIES {
        let mut size = u32::try_from(words.len() * size_of::<u64>()).unwrap_or(LARGEST);
        let place = if words.is_empty() { null_mut() } else { words.as_mut_ptr().cast() };
        // SAFETY: the place is `size` bytes long, or null with 0
        let answer = unsafe { GetAdaptersAddresses(u32::from(AF_UNSPEC), flags, null(), place, &raw mut size) };
        match answer {
            NO_ERROR => return Ok(words),
            ERROR_NO_DATA => return Ok(Vec::new()),
            ERROR_BUFFER_OVERFLOW if size <= LARGEST => words = vec![0; (size as usize).div_ceil(size_of::<u64>())],
            ERROR_BUFFER_OVERFLOW => return Err(io::Error::other(format!("a list of {size} bytes"))),
            other => return Err(io::Error::from_raw_os_error(other.cast_signed())),
        }
    }
    Err(io::Error::other("the list of adapters grew with every try"))
}

/// Reads the name servers of an adapter.
fn servers(first: *const IP_ADAPTER_DNS_SERVER_ADDRESS_XP) -> Vec<SocketAddr> {
    let (mut servers, mut next) = (Vec::new(), first);
    while !next.is_null() && servers.len() < MOST {
        // SAFETY: each lies in the list and leads to the next one or to null
        let one = unsafe { next.read() };
        next = one.Next;
        servers.extend(server(one.Address));
    }
    servers
}

/// Reads an address; `None` for one of another family, or too short for its own.
fn server(told: SOCKET_ADDRESS) -> Option<SocketAddr> {
    let (place, length) = (told.lpSockaddr, usize::try_from(told.iSockaddrLength).ok()?);
    if place.is_null() || length < size_of::<SOCKADDR>() {
        return None;
    }
    // SAFETY: there are as many bytes as of the shortest address
    let family = unsafe { (*place).sa_family };
    match family {
        AF_INET if length >= size_of::<SOCKADDR_IN>() => {
            // SAFETY: it is an address of IPv4 and long enough for one
            let four = unsafe { place.cast::<SOCKADDR_IN>().read_unaligned() };
            // SAFETY: the three forms of it are the same four bytes
            let bytes = unsafe { four.sin_addr.S_un.S_addr }.to_ne_bytes();
            Some((Ipv4Addr::from(bytes), DNS).into())
        }
        AF_INET6 if length >= size_of::<SOCKADDR_IN6>() => {
            // SAFETY: it is an address of IPv6 and long enough for one
            let six = unsafe { place.cast::<SOCKADDR_IN6>().read_unaligned() };
            // SAFETY: both forms of it are the same sixteen bytes
            let bytes = unsafe { six.sin6_addr.u.Byte };
            // SAFETY: both forms of it are the same four bytes
            let scope = unsafe { six.Anonymous.sin6_scope_id };
            Some(SocketAddrV6::new(Ipv6Addr::from(bytes), DNS, 0, scope).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever adapters there are, what is told of them can be.
    #[test]
    fn adapters_are_told_with_what_they_take() {
        for adapter in all().unwrap() {
            assert!(!adapter.name.is_empty(), "{adapter:?}");
            assert!(adapter.mtu.is_none_or(|mtu| mtu >= 68), "less than any IPv4 takes (RFC 791): {adapter:?}");
            assert!(adapter.servers.iter().all(|server| server.port() == DNS), "{adapter:?}");
        }
    }

    #[test]
    fn an_address_of_another_family_is_none() {
        let mut place = SOCKADDR { sa_family: 99, ..SOCKADDR::default() };
        let length = size_of::<SOCKADDR>() as i32;
        assert_eq!(server(SOCKET_ADDRESS { lpSockaddr: &raw mut place, iSockaddrLength: length }), None);
        place.sa_family = AF_INET6;
        assert_eq!(server(SOCKET_ADDRESS { lpSockaddr: &raw mut place, iSockaddrLength: length }), None);
        assert_eq!(server(SOCKET_ADDRESS { lpSockaddr: null_mut(), iSockaddrLength: length }), None);
    }
}
