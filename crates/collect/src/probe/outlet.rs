//! What stands between the machines and the sockets: nothing. Tests put something there that spoils what we say, to see
//! that no host is blamed for it.

/// Where bytes are on their way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The connection has just been established; there are no bytes yet.
    Connected,
    /// What the machine says without a tunnel.
    Bare,
    /// What the machine says, before the tunnel encrypts it.
    Plain,
    /// What a TLS stack says.
    Tunnel,
}

/// What is done on the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes are written.
    Write(Vec<u8>),
    /// Nothing happens for so long.
    #[cfg(test)]
    Wait(std::time::Duration),
    /// The connection is closed for writing.
    #[cfg(test)]
    Close,
}

/// Turns what should be said into what is done.
pub trait Outlet: Send + Sync {
    /// The steps for these bytes.
    fn pass(&self, layer: Layer, bytes: Vec<u8>) -> Vec<Step>;
}

/// Says what should be said.
pub struct Direct;

impl Outlet for Direct {
    fn pass(&self, _: Layer, bytes: Vec<u8>) -> Vec<Step> {
        if bytes.is_empty() { Vec::new() } else { vec![Step::Write(bytes)] }
    }
}
