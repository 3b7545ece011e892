//! Filter between the machines and the sockets, which normally does nothing. Tests put one there that spoils our words,
//! to see that no host is blamed for it.

/// Layer at which bytes leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The connection has just been established; there are no bytes yet.
    Connected,
    /// The machine's words without a tunnel.
    Bare,
    /// The machine's words, before the tunnel encrypts them.
    Plain,
    /// A TLS stack's words.
    Tunnel,
}

/// Action on the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// These bytes are written.
    Write(Vec<u8>),
    /// Nothing happens for this long.
    #[cfg(test)]
    Wait(std::time::Duration),
    /// The connection is closed for writing.
    #[cfg(test)]
    Close,
}

/// Turns what should be said into actions.
pub trait Outlet: Send + Sync {
    /// Returns the actions for these bytes.
    fn pass(&self, layer: Layer, bytes: Vec<u8>) -> Vec<Step>;
}

/// Outlet that says exactly what should be said.
pub struct Direct;

impl Outlet for Direct {
    fn pass(&self, _: Layer, bytes: Vec<u8>) -> Vec<Step> {
        if bytes.is_empty() { Vec::new() } else { vec![Step::Write(bytes)] }
    }
}
