//! The stages of a connection as a host serves them, and as it lies in them: a room each. A new stage is a file here
//! and its line in [`BEHIND_SECURITY`], if it follows the security that was negotiated; its settings are a field of
//! [`Host`].

pub(crate) mod connection_sequence;
pub(crate) mod credssp;
pub(crate) mod served;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod x224;

use std::io;

use connection_sequence::ConnectionSequenceFault;
use credssp::CredsspFault;
use tcp::Neglect;
use tls::{Resents, TlsFault};

use crate::banner;
use crate::host::{Banner, Host};
use crate::transport::Transport;
pub(crate) use served::{Ending, Negotiated, Served, Tunnel};
use tls::Acceptor;

/// A stage that follows once the connection is as secure as was negotiated; `None` if it does not follow what was
/// selected.
type Follow = fn(&Host, Negotiated, &mut dyn Tunnel) -> Option<io::Result<Ending>>;

/// The stages behind the security that was negotiated, the first that follows serves the client.
const BEHIND_SECURITY: [Follow; 2] = [
    |host, negotiated, tunnel| credssp::serve(&host.credssp, negotiated, tunnel),
    |host, negotiated, tunnel| connection_sequence::serve(&host.connection_sequence, negotiated, tunnel),
];

/// Serves one client of a host that speaks Remote Desktop.
pub(crate) fn serve(host: &Host, acceptor: Option<&Acceptor>, transport: &mut Transport) -> io::Result<Ending> {
    let negotiated = match x224::serve(&host.negotiation, &host.tls, transport)? {
        Served::Ended(ending) => return Ok(ending),
        Served::On(negotiated) => negotiated,
    };
    match acceptor {
        Some(acceptor) if negotiated.selected.tls() => match tls::serve(&host.tls, acceptor, negotiated, transport)? {
            Served::Ended(ending) => Ok(ending),
            Served::On(mut tunnel) => follow(host, negotiated, tunnel.as_mut()),
        },
        _ => follow(host, negotiated, transport),
    }
}

fn follow(host: &Host, negotiated: Negotiated, tunnel: &mut dyn Tunnel) -> io::Result<Ending> {
    // where nothing follows, the client is listened to until it goes
    BEHIND_SECURITY
        .iter()
        .find_map(|stage| stage(host, negotiated, tunnel))
        .unwrap_or_else(|| crate::transport::discard(tunnel).map(|()| Ending::Close))
}

/// Leaves one client unserved.
pub(crate) fn neglect(host: &Host, acceptor: Option<&Acceptor>, transport: &mut Transport) -> io::Result<Ending> {
    match host.neglect {
        Neglect::CloseBehindTls => {
            let mut broken = host.clone();
            broken.credssp.fault = Some(CredsspFault::Close);
            broken.connection_sequence.fault = Some(ConnectionSequenceFault::Close);
            return serve(&broken, acceptor, transport);
        }
        Neglect::RefuseNtlm => {
            let mut other = host.clone();
            other.credssp.fault = Some(CredsspFault::Refuse(0xC000_0418));
            return serve(&other, acceptor, transport);
        }
        Neglect::RefuseTls13 => {
            let mut other = host.clone();
            (other.tls.resents, other.tls.resents_by) = (vec![Resents::Tls13], Some(TlsFault::Alert40));
            return serve(&other, acceptor, transport);
        }
        Neglect::Http => banner::serve(Banner::Http, transport)?,
        Neglect::Silent => transport.hold()?,
        Neglect::Reset => return Ok(Ending::Reset),
        Neglect::Close => drop(x224::read_request(transport)?),
        Neglect::ResetHello | Neglect::AlertHello => {
            let fault = if host.neglect == Neglect::AlertHello { TlsFault::Alert40 } else { TlsFault::Reset };
            if let Served::On(_) = x224::serve(&host.negotiation, &host.tls, transport)? {
                return tls::fail(&fault, transport);
            }
        }
    }
    Ok(Ending::Close)
}
