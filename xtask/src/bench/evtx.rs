//! `cargo xtask bench evtx`: the time to read a large event log, beside the `evtx` crate used plainly and python-evtx.
//!
//! The log is made of the chunks of the real logs in `RDPDOCTOR_TEST_DATA`, over and over. Each peer turns every entry
//! into JSON or text, as its users have it do; ours keeps only entries that mean something for Remote Desktop. All use
//! one core.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{python, shell};

const MEGABYTE: u64 = 1 << 20;
/// Size of the log that is timed; the crate takes its time.
const TIMED: u64 = 256 * MEGABYTE;
/// Size of the log whose reading must not take more memory.
const LARGE: u64 = 1024 * MEGABYTE;
const ROUNDS: usize = 3;

const PEER_MANIFEST: &str = "[package]\nname = \"peer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
                             evtx = { version = \"=0.15.1\", default-features = false }\n";
const PEER: &str = r#"fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let settings = evtx::ParserSettings::default().num_threads(1);
    let mut parser = evtx::EvtxParser::from_path(path).expect("open").with_configuration(settings);
    println!("{}", parser.records_json_value().filter(|record| record.is_ok()).count());
}
"#;
const PYTHON: &str =
    "import sys, Evtx.Evtx as e\nwith e.Evtx(sys.argv[1]) as log: print(sum(len(r.xml()) > 0 for r in log.records()))";

/// Runs the comparison.
pub fn evtx(root: &Path) -> Result<bool> {
    let data = std::env::var_os("RDPDOCTOR_TEST_DATA").context("RDPDOCTOR_TEST_DATA names no folder of real logs")?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("bench-evtx");
    fs::create_dir_all(folder.join("src"))?;
    shell::stream(shell::cargo(root, &["build", "--release", "-p", "rdpdoctor"]))?;
    let chunks = chunks(&PathBuf::from(data).join("evtx"))?;
    let (timed, large, small) = (folder.join("timed.evtx"), folder.join("large.evtx"), folder.join("small.evtx"));
    for (file, size) in [(&timed, TIMED), (&large, LARGE), (&small, 2 * MEGABYTE)] {
        write(file, &chunks, size)?;
    }
    let ours = |file: &Path| command(&target.join("release/rdpdoctor"), &["inspect", "--format", "json"], file);
    let mut tools: Vec<(&str, Command, u64)> = vec![("rdpdoctor", ours(&timed), TIMED)];
    match peer(&folder) {
        Ok(peer) => tools.push(("evtx crate", command(&peer, &[], &timed), TIMED)),
        Err(error) => println!("the evtx crate is left out: {error:#}"),
    }
    let python = python::environment(root, "readers", python::READERS)?.join("python3");
    tools.push(("python-evtx", command(&python, &["-c", PYTHON], &small), 2 * MEGABYTE));
    compare(&mut tools)?;
    let memory = peak(&mut ours(&large))?;
    println!("a log of {} MiB takes {memory} MiB of memory", LARGE / MEGABYTE);
    fs::remove_file(large)?;
    Ok(memory < 64)
}

/// Returns the chunks of the logs that are about Remote Desktop.
fn chunks(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let mut chunks = Vec::new();
    for name in ["RdpCoreTS-Operational.evtx", "RemoteConnectionManager-Operational.evtx"] {
        let log = fs::read(folder.join(name)).with_context(|| format!("read {name}"))?;
        let whole =
            log.get(4096..).unwrap_or_default().chunks_exact(65536).filter(|chunk| chunk.starts_with(b"ElfChnk\0"));
        chunks.extend(whole.map(<[u8]>::to_vec));
    }
    if chunks.is_empty() { bail!("no chunks in {}", folder.display()) } else { Ok(chunks) }
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
    for chunk in chunks.iter().cycle().take(usize::from(count)) {
        out.write_all(chunk)?;
    }
    Ok(out.flush()?)
}

fn command(program: &Path, arguments: &[&str], file: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).stdout(Stdio::null());
    command
}

/// Builds a program of a few lines that uses the crate plainly, outside of this workspace.
fn peer(folder: &Path) -> Result<PathBuf> {
    fs::write(folder.join("Cargo.toml"), PEER_MANIFEST)?;
    fs::write(folder.join("src/main.rs"), PEER)?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--quiet", "--target-dir", "target"]).current_dir(folder);
    shell::stream(build)?;
    Ok(folder.join("target/release/peer"))
}

fn compare(tools: &mut [(&str, Command, u64)]) -> Result<()> {
    let mut times: Vec<Vec<f64>> = tools.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        for ((_, command, size), times) in tools.iter_mut().zip(&mut times) {
            let began = Instant::now();
            command.status()?;
            let rate = f64::from(u32::try_from(*size / MEGABYTE)?) / began.elapsed().as_secs_f64();
            if round > 0 {
                times.push(rate);
            }
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|rates| median(rates)).collect();
    println!("{:<12} {:>14} {:>8}", "tool", "MiB a second", "ratio");
    for ((name, ..), rate) in tools.iter().zip(&medians) {
        println!("{name:<12} {rate:>14.1} {:>7.1}x", medians[0] / rate);
    }
    Ok(())
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
