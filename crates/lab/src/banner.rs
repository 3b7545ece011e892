//! Services that are not Remote Desktop, as far as their first words.

use std::io::{self, Read, Write};

use crate::host::Banner;
use crate::transport::Transport;

const GARBAGE: [u8; 64] = [0xA5; 64];
/// Bytes that [`Banner::Endless`] sends before even it gives up.
const ENDLESS: usize = 1 << 30;

/// Serves a connection until the client closes it.
pub(crate) fn serve(banner: Banner, transport: &mut Transport) -> io::Result<()> {
    match banner {
        Banner::Ssh => greet(transport, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
        Banner::Vnc => greet(transport, b"RFB 003.008\n"),
        Banner::Smtp => greet(transport, b"220 mail.corp.example ESMTP Postfix\r\n"),
        Banner::Ftp => greet(transport, b"220 (vsFTPd 3.0.3)\r\n"),
        Banner::Telnet => greet(transport, &[0xFF, 0xFD, 0x18, 0xFF, 0xFD, 0x20, 0xFF, 0xFD, 0x23]),
        Banner::Garbage => greet(transport, &GARBAGE),
        Banner::Http => answer(
            transport,
            b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
        // what OpenSSL says to bytes that are no TLS record: protocol_version
        Banner::Tls => answer(transport, &[0x15, 3, 1, 0, 2, 2, 70]),
        Banner::Endless => endless(transport),
    }
}

fn greet(transport: &mut Transport, greeting: &[u8]) -> io::Result<()> {
    transport.write_all(greeting)?;
    transport.hold()
}

fn answer(transport: &mut Transport, answer: &[u8]) -> io::Result<()> {
    let mut request = [0; 4096];
    if transport.read(&mut request)? > 0 {
        transport.write_all(answer)?;
    }
    Ok(())
}

fn endless(transport: &mut Transport) -> io::Result<()> {
    let piece = GARBAGE.repeat(256);
    for _ in 0..ENDLESS / piece.len() {
        transport.write_all(&piece)?;
    }
    Ok(())
}
