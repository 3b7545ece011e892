//! Resolves names to addresses, keeping the resolver's own error code.

use std::net::SocketAddr;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use evidence::target::{Host, Target};
use wire::transcript::{NameAnswer, NameSettings};

use crate::names;

/// Most addresses of one name that are kept; those that are not asked are told.
const ADDRESS_LIMIT: usize = 64;

/// Resolver of the host that a person named. Tests use their own.
pub trait Resolver: Send + Sync + 'static {
    /// Resolves; may block.
    fn resolve(&self, target: &Target) -> NameAnswer;

    /// Reads what it is set up to ask for a name, so that name servers can be asked themselves; `None` where that is
    /// not known.
    fn settings(&self, _name: &str) -> Option<NameSettings> {
        None
    }

    /// True unless this computer is known to have no network at all.
    fn has_network(&self) -> bool {
        true
    }
}

/// Resolver of the operating system: hosts file, DNS and whatever else it is set up to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn has_network(&self) -> bool {
        routes().is_none_or(|routes| routes > 0)
    }

    fn settings(&self, name: &str) -> Option<NameSettings> {
        names::settings(name)
    }

    fn resolve(&self, target: &Target) -> NameAnswer {
        if let Host::Address(address) = target.host {
            return NameAnswer::Addresses(vec![SocketAddr::new(address, target.port)]);
        }
        let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
        let service = target.port.to_string();
        match getaddrinfo(Some(&target.host.to_string()), Some(&service), Some(hints)) {
            Ok(found) => {
                let mut addresses = Vec::new();
                for address in found.filter_map(Result::ok).map(|info| info.sockaddr) {
                    if !addresses.contains(&address) && addresses.len() < ADDRESS_LIMIT {
                        addresses.push(address);
                    }
                }
                NameAnswer::Addresses(addresses)
            }
            Err(error) => {
                let code = error.error_num();
                match error.kind() {
                    // an unknown zone of this computer says nothing about a name
                    LookupErrorKind::NoName | LookupErrorKind::NoData if !matches!(target.host, Host::Zoned(..)) => {
                        NameAnswer::NotFound { code }
                    }
                    LookupErrorKind::Again => NameAnswer::TryAgain { code },
                    _ => NameAnswer::Failed { code },
                }
            }
        }
    }
}

/// Counts the routes of this computer that leave it; `None` where the system does not list them in files.
fn routes() -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let (four, six) = (read("/proc/net/route")?, read("/proc/net/ipv6_route").unwrap_or_default());
    Some(leaving(&four, &six))
}

/// Counts the routes in Linux' lists of IPv4 (a head, then the device first) and IPv6 (the device last) that do not
/// lead to the computer itself.
fn leaving(four: &str, six: &str) -> usize {
    let own = |device: Option<&str>| device.is_none_or(|name| name == "lo");
    let four = four.lines().skip(1).filter(|line| !own(line.split_whitespace().next()));
    let six = six.lines().filter(|line| !own(line.split_whitespace().last()));
    four.count() + six.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_lookup() {
        let target = Target::parse("192.0.2.7:3390").unwrap();
        let expected = NameAnswer::Addresses(vec!["192.0.2.7:3390".parse().unwrap()]);
        assert_eq!(SystemResolver.resolve(&target), expected);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_zone_becomes_a_scope() {
        let target = Target::parse("fe80::1%lo").unwrap();
        let NameAnswer::Addresses(addresses) = SystemResolver.resolve(&target) else { panic!("addresses") };
        assert!(matches!(addresses[..], [SocketAddr::V6(v6)] if v6.scope_id() == 1), "{addresses:?}");
    }

    /// The lists as the kernel writes them.
    #[test]
    fn a_computer_without_a_network_has_only_routes_to_itself() {
        let head = "Iface\tDestination\tGateway \tFlags\n";
        let own = "00000000000000000000000000000001 80 00 00 00 00000000 00000001 00000000 80200001 lo\n";
        assert_eq!(leaving(head, own), 0);
        assert_eq!(leaving(&format!("{head}eth0\t00000000\t0100000A\t0003\n"), own), 1);
        let six = "fe800000000000000000000000000000 40 00 00 00 00000100 00000001 00000000 00000001 eth0\n";
        assert_eq!(leaving(head, &format!("{own}{six}")), 1);
        assert_eq!(leaving("", ""), 0);
    }
}
