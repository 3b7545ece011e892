//! Binary files: event logs, hives with their logs, captures.

use std::path::Path;

use super::{Kind, one, words};

#[allow(dead_code, reason = "the writer is that of the reader's own tests")]
#[path = "../../../collect/src/evidence/procmon/sample.rs"]
mod recording;
#[allow(dead_code, reason = "the writer is that of the reader's own tests")]
#[path = "../../../collect/src/evidence/evtx/sample.rs"]
mod sample;
#[allow(dead_code, reason = "the writer is that of the reader's own tests")]
#[path = "../../../collect/tests/captures/writer.rs"]
mod writer;

use evidence::hive::sketch::{Node, log, seal};
use sample::{Line, Sample};
use writer::{CLIENT, Container, Frame, Talk, file};

pub const KINDS: &[Kind] = &[
    Kind {
        name: "event log: entries",
        make: |f, n| one(f, "System.evtx", &entries(n, |_| 36874, |_| "40".to_owned())),
    },
    Kind {
        name: "event log: kinds of entries",
        make: |f, n| one(f, "System.evtx", &entries(n, |i| i as u16, |_| "40".to_owned())),
    },
    Kind {
        name: "event log: long values",
        make: |f, n| one(f, "System.evtx", &entries(n, |_| 36874, |i| format!("{i}{}", "x".repeat(300)))),
    },
    Kind {
        name: "hive: subkeys",
        make: |f, n| {
            one(
                f,
                "SYSTEM",
                &hive_of(|root| {
                    (0..200 * n).for_each(|i| {
                        root.dword(&format!("{STATIONS}\\a{i}"), "PortNumber", 3389);
                    });
                }),
            )
        },
    },
    Kind {
        name: "hive: values",
        make: |f, n| {
            one(
                f,
                "SYSTEM",
                &hive_of(|root| {
                    (0..200 * n).for_each(|i| {
                        root.dword(STATIONS, &format!("a{i}"), 7);
                    });
                }),
            )
        },
    },
    Kind {
        name: "hive: long values",
        make: |f, n| {
            one(
                f,
                "SYSTEM",
                &hive_of(|root| {
                    (0..n).for_each(|i| {
                        root.text(STATIONS, &format!("a{i}"), &"x".repeat(30_000));
                    });
                }),
            )
        },
    },
    Kind { name: "hive: pages of its log", make: |f, n| logged(f, n, 4096) },
    Kind { name: "hive: small pages of its log", make: |f, n| logged(f, n, 1) },
    Kind { name: "recording of Process Monitor: accesses", make: |f, n| one(f, "a.pml", &recorded(2000 * n, |_| 1)) },
    Kind { name: "recording of Process Monitor: keys", make: |f, n| one(f, "a.pml", &recorded(2000 * n, |i| i)) },
    Kind { name: "mounted disk: key files", make: disk },
    Kind { name: "captures in a folder", make: captures },
    Kind { name: "capture: connections", make: |f, n| one(f, "a.pcap", &capture((0..40 * n).flat_map(refused))) },
    Kind {
        name: "capture: open connections",
        make: |f, n| {
            one(
                f,
                "a.pcap",
                &capture((0..100 * n).flat_map(|i| Talk::new((i % 60_000) as u16, i as u32).opened().asks(3).frames)),
            )
        },
    },
    Kind {
        name: "capture: one long connection",
        make: |f, n| {
            one(f, "a.pcap", &capture(Talk::new(50_000, 1).opened().says(CLIENT, &vec![3; 60_000 * n], 1400).frames))
        },
    },
    Kind {
        name: "capture: bytes with gaps",
        make: |f, n| {
            one(
                f,
                "a.pcap",
                &capture(
                    Talk::new(50_000, 1).opened().says(CLIENT, &vec![3; 60_000 * n], 100).frames.into_iter().step_by(2),
                ),
            )
        },
    },
];

/// Writes a log of Schannel: 80 entries of 64 KiB for each unit.
fn entries(size: usize, id: impl Fn(usize) -> u16, text: impl Fn(usize) -> String) -> Vec<u8> {
    let log = Sample { provider: "Schannel", channel: "System", computer: "SRV01", field: "AlertDesc" };
    let line = |number: usize| Line {
        id: id(number),
        at: 1_795_161_600 + number as u64,
        activity: [0; 16],
        text: text(number),
    };
    log.log(&(0..size).map(|chunk| (0..80).map(|at| line(chunk * 80 + at)).collect()).collect::<Vec<_>>())
}

const STATIONS: &str = r"ControlSet001\Control\Terminal Server\WinStations";

fn hive_of(fill: impl FnOnce(&mut Node)) -> Vec<u8> {
    let mut root = Node::new("ROOT");
    root.dword("Select", "Current", 1).dword(r"ControlSet001\Control\Terminal Server", "fDenyTSConnections", 1);
    fill(&mut root);
    root.hive()
}

/// Writes a hive that was not closed, and the log of what was pending: half a megabyte for each unit.
fn logged(folder: &Path, size: usize, page: usize) -> Vec<String> {
    let mut hive = hive_of(|_| ());
    let pending: Vec<(u32, Vec<u8>)> =
        (0..size).map(|number| (9 + number as u32, vec![0x41; 512 * 1024 / 4096 * page])).collect();
    std::fs::write(folder.join("SYSTEM.LOG1"), log(&hive, 9, &pending)).unwrap();
    hive[4] = 8;
    seal(&mut hive);
    one(folder, "SYSTEM", &hive)
}

/// Writes a recording in which the service that needs the keys is refused them.
fn recorded(count: usize, key: impl Fn(usize) -> usize) -> Vec<u8> {
    let keys = r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys";
    let access = |number| recording::create_file(&format!(r"{keys}\{:032x}_a", key(number)), 0x8000_0000, false, &[]);
    let events: Vec<_> = (0..count).map(|number| (10, 3, 20, recording::DENIED, access(number))).collect();
    recording::log(&[(10, "lsass.exe", "")], &events)
}

/// Fills a folder like a Windows disk with files of keys.
fn disk(folder: &Path, size: usize) -> Vec<String> {
    let config = folder.join("disk/Windows/System32/config");
    let keys = folder.join("disk/ProgramData/Microsoft/Crypto/RSA/MachineKeys");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::create_dir_all(&keys).unwrap();
    std::fs::write(config.join("SYSTEM"), hive_of(|_| ())).unwrap();
    for number in 0..100 * size {
        std::fs::write(keys.join(format!("{number:032x}_01234567-89ab-cdef-0123-456789abcdef")), b"key").unwrap();
    }
    words(&["inspect", "disk"])
}

/// Fills a folder with captures of one connection each.
fn captures(folder: &Path, size: usize) -> Vec<String> {
    let inside = folder.join("files");
    std::fs::create_dir(&inside).unwrap();
    for number in 0..100 * size {
        std::fs::write(inside.join(format!("{number:05}.pcap")), capture(refused(number))).unwrap();
    }
    words(&["inspect", "files"])
}

/// A connection whose host ends it after the request.
fn refused(number: usize) -> Vec<Frame> {
    let talk = Talk::new((1024 + number % 60_000) as u16, number as u32 * 7).after(number as u64 * 50);
    talk.opened().asks(3).closed().frames
}

fn capture(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    file(&frames.into_iter().collect::<Vec<_>>(), Container::Little, 1, 1 << 16)
}
