//! The end of a lab: pauses that it interrupts, and the connections that it shuts down.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem};

/// Connections that are served at the same time, at most; others are reset.
const CONNECTIONS: usize = 64;

/// Shared by every thread of a lab.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    next: usize,
    open: HashMap<usize, TcpStream>,
}

impl Stop {
    /// Waits this long, or until the lab ends; true if it has ended.
    pub(crate) fn pause(&self, duration: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, duration, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        state.stopped
    }

    /// True once the lab has ended.
    pub(crate) fn stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Keeps a handle of the connection, so that [`Self::stop`] can end it. `None` if the lab has ended or has too many
    /// connections.
    pub(crate) fn enter(&self, stream: &TcpStream) -> io::Result<Option<usize>> {
        let mut state = self.lock();
        if state.stopped || state.open.len() >= CONNECTIONS {
            return Ok(None);
        }
        let id = state.next;
        state.next += 1;
        state.open.insert(id, stream.try_clone()?);
        Ok(Some(id))
    }

    /// Lets go of the connection; only then can closing it close it.
    pub(crate) fn leave(&self, id: usize) {
        self.lock().open.remove(&id);
        self.changed.notify_all();
    }

    /// Ends every pause and every connection, and waits until their threads have let go of them.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        for stream in state.open.values() {
            // one that the peer has ended already cannot be shut down, and need not be
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
        let limit = Duration::from_secs(5);
        let waited = self.changed.wait_timeout_while(state, limit, |state| !state.open.is_empty());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(mem::take(&mut state.open));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // a thread that panicked leaves nothing half done here
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
