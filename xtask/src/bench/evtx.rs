//! `cargo xtask bench evtx`: the time to read large event logs, beside `evtx_dump` (the `evtx` crate's own program, in
//! its fast way: `-t 1 -o jsonl`) and python-evtx.
//!
//! Each log is made of the chunks of a real log in `RDPDOCTOR_TEST_DATA`, over and over, with numbers that go on. Each
//! peer turns every entry into JSON or text, as its users have it do; ours keeps only entries that mean something for
//! Remote Desktop. All use one core. What counts is the processor's time, in turns: the machine may be busy.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{python, shell};

const MEGABYTE: u64 = 1 << 20;
/// Size of each log that is timed.
const TIMED: u64 = 100 * MEGABYTE;
/// Size of the log whose reading must not take more memory.
const LARGE: u64 = 1024 * MEGABYTE;
/// Size of the log for python-evtx, which takes its time.
const SMALL: u64 = 2 * MEGABYTE;
const ROUNDS: usize = 5;
const EVTX_CRATE: &str = "=0.15.1";
/// Channels, by their files.
const CHANNELS: [&str; 3] = ["System", "RemoteConnectionManager-Operational", "RdpCoreTS-Operational"];

const PYTHON: &str =
    "import sys, Evtx.Evtx as e\nwith e.Evtx(sys.argv[1]) as log: print(sum(len(r.xml()) > 0 for r in log.records()))";

/// Runs the comparison.
pub fn evtx(root: &Path) -> Result<bool> {
    let data = std::env::var_os("RDPDOCTOR_TEST_DATA").context("RDPDOCTOR_TEST_DATA names no folder of real logs")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("bench-evtx");
    fs::create_dir_all(folder.join("src"))?;
    shell::stream(shell::cargo(root, &["build", "--release", "-p", "rdpdoctor"]))?;
    let data = PathBuf::from(data).join("evtx");
    let rdpdoctor = target.join("release/rdpdoctor");
    let ours = |file: &Path| command(&rdpdoctor, &["inspect", "--format", "json"], file);
    let python = python::environment(root, "readers", python::READERS)?.join("python3");
    let peer = match peer(&folder) {
        Ok(peer) => Some(peer),
        Err(error) => {
            println!("evtx_dump is left out: {error:#}");
            None
        }
    };
    let mut ahead = true;
    for channel in CHANNELS {
        let chunks = chunks(&data.join(format!("{channel}.evtx")))?;
        let (timed, small) = (folder.join("timed.evtx"), folder.join("small.evtx"));
        write(&timed, &chunks, TIMED)?;
        write(&small, &chunks, SMALL)?;
        let mut tools = vec![("rdpdoctor", ours(&timed), TIMED)];
        if let Some(peer) = &peer {
            tools.push(("evtx_dump", command(peer, &["-t", "1", "-o", "jsonl"], &timed), TIMED));
        }
        tools.push(("python-evtx", command(&python, &["-c", PYTHON], &small), SMALL));
        println!("{channel}, {} MiB:", TIMED / MEGABYTE);
        ahead &= compare(&mut tools)?;
        println!("memory: {} MiB", peak(&mut ours(&timed))?);
        if let Some(peer) = &peer {
            println!("memory of evtx_dump: {} MiB", peak(&mut command(peer, &["-t", "1", "-o", "jsonl"], &timed))?);
        }
    }
    let large = folder.join("large.evtx");
    let all: Vec<_> =
        CHANNELS.iter().map(|channel| chunks(&data.join(format!("{channel}.evtx")))).collect::<Result<_>>()?;
    write(&large, &all.concat(), LARGE)?;
    let memory = peak(&mut ours(&large))?;
    println!("a log of {} MiB takes {memory} MiB of memory", LARGE / MEGABYTE);
    fs::remove_file(large)?;
    Ok(memory < 64 && ahead)
}

/// Returns the chunks of a log.
fn chunks(log: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(log).with_context(|| format!("read {}", log.display()))?;
    let all = bytes.get(4096..).unwrap_or_default().chunks_exact(65536);
    let chunks: Vec<Vec<u8>> = all.filter(|chunk| chunk.starts_with(b"ElfChnk\0")).map(<[u8]>::to_vec).collect();
    if chunks.is_empty() { bail!("no chunks in {}", log.display()) } else { Ok(chunks) }
}

