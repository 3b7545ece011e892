//! The bytes of one connection, below TLS and above: delayed, one at a time, held back, or as they are.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;

use crate::stop::Stop;

/// How long a connection thread waits for its peer at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How a host's answers are slowed down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) before_answer: Duration,
    pub(crate) byte: Option<Duration>,
}

/// A connection as its host treats it.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    stop: Arc<Stop>,
    pace: Pace,
    /// Bytes that were looked at and not consumed.
    pending: Vec<u8>,
    /// The peer spoke last: what is written next is an answer.
    answering: bool,
}

impl Transport {
    /// A connection on which the host writes at this pace.
    pub(crate) fn new(stream: TcpStream, pace: Pace, stop: Arc<Stop>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, stop, pace, pending: Vec::new(), answering: true })
    }

    /// The socket's options.
    pub(crate) fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
    }

    /// The next read returns these bytes first.
    pub(crate) fn unread(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.pending.is_empty(), "bytes are given back once");
        self.pending = bytes;
    }

    /// Exactly this many bytes.
    pub(crate) fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Says nothing more and waits until the peer closes.
    pub(crate) fn hold(&mut self) -> io::Result<()> {
        discard(self)
    }

    /// FIN, which the peer sees in peace: what it still sends is read, lest the kernel answer it with RST.
    pub(crate) fn finish(&mut self) {
        let shut = self.stream.shutdown(Shutdown::Write);
        // however the peer ends it, the connection is over
        let _ = shut.and_then(|()| discard(self));
    }

    /// Makes the coming close a RST.
    pub(crate) fn prepare_reset(&self) -> io::Result<()> {
        self.socket().set_linger(Some(Duration::ZERO))
    }

    /// Takes this long before each answer from now on.
    pub(crate) fn slow_down(&mut self, time: Duration) {
        self.pace.before_answer = time;
        // whatever was written since, the next bytes are an answer
        self.answering = true;
    }

    fn pause(&self, duration: Duration) -> io::Result<()> {
        if duration.is_zero() || !self.stop.pause(duration) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the lab has ended"))
    }
}

/// Reads until the peer closes.
pub(crate) fn discard(source: &mut (impl Read + ?Sized)) -> io::Result<()> {
    io::copy(source, &mut io::sink()).map(|_| ())
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.answering = true;
        if !self.pending.is_empty() {
            let count = self.pending.as_slice().read(buffer)?;
            self.pending.drain(..count);
            return Ok(count);
        }
        // a wait with a time-out ends where the process is stopped and goes on, which TLS would take for the end
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.answering) {
            self.pause(self.pace.before_answer)?;
        }
        match (self.pace.byte, bytes.first()) {
            (Some(delay), Some(byte)) => {
                self.pause(delay)?;
                self.stream.write(&[*byte])
            }
            _ => self.stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
