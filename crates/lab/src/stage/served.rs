//! Results of a stage.

use std::io::{Read, Write};
use std::time::Duration;

use wire::x224::SecurityProtocols;

use crate::transport::Transport;

/// The result of the negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// The protocols that the client offered.
    pub(crate) requested: SecurityProtocols,
    /// The one that the host selected.
    pub(crate) selected: SecurityProtocols,
}

/// How a host ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// The result of a stage.
pub(crate) enum Served<T> {
    /// The connection ended in it.
    Ended(Ending),
    /// It goes on with this.
    On(T),
}

/// The plaintext of an established connection.
pub(crate) trait Tunnel: Read + Write {
    /// Says that nothing more will come, and leaves the connection open: `close_notify`, where there is TLS.
    fn end_talk(&mut self) {}

    /// Has the host take this long before each answer from now on.
    fn answers_after(&mut self, time: Duration);
}

impl Tunnel for Transport {
    fn answers_after(&mut self, time: Duration) {
        self.slow_down(time);
    }
}
