//! The connections that may lead to an RD Gateway. Most of them lead elsewhere, and whoever captures has thousands: a
//! few of each server are kept, of those servers that were asked last, and the rest is counted.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::connection::Watched;
use crate::http::Method;
use crate::machine::TcpAnswer;

/// The most servers of one kind.
const SERVERS: usize = 256;
/// The most connections to one of them.
const EACH: usize = 3;
/// The most bytes of certificates of one connection.
const CERTIFICATES: usize = 16 * 1024;

/// Kinds have room of their own, so that the many do not crowd out the few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// HTTP that only a gateway is asked.
    Gateway,
    /// A way through a proxy.
    Proxy,
    /// TLS at once, where Remote Desktop is.
    Direct,
    /// TLS at once.
    Tls,
    /// TCP did not come about.
    Refused,
}

/// A server: by what, where, and by which name.
type Server = (Kind, SocketAddr, Option<String>);

/// The connections that are kept.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    kept: BTreeMap<Server, Vec<Watched>>,
    /// Connections with TLS or HTTP that are not.
    left_out: u64,
}

impl Tunnels {
    /// Takes in a connection that is over, `meant` if Remote Desktop was seen there. One that nothing can be told of is
    /// let go.
    pub(super) fn take(&mut self, mut watched: Watched, meant: bool) {
        let kind = match (&watched.exchange.web, &watched.exchange.hello, watched.tcp.as_ref()) {
            (_, Some(_), _) if watched.exchange.socks.is_some() => Kind::Proxy,
            (None, None, _) if watched.exchange.socks.is_some() => return,
            (Some(web), ..) if web.request.value.method == Method::Connect => Kind::Proxy,
            (Some(_), ..) => Kind::Gateway,
            (None, Some(_), _) if meant => Kind::Direct,
            (None, Some(_), _) => Kind::Tls,
            (None, None, Some(tcp)) if tcp.value != TcpAnswer::Accepted => Kind::Refused,
            _ => return,
        };
        shorten(&mut watched);
        let name = watched.server_name().map(str::to_ascii_lowercase);
        let server = (kind, watched.host, name);
        if !self.kept.contains_key(&server) {
            self.make_room(kind);
        }
        let kept = self.kept.entry(server).or_default();
        kept.push(watched);
        if kept.len() > EACH {
            // what failed tells more, and of that what is newest
            let oldest = kept.iter().position(Watched::came_through).unwrap_or(0);
            kept.remove(oldest);
            self.left_out(kind, 1);
        }
    }

    /// Lets go of the server that was not asked for longest, if there are too many: whoever captures ends with what
    /// matters.
    fn make_room(&mut self, kind: Kind) {
        let alike = || self.kept.iter().filter(|((other, ..), _)| *other == kind);
        if alike().count() < SERVERS {
            return;
        }
        let asked = |connections: &[Watched]| connections.iter().map(|watched| watched.began).max();
        let oldest = alike().min_by_key(|(_, connections)| asked(connections)).map(|(server, _)| server.clone());
        let gone = oldest.and_then(|server| self.kept.remove(&server)).map_or(0, |connections| connections.len());
        self.left_out(kind, gone);
    }

    fn left_out(&mut self, kind: Kind, count: usize) {
        let count = if kind == Kind::Refused { 0 } else { u64::try_from(count).unwrap_or(u64::MAX) };
        self.left_out = self.left_out.saturating_add(count);
    }

    /// The connections that are kept, and how many are not.
    pub(super) fn finish(self) -> (Vec<Watched>, u64) {
        (self.kept.into_values().flatten().collect(), self.left_out)
    }
}

/// Leaves as many certificates as there is room for, from the server's own on.
pub(super) fn shorten(watched: &mut Watched) {
    let chain = &mut watched.exchange.presented.chain;
    let mut room = CERTIFICATES;
    let fits = chain.iter().take_while(|der| {
        let left = room.checked_sub(der.len());
        room = left.unwrap_or(0);
        left.is_some()
    });
    let fits = fits.count();
    chain.truncate(fits);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capture::Exchange;
    use crate::machine::{End, Presented, Timed, TlsAnswer};
    use crate::tls::{ClientHello, TlsOffer};

    fn tls(name: &str, began: u64, (answer, presented): (TlsAnswer, Presented)) -> Watched {
        let at = Duration::from_secs(began);
        let hello = ClientHello { server_name: Some(name.to_owned()), ..ClientHello::of(TlsOffer::MODERN, [7; 32]) };
        Watched {
            client: ([192, 0, 2, 1], 50_000).into(),
            host: ([192, 0, 2, 9], 443).into(),
            began: at,
            tcp: None,
            exchange: Exchange {
                hello: Some(Timed { value: hello, took: at, at }),
                handshake: Some(Timed { value: answer, took: at, at }),
                presented,
                ..Exchange::default()
            },
            ends: Vec::new(),
            sent: 1,
            received: 1,
            midway: false,
            one_sided: None,
            gaps: false,
            altered: false,
        }
    }

    fn sound(chain: &[usize]) -> (TlsAnswer, Presented) {
        let chain = chain.iter().map(|size| vec![0; *size]).collect();
        let answer = TlsAnswer::Accepted { version: None, suite: 0, finished: false };
        (answer, Presented { chain, ..Presented::default() })
    }

    #[test]
    fn of_one_server_those_that_failed_and_the_newest_stay() {
        let mut tunnels = Tunnels::default();
        let failed = || (TlsAnswer::Closed { end: End::Rst, bytes: 0 }, Presented::default());
        for (began, answer) in [(1, failed()), (2, sound(&[])), (3, sound(&[])), (4, failed()), (5, sound(&[]))] {
            tunnels.take(tls("GW.example", began, answer), false);
        }
        tunnels.take(tls("gw.example", 6, sound(&[])), false);
        let (kept, left_out) = tunnels.finish();
        let began: Vec<_> = kept.iter().map(|watched| watched.began.as_secs()).collect();
        assert_eq!((began, left_out), (vec![1, 4, 6], 3));
    }

    #[test]
    fn servers_and_certificates_are_bounded() {
        let mut tunnels = Tunnels::default();
        for number in 0..1_000 {
            let chain = sound(&[9_000, 7_000, 7_000]);
            tunnels.take(tls(&format!("www{number}.example"), number, chain), number == 0);
        }
        let (kept, left_out) = tunnels.finish();
        assert_eq!((kept.len(), left_out), (SERVERS + 1, 999 - SERVERS as u64));
        let began: Vec<u64> = kept.iter().map(|watched| watched.began.as_secs()).collect();
        assert!(began.contains(&0) && began.contains(&999) && !began.contains(&1), "{began:?}");
        assert_eq!(kept[0].exchange.presented.chain.len(), 2);
    }
}