/// Numbers the records of a chunk from `first` on, in its head and theirs, as a log that goes on would; returns the
/// next number.
fn renumber(chunk: &mut [u8], first: u64) -> u64 {
    let long =
        |chunk: &[u8], at: usize| chunk.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    let (mut at, mut number) = (512, first);
    while chunk.get(at..at + 4) == Some(b"**\0\0") {
        let Some(size) = long(chunk, at + 4).and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 28)
        else {
            break;
        };
        if at + size > chunk.len() {
            break;
        }
        chunk[at + 8..at + 16].copy_from_slice(&number.to_le_bytes());
        (at, number) = (at + size, number + 1);
    }
    for (place, value) in [(8, first), (16, number - 1), (24, first), (32, number - 1)] {
        chunk[place..place + 8].copy_from_slice(&value.to_le_bytes());
    }
    number
}

fn write(file: &Path, chunks: &[Vec<u8>], size: u64) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    let count = u16::try_from(size / 65536).unwrap_or(u16::MAX);
    let mut head = vec![0; 4096];
    head[..8].copy_from_slice(b"ElfFile\0");
    head[16..24].copy_from_slice(&u64::from(count - 1).to_le_bytes());
    for (place, number) in [(32, 128_u16), (36, 1), (38, 3), (40, 4096), (42, count)] {
        head[place..place + 2].copy_from_slice(&number.to_le_bytes());
    }
    out.write_all(&head)?;
    let mut number = 1;
    for chunk in chunks.iter().cycle().take(usize::from(count)) {
        let mut chunk = chunk.clone();
        number = renumber(&mut chunk, number);
        out.write_all(&chunk)?;
    }
    Ok(out.flush()?)
}

fn command(program: &Path, arguments: &[&str], file: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Builds the crate's own program, outside of this workspace.
fn peer(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("bin/evtx_dump");
    if !program.exists() {
        let mut build = Command::new("cargo");
        build.args(["install", "--quiet", "--locked", "--version", EVTX_CRATE, "--bin", "evtx_dump", "evtx", "--root"]);
        shell::stream({
            build.arg(folder).current_dir(folder);
            build
        })?;
    }
    Ok(program)
}

/// Times the tools in turns; true if the first one takes least of the processor's time for each byte.
fn compare(tools: &mut [(&str, Command, u64)]) -> Result<bool> {
    let mut times: Vec<Vec<f64>> = tools.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for ((_, command, size), times) in tools.iter_mut().zip(&mut times) {
            let rate = f64::from(u32::try_from(*size / MEGABYTE)?) / processor(command)?.as_secs_f64().max(0.001);
            if round > 0 {
                times.push(rate);
            }
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|rates| median(rates)).collect();
    println!("{:<12} {:>22} {:>8}", "tool", "MiB a processor second", "ratio");
    for ((name, ..), rate) in tools.iter().zip(&medians) {
        println!("{name:<12} {rate:>22.1} {:>7.1}x", medians[0] / rate);
    }
    Ok(medians.iter().skip(1).all(|rate| *rate < medians[0]))
}

/// Runs a program and returns the time that it took of the processor, as the shell counts it.
fn processor(program: &Command) -> Result<Duration> {
    let mut shell = Command::new("bash");
    shell.args(["-c", "TIMEFORMAT='%U %S'; time \"$@\" >/dev/null 2>&1", "bash"]).arg(program.get_program());
    let told = shell.args(program.get_args()).output()?.stderr;
    let seconds = String::from_utf8_lossy(&told).split_whitespace().map(str::parse::<f64>).sum::<Result<f64, _>>();
    Ok(Duration::from_secs_f64(seconds.context("the shell told no times")?))
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Returns the most memory that a program held, in MiB.
fn peak(command: &mut Command) -> Result<u64> {
    let mut child = command.spawn()?;
    let mut most = 0;
    while child.try_wait()?.is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let held = line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = held.unwrap_or_default().max(most);
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(most / 1024)
}
