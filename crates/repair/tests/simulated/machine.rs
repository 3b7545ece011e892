//! A machine that is a map, with faults that are told to it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use repair::hand::{Failed, Hand, Unread};
use repair::journal::Store;
use repair::place::{Held, Place};

/// Fault of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An error, and nothing was done.
    Refused,
    /// An error, and it was done all the same.
    Late,
    /// No error, and something else was done.
    Wrong,
    /// The program dies before it.
    DiesBefore,
    /// The program dies behind it.
    DiesBehind,
}

pub const FAULTS: [Fault; 5] = [Fault::Refused, Fault::Late, Fault::Wrong, Fault::DiesBefore, Fault::DiesBehind];

/// Payload of the panic that stands for the death of the program.
pub struct Died;

pub type Places = BTreeMap<Place, Held>;

/// The machine. What it holds outlives the hands on it.
#[derive(Clone, Default)]
pub struct Machine {
    pub places: Rc<RefCell<Places>>,
    pub restarts: Rc<RefCell<Vec<String>>>,
    /// Operations so far, reads and writes.
    pub operations: Rc<Cell<usize>>,
    /// Operation, from 0, and its fault.
    pub fault: Option<(usize, Fault)>,
}

impl Machine {
    pub fn holding(places: Places) -> Self {
        Self { places: Rc::new(RefCell::new(places)), ..Self::default() }
    }

    /// Returns another hand on this machine, with a fault of its own.
    pub fn with(&self, fault: Option<(usize, Fault)>) -> Self {
        Self { fault, operations: Rc::default(), ..self.clone() }
    }

    pub fn now(&self) -> Places {
        self.places.borrow().clone()
    }

    /// Counts an operation, and says which fault it has.
    fn fault(&self) -> Option<Fault> {
        let number = self.operations.replace(self.operations.get() + 1);
        let fault = self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        if fault == Some(Fault::DiesBefore) {
            std::panic::panic_any(Died);
        }
        fault
    }
}

fn dies(fault: Option<Fault>) {
    if fault == Some(Fault::DiesBehind) {
        std::panic::panic_any(Died);
    }
}

impl Hand for Machine {
    fn read(&self, place: &Place) -> Result<Held, Unread> {
        let fault = self.fault();
        dies(fault);
        if fault.is_some() {
            return Err(Unread("no rights".to_owned()));
        }
        Ok(self.places.borrow().get(place).cloned().unwrap_or(Held::Absent))
    }

    fn write(&mut self, place: &Place, held: &Held) -> Result<(), Failed> {
        let fault = self.fault();
        if fault == Some(Fault::Refused) {
            return Err(Failed("the disk is full".to_owned()));
        }
        let held = if fault == Some(Fault::Wrong) { Held::Text("torn".to_owned()) } else { held.clone() };
        if held == Held::Absent {
            self.places.borrow_mut().remove(place);
        } else {
            self.places.borrow_mut().insert(place.clone(), held);
        }
        dies(fault);
        if fault == Some(Fault::Late) { Err(Failed("no answer".to_owned())) } else { Ok(()) }
    }

    fn restart(&mut self, service: &str) -> Result<(), Failed> {
        let fault = self.fault();
        if matches!(fault, Some(Fault::Refused | Fault::Wrong)) {
            return Err(Failed(format!("service {service}: it hangs")));
        }
        self.restarts.borrow_mut().push(service.to_owned());
        dies(fault);
        if fault == Some(Fault::Late) { Err(Failed("no answer".to_owned())) } else { Ok(()) }
    }
}

/// Folder of journals that goes with this value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        // every line is waited for until the disk has it: in memory that costs nothing
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = place.join(format!("rdpdoctor-repair-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn store(&self) -> Store {
        Store::open(&self.0).unwrap()
    }

    /// Forgets all runs.
    pub fn empty(&self) -> Store {
        let _ = std::fs::remove_dir_all(&self.0);
        self.store()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
