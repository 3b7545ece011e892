//! Time and memory that a run of the program takes, as the kernel counts them.

use std::fs::{File, read_to_string};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest that a run may take before it is ended.
const LONGEST: Duration = Duration::from_mins(4);
const LOOK: Duration = Duration::from_millis(2);

/// File of the folder that becomes the standard input, if it is there.
pub const STDIN: &str = "stdin";

pub struct Measured {
    /// Exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// CPU seconds.
    pub cpu: f64,
    /// Highest resident size, in KiB.
    pub peak: u64,
    /// False if the report tells nothing of what was read: no file was understood.
    pub read: bool,
    pub complaint: String,
}

/// Returns the command in a folder, within an address space of this many KiB.
pub fn inside(folder: &Path, arguments: &[String], space: Option<u64>) -> Command {
    let limit = space.map_or(String::new(), |space| format!("ulimit -v {space}; "));
    let mut command = Command::new("sh");
    // the shell becomes the program, so that what is counted is the program's
    command.arg("-c").arg(format!("{limit}exec \"$@\"")).arg("sh").arg(env!("CARGO_BIN_EXE_rdpdoctor"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    command
}

/// Runs it to its end.
pub fn measured(folder: &Path, arguments: &[String], space: Option<u64>) -> Measured {
    let (said, complaint) = (folder.join("said"), folder.join("complaint"));
    let mut command = inside(folder, arguments, space);
    let input = File::open(folder.join(STDIN)).map_or_else(|_| Stdio::null(), Stdio::from);
    command.stdin(input).stdout(File::create(&said).unwrap()).stderr(File::create(&complaint).unwrap());
    let mut child = command.spawn().unwrap();
    let place = format!("/proc/{}", child.id());
    let began = Instant::now();
    let mut peak = 0;
    // it is looked at until it is a zombie, whose times can still be read
    loop {
        let status = read_to_string(format!("{place}/status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let kib = field("VmHWM:").split(' ').next().and_then(|number| number.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if field("State:").starts_with('Z') {
            break;
        }
        if began.elapsed() > LONGEST {
            child.kill().unwrap();
        }
        std::thread::sleep(LOOK);
    }
    let cpu = cpu(&place);
    let status = child.wait().unwrap().code();
    let complaint = read_to_string(complaint).unwrap_or_default();
    let report = read_to_string(said).unwrap_or_default();
    let told = |line: &str| {
        line.contains(", judged for ") || ["  ok ", "  warn ", "  FAIL "].iter().any(|mark| line.starts_with(mark))
    };
    let read = arguments[0] != "inspect" || report.lines().any(told);
    Measured { status, cpu, peak, read, complaint }
}

/// Reads the CPU time of the process with all its threads: hundredths of a second, as Linux tells them to programs.
fn cpu(place: &str) -> f64 {
    let stat = read_to_string(format!("{place}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime and stime, the fields 14 and 15; the name of the program, the second, was cut off
    let ticks: f64 = fields.get(11..13).map_or(0.0, |two| two.iter().filter_map(|n| n.parse::<f64>().ok()).sum());
    (ticks / 100.0).max(0.01)
}
