//! The treatment of one client, from TCP on.

use std::io;

use crate::banner;
use crate::host::{Host, TcpMode};
use crate::stage::tls::Acceptor;
use crate::stage::{self, Ending};
use crate::transport::Transport;

/// Serves one client to the end of the connection.
pub(crate) fn serve(host: &Host, acceptor: Option<&Acceptor>, transport: &mut Transport) -> io::Result<Ending> {
    match (host.tcp, host.banner) {
        (TcpMode::Close, _) => Ok(Ending::Close),
        (TcpMode::Reset, _) => Ok(Ending::Reset),
        (TcpMode::Silent, _) => transport.hold().map(|()| Ending::Close),
        (_, Some(banner)) => banner::serve(banner, transport).map(|()| Ending::Close),
        (_, None) => stage::serve(host, acceptor, transport),
    }
}
