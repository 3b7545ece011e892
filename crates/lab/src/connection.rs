//! What happens to one client.

use std::io::{self, Read, Write};

use wire::x224::{self, ConnectionRequest, Framing, ServerAnswer};

use crate::host::{Host, Neglect, TcpMode, TlsFault};
use crate::negotiation::{self, Reply};
use crate::tls::Acceptor;
use crate::transport::Transport;
use crate::{banner, credssp, middlebox, tls};

/// How a host ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// Serves one client to the end of the connection.
pub(crate) fn serve(host: &Host, acceptor: Option<&Acceptor>, transport: &mut Transport) -> io::Result<Ending> {
    match (host.tcp, host.banner) {
        (TcpMode::Close, _) => Ok(Ending::Close),
        (TcpMode::Reset, _) => Ok(Ending::Reset),
        (TcpMode::Silent, _) => transport.hold().map(|()| Ending::Close),
        (_, Some(banner)) => banner::serve(banner, transport).map(|()| Ending::Close),
        (_, None) => negotiate(host, acceptor, transport),
    }
}

/// Leaves one client unserved.
pub(crate) fn neglect(host: &Host, transport: &mut Transport) -> io::Result<Ending> {
    match host.neglect {
        Neglect::Silent => transport.hold()?,
        Neglect::Close => drop(read_request(transport)?),
        Neglect::ResetHello => {
            let request = read_request(transport)?;
            if let Reply::Answer(answer) = negotiation::reply(&host.negotiation, &request) {
                transport.write_all(&answer.encode())?;
                return tls::fail(&TlsFault::Reset, transport);
            }
        }
    }
    Ok(Ending::Close)
}

fn negotiate(host: &Host, acceptor: Option<&Acceptor>, transport: &mut Transport) -> io::Result<Ending> {
    let request = read_request(transport)?;
    let answer = match negotiation::reply(&host.negotiation, &request) {
        Reply::Close => return Ok(Ending::Close),
        Reply::Reset => return Ok(Ending::Reset),
        Reply::Silent => return transport.hold().map(|()| Ending::Close),
        Reply::Malformed(bytes) => return transport.write_all(&bytes).map(|()| Ending::Close),
        Reply::Answer(answer) => answer,
    };
    if host.tls.blocks_whole_hello {
        middlebox::watch(transport)?;
    }
    transport.write_all(&answer.encode())?;
    match (answer, acceptor) {
        (ServerAnswer::Selected { protocol, .. }, Some(acceptor)) if protocol.tls() => {
            secure(host, acceptor, protocol.credssp(), transport)
        }
        // the client goes on with Standard RDP Security; nobody here follows
        (ServerAnswer::Selected { .. } | ServerAnswer::NoNegotiation, _) => transport.hold().map(|()| Ending::Close),
        (ServerAnswer::Failure(_) | ServerAnswer::DisconnectProviderUltimatum, _) => Ok(Ending::Close),
    }
}

fn read_request(transport: &mut Transport) -> io::Result<ConnectionRequest> {
    let mut frame = transport.take(4)?;
    let missing = match x224::framing(&frame) {
        Framing::Incomplete => usize::from(u16::from_be_bytes([frame[2], frame[3]])).saturating_sub(frame.len()),
        _ => return Err(io::Error::other("the client sent no TPKT")),
    };
    frame.extend(transport.take(missing)?);
    ConnectionRequest::decode(&frame).map_err(io::Error::other)
}

fn secure(host: &Host, acceptor: &Acceptor, with_credssp: bool, transport: &mut Transport) -> io::Result<Ending> {
    if host.tls.blocks_whole_hello && !middlebox::passes(transport)? {
        return Ok(Ending::Reset);
    }
    if let Some(fault) = &host.tls.fault {
        return tls::fail(fault, transport);
    }
    let mut tunnel = acceptor.accept(transport)?;
    if with_credssp {
        return credssp::serve(&host.credssp, tunnel.as_mut());
    }
    io::copy(&mut tunnel as &mut dyn Read, &mut io::sink()).map(|_| Ending::Close)
}
