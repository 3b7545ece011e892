//! Resolves names to addresses, keeping the resolver's own error code.

use std::net::SocketAddr;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use evidence::target::{Host, Target};
use wire::transcript::NameAnswer;

/// Most addresses of one name that are looked at.
pub const ADDRESS_LIMIT: usize = 8;

/// Resolver of the host that a person named. Tests use their own.
pub trait Resolver: Send + Sync + 'static {
    /// Resolves; may block.
    fn resolve(&self, target: &Target) -> NameAnswer;
}

/// Resolver of the operating system: hosts file, DNS and whatever else it is set up to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
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
}
