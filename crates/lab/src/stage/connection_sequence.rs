//! The connection sequence: the settings that a host tells anyone who comes so far, [MS-RDPBCGR] 2.2.1.3 and 2.2.1.4.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use wire::mcs::{self, ConnectInitial, ConnectResponse};
use wire::x224::{Framing, SecurityProtocols, ServerAnswer};

use super::served::{Ending, Negotiated, Tunnel};
use crate::script::Script;
use crate::transport;

/// The channel of input and output, as Windows numbers it; the static channels follow.
const IO_CHANNEL: u16 = 1003;

/// How a host tells its settings. Whatever is not said is that of Windows Server 2022.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionSequence {
    /// The version in its core data.
    pub version: u32,
    /// The request that it says it got, where that is not the client's.
    pub requested: Option<u32>,
    /// Its early capabilities.
    pub early_capabilities: u32,
    /// Its level of encryption under Standard RDP Security: 1 low, 2 client compatible, 3 high, 4 FIPS.
    pub encryption_level: u32,
    /// The byte that holds the result of the conference; 16 is the refusal `userRejected`.
    pub conference: u8,
    /// Method and level of encryption that it names inside TLS, where there is none.
    pub encryption_in_tls: Option<(u32, u32)>,
    /// It opens no static channel, whatever is asked for.
    pub without_channels: bool,
    /// Milliseconds before its answer.
    pub delay_ms: u64,
    /// Fault that it shows instead.
    pub fault: Option<ConnectionSequenceFault>,
}

/// Faults in the connection sequence.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionSequenceFault {
    /// FIN before a client says anything.
    CloseAtOnce,
    /// FIN on the Connect Initial.
    Close,
    /// RST on the Connect Initial.
    Reset,
    /// No answer.
    Silent,
    /// A Connect Response with this result.
    Refuse(u8),
    /// An MCS Disconnect Provider Ultimatum.
    Ultimatum,
    /// Its settings, and an MCS Disconnect Provider Ultimatum right behind them.
    Withdraw,
    /// Its settings, and FIN right behind them.
    WithdrawByClose,
    /// These bytes.
    Play(Script),
    /// These bytes, before a client says anything.
    Greet(Script),
    /// A `close_notify` on the Connect Initial; the connection stays open.
    CloseNotify,
}

impl Default for ConnectionSequence {
    fn default() -> Self {
        Self {
            version: 0x0008_0010,
            requested: None,
            early_capabilities: 0x07,
            encryption_level: 2,
            conference: 0,
            encryption_in_tls: None,
            without_channels: false,
            delay_ms: 0,
            fault: None,
        }
    }
}

/// Tells its settings and waits until the client closes, if that may come so far without proving who it is.
pub(crate) fn serve(
    host: &ConnectionSequence,
    negotiated: Negotiated,
    tunnel: &mut dyn Tunnel,
) -> Option<io::Result<Ending>> {
    let open = [SecurityProtocols::RDP, SecurityProtocols::SSL].contains(&negotiated.selected);
    open.then(|| tell(host, negotiated, tunnel))
}

fn tell(host: &ConnectionSequence, negotiated: Negotiated, tunnel: &mut dyn Tunnel) -> io::Result<Ending> {
    if host.fault == Some(ConnectionSequenceFault::CloseAtOnce) {
        return Ok(Ending::Close);
    }
    if let Some(ConnectionSequenceFault::Greet(script)) = &host.fault {
        script.play(tunnel)?;
        tunnel.flush()?;
        return transport::discard(tunnel).map(|()| Ending::Close);
    }
    let initial = read_initial(tunnel)?;
    if host.delay_ms > 0 {
        tunnel.answers_after(Duration::from_millis(host.delay_ms));
    }
    let answer = match &host.fault {
        Some(ConnectionSequenceFault::Close | ConnectionSequenceFault::CloseAtOnce) => return Ok(Ending::Close),
        Some(ConnectionSequenceFault::Reset) => return Ok(Ending::Reset),
        Some(ConnectionSequenceFault::CloseNotify) => {
            tunnel.end_talk();
            Vec::new()
        }
        Some(ConnectionSequenceFault::Silent | ConnectionSequenceFault::Greet(_)) => Vec::new(),
        Some(ConnectionSequenceFault::Refuse(result)) => {
            ConnectResponse { result: *result, ..ConnectResponse::default() }.encode()
        }
        Some(ConnectionSequenceFault::Ultimatum) => ServerAnswer::DisconnectProviderUltimatum.encode(),
        Some(ConnectionSequenceFault::Play(script)) => {
            script.play(tunnel)?;
            Vec::new()
        }
        Some(ConnectionSequenceFault::Withdraw) => {
            let told = settings(host, negotiated, &initial).encode();
            [told, ServerAnswer::DisconnectProviderUltimatum.encode()].concat()
        }
        None | Some(ConnectionSequenceFault::WithdrawByClose) => settings(host, negotiated, &initial).encode(),
    };
    tunnel.write_all(&answer)?;
    tunnel.flush()?;
    if host.fault == Some(ConnectionSequenceFault::WithdrawByClose) {
        return Ok(Ending::Close);
    }
    transport::discard(tunnel)?;
    Ok(Ending::Close)
}

fn settings(host: &ConnectionSequence, negotiated: Negotiated, initial: &ConnectInitial) -> ConnectResponse {
    // 128 bits, of which a host that means it would show a random and a certificate
    let standard = (2, host.encryption_level);
    let encryption = if negotiated.selected.tls() { host.encryption_in_tls.unwrap_or_default() } else { standard };
    let asked = if host.without_channels { 0 } else { initial.channels.len() };
    let count = u16::try_from(asked).unwrap_or(0);
    ConnectResponse {
        result: 0,
        conference: host.conference,
        version: Some(host.version),
        requested: Some(host.requested.map_or(negotiated.requested, SecurityProtocols)),
        early_capabilities: Some(host.early_capabilities),
        encryption: Some(encryption),
        io_channel: Some(IO_CHANNEL),
        channels: (1..=count).map(|number| IO_CHANNEL + number).collect(),
        message_channel: None,
        multitransport: None,
    }
}

fn read_initial(tunnel: &mut dyn Tunnel) -> io::Result<ConnectInitial> {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match mcs::framing(&received) {
            Framing::Complete(size) => return ConnectInitial::decode(&received[..size]).map_err(io::Error::other),
            Framing::Incomplete => {}
            Framing::NotTpkt => return Err(io::Error::other("the client sent no TPKT")),
        }
        match tunnel.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => received.extend_from_slice(&piece[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(selected: SecurityProtocols) -> ConnectResponse {
        let negotiated = Negotiated { requested: SecurityProtocols(3), selected };
        let initial = ConnectInitial { selected, channels: vec!["rdpdr".to_owned(), "rdpsnd".to_owned()] };
        settings(&ConnectionSequence::default(), negotiated, &initial)
    }

    #[test]
    fn every_channel_that_is_asked_for_has_a_number_of_its_own() {
        let told = told(SecurityProtocols::SSL);
        assert_eq!((told.io_channel, told.channels), (Some(1003), vec![1004, 1005]));
        assert_eq!((told.requested, told.encryption), (Some(SecurityProtocols(3)), Some((0, 0))));
    }

    #[test]
    fn only_standard_security_has_a_method() {
        assert_eq!(told(SecurityProtocols::RDP).encryption, Some((2, 2)));
    }
}
