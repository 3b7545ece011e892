//! A middlebox that reads a ClientHello only if it lies whole in one TCP segment, and then resets the connection.
//!
//! A server's program cannot see segments: the kernel joins those that arrive before it reads. So on Linux a socket
//! filter does the looking: it cuts a segment that holds a whole TLS record to its first two bytes. What is read first
//! then has exactly two bytes, which no other cut of a hello looks like. (The client would send the rest again after
//! 200 ms; the reset comes before.) On other systems the first read stands for the first segment.

use std::io::{self, Read};

use crate::transport::Transport;

/// A ClientHello on the wire is not longer than this in one piece: one record and its header.
const PIECE: usize = 16_384 + 5;

/// Begins to watch; to be called before the client can have sent its hello.
#[cfg(target_os = "linux")]
pub(crate) fn watch(transport: &Transport) -> io::Result<()> {
    transport.socket().attach_filter(&filter::program())
}

/// Begins to watch.
#[cfg(not(target_os = "linux"))]
pub(crate) fn watch(_transport: &Transport) -> io::Result<()> {
    Ok(())
}

/// True if the hello may pass; its bytes are then still to be read.
#[cfg(target_os = "linux")]
pub(crate) fn passes(transport: &mut Transport) -> io::Result<bool> {
    let mut start = Vec::new();
    while start.len() < filter::LEFT {
        start.extend(piece(transport)?);
    }
    if start.len() == filter::LEFT {
        return Ok(false);
    }
    transport.socket().detach_filter()?;
    transport.unread(start);
    Ok(true)
}

/// True if the hello may pass; its bytes are then still to be read.
#[cfg(not(target_os = "linux"))]
pub(crate) fn passes(transport: &mut Transport) -> io::Result<bool> {
    let start = piece(transport)?;
    let whole = match start[..] {
        [0x16, 3, _, high, low, ..] => start.len() >= 5 + usize::from(u16::from_be_bytes([high, low])),
        _ => false,
    };
    transport.unread(start);
    Ok(!whole)
}

fn piece(transport: &mut Transport) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    match transport.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            piece.truncate(count);
            Ok(piece)
        }
    }
}

#[cfg(target_os = "linux")]
mod filter {
    use socket2::SockFilter;

    /// Bytes that are left of a segment with a whole record.
    pub(super) const LEFT: usize = 2;

    // linux/bpf_common.h: instructions of the classic packet filter
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_HALF_AT_X: u16 = 0x48;
    const LOAD_LENGTH: u16 = 0x80;
    const LOAD_MEMORY: u16 = 0x60;
    const STORE: u16 = 0x02;
    const COPY_TO_X: u16 = 0x07;
    const AND: u16 = 0x54;
    const SHIFT_RIGHT: u16 = 0x74;
    const ADD: u16 = 0x04;
    const SUBTRACT_X: u16 = 0x1C;
    const IF_EQUAL: u16 = 0x15;
    const IF_AT_LEAST: u16 = 0x35;
    const IF_AT_LEAST_X: u16 = 0x3D;
    const RETURN: u16 = 0x06;
    const RETURN_A: u16 = 0x16;

    const HEADER: u32 = 0;
    const PAYLOAD: u32 = 1;

    /// Runs over a segment from its TCP header on and returns how much of it is kept.
    pub(super) fn program() -> [SockFilter; 20] {
        let step = |code, value| SockFilter::new(code, 0, 0, value);
        // jumps count from the next instruction to the last one, which keeps the segment
        let or_keep = |code, value, jump| SockFilter::new(code, 0, jump, value);
        [
            step(LOAD_BYTE, 12),
            step(AND, 0xF0),
            step(SHIFT_RIGHT, 2),
            step(COPY_TO_X, 0),
            step(STORE, HEADER),
            step(LOAD_LENGTH, 0),
            step(SUBTRACT_X, 0),
            or_keep(IF_AT_LEAST, 5, 11),
            step(STORE, PAYLOAD),
            step(LOAD_HALF_AT_X, 0),
            or_keep(IF_EQUAL, 0x1603, 8),
            step(LOAD_HALF_AT_X, 3),
            step(ADD, 5),
            step(COPY_TO_X, 0),
            step(LOAD_MEMORY, PAYLOAD),
            or_keep(IF_AT_LEAST_X, 0, 3),
            step(LOAD_MEMORY, HEADER),
            step(ADD, 2),
            step(RETURN_A, 0),
            step(RETURN, u32::MAX),
        ]
    }
}
