//! Captures: packets to connections, connections to what client and host said to each other.
//!
//! The container (pcap, pcapng) is opened in `collect`; here a packet comes in with its time and link type
//! ([`packet`]), its bytes are put in order ([`stream`]) and counted to a connection ([`table`]), and what both sides
//! said is read with the same decoders as a probe's ([`exchange`]). What was understood has a text form of its own,
//! without the packets. Beside Remote Desktop itself that is what a client may say to an RD Gateway. Whatever a capture
//! holds, the memory is bounded.

mod connection;
pub mod exchange;
pub mod packet;
mod socks;
pub mod stream;
pub mod table;
mod tally;
mod text;
mod tunnels;
mod web;

pub use exchange::Exchange;
pub use packet::{Link, Packet};
pub use socks::Socks;
pub use table::{Seen, Side, Table, UdpWatched, Watched};
pub use tally::{FailingClient, Tally};
pub use text::SeenError;
pub use web::{Web, WebAnswer};
