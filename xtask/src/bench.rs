//! `cargo xtask bench`: the time to a verdict on real servers, beside the peers, in turns in one run; the time to judge
//! one host, and to read an event log; how time and memory grow with what is read.
//!
//! Timings are ratios of one run on one machine; they are printed, never asserted.

mod evtx;
mod servers;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{python, shell};
pub use evtx::evtx;
use servers::Server;

/// Rounds that are counted; one more comes first and is not.
const ROUNDS: usize = 5;
/// Longest time that a tool may take.
const LIMIT: Duration = Duration::from_mins(3);

/// Program that looks at a server.
struct Tool {
    name: &'static str,
    command: fn(&Programs, u16) -> Vec<String>,
}

/// Paths of the programs.
struct Programs {
    rdpdoctor: PathBuf,
    sslyze: PathBuf,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "rdpdoctor",
        command: |p, port| words(&[&p.rdpdoctor.display().to_string(), "diagnose", &at(port), "--format", "json"]),
    },
    Tool {
        name: "--thorough",
        command: |p, port| {
            let program = p.rdpdoctor.display().to_string();
            words(&[&program, "diagnose", &at(port), "--thorough", "--format", "json"])
        },
    },
    Tool { name: "sslscan", command: |_, port| words(&["sslscan", "--rdp", "--no-colour", &at(port)]) },
    Tool {
        name: "sslyze",
        command: |p, port| {
            let program = p.sslyze.display().to_string();
            words(&[&program, "--starttls", "rdp", "--certinfo", "--tlsv1_2", "--tlsv1_3", &at(port)])
        },
    },
    Tool {
        name: "nmap",
        command: |_, port| {
            let scripts = "+rdp-enum-encryption,+rdp-ntlm-info";
            words(&["nmap", "-n", "-Pn", "-p", &port.to_string(), "--script", scripts, "127.0.0.1"])
        },
    },
];

/// Facts, each with the words by which a tool's output shows that it reports it.
const FACTS: &[(&str, &[&str])] = &[
    ("certificate's end", &["certificate.not_after", "Not valid after", "Not After"]),
    ("TLS version agreed", &["\"version\": \"1.", "Accepted  TLS", "TLSv1.3   enabled", "TLS 1.3 Cipher Suites"]),
    ("security protocols", &["x224.answer", "CredSSP", "RDSTLS"]),
    ("every suite of TLS 1.2", &["\"prime_bits\"", "Preferred TLSv1.2", "TLS 1.2 Cipher Suites"]),
    ("every group", &["\"groups\": [\n            \"", "Server Key Exchange Group"]),
    ("signature algorithms", &["\"signatures\": [\n            \"", "Server Signature Algorithm"]),
    ("every set of protocols", &["\"negotiation\": ["]),
    ("NTLM names and build", &["ntlm.computer", "NetBIOS_Computer_Name", "Product_Version"]),
    ("clock difference", &["clock.offset_seconds"]),
];

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs the comparison on xrdp and on FreeRDP's shadow server with NLA.
pub fn one(root: &Path) -> Result<bool> {
    let programs = prepare(root)?;
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder).context("make target/bench")?;
    for server in [servers::xrdp(&folder)?, servers::shadow(&folder)?] {
        compare(&programs, &server)?;
    }
    Ok(true)
}

/// Runs the judge on recorded hosts: a healthy one, and broken ones.
pub fn judge(root: &Path) -> Result<bool> {
    shell::stream(shell::cargo(root, &["bench", "-p", "diagnosis", "--bench", "judge"]))?;
    Ok(true)
}

/// Reads every kind of input at three sizes, and fails where time or memory is above its limit.
pub fn grow(root: &Path) -> Result<bool> {
    let test = ["test", "--quiet", "-p", "rdpdoctor", "--features", "legacy-tls", "--test", "growth"];
    let mut command = shell::cargo(root, &[&test[..], &["--", "--nocapture", "grow_no_faster"]].concat());
    command.env("RDPDOCTOR_GROW", "all");
    shell::stream(command)?;
    Ok(true)
}

fn prepare(root: &Path) -> Result<Programs> {
    for program in ["sslscan", "nmap", "xrdp", "freerdp-shadow-cli", "Xvfb", "winpr-hash", "openssl", "python3"] {
        if !shell::has_program(program) {
            bail!(
                "{program} is missing: apt-get install sslscan nmap xrdp freerdp2-shadow-x11 winpr-utils xvfb openssl python3-venv"
            );
        }
    }
    shell::stream(shell::cargo(root, &["build", "--release", "-p", "rdpdoctor", "--features", "legacy-tls"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let sslyze = python::environment(root, "bench/python", &["sslyze==6.3.1"])?.join("sslyze");
    Ok(Programs { rdpdoctor: target.join("release/rdpdoctor"), sslyze })
}

fn compare(programs: &Programs, server: &Server) -> Result<()> {
    println!("\n{} ({ROUNDS} rounds in turns after one warm-up)", server.name);
    let mut times: Vec<Vec<Duration>> = TOOLS.iter().map(|_| Vec::new()).collect();
    let mut said: Vec<String> = TOOLS.iter().map(|_| String::new()).collect();
    for round in 0..=ROUNDS {
        for (number, tool) in TOOLS.iter().enumerate() {
            let (time, output) = run(&(tool.command)(programs, server.port)).with_context(|| tool.name)?;
            if round > 0 {
                times[number].push(time);
            }
            said[number] = output;
        }
    }
    let (verdict, survey) = (median(&mut times[0]), median(&mut times[1]));
    println!(
        "{:<12} {:>10} {:>10} {:>10} {:>11} {:>13}",
        "tool", "min", "median", "max", "to verdict", "to --thorough"
    );
    for (tool, times) in TOOLS.iter().zip(&mut times) {
        let median = median(times);
        let (min, max) = (times[0], times[times.len() - 1]);
        let ratio = |ours: Duration| median.as_secs_f64() / ours.as_secs_f64();
        println!(
            "{:<12} {:>7.0} ms {:>7.0} ms {:>7.0} ms {:>10.1}x {:>12.1}x",
            tool.name,
            ms(min),
            ms(median),
            ms(max),
            ratio(verdict),
            ratio(survey)
        );
    }
    println!("\n{:<24} {}", "fact", TOOLS.iter().map(|tool| format!("{:<11}", tool.name)).collect::<String>());
    for (fact, signs) in FACTS {
        let found = |text: &String| if signs.iter().any(|sign| text.contains(sign)) { "yes" } else { "-" };
        println!("{fact:<24} {}", said.iter().map(|text| format!("{:<11}", found(text))).collect::<String>());
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Runs a tool to its end; returns its time and its output.
fn run(command: &[String]) -> Result<(Duration, String)> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let began = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {program}"))?;
    let time = began.elapsed();
    if time > LIMIT {
        bail!("{program} took {time:?}");
    }
    Ok((time, String::from_utf8_lossy(&output.stdout).into_owned()))
}
