//! Command line: one declaration for parsing and help.

mod compare;
mod values;
mod watch;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use evidence::Target;
use evidence::state::Part;
use report::format::Format;
use report::formats;
use time::OffsetDateTime;

pub use compare::{CompareOptions, CompareSide};
pub use values::SummaryFormat;
pub use watch::WatchOptions;

use values::{client_help, format, parse_code, parse_lease, parse_moment, parse_network, parse_target, parse_time};

/// Finds out why a Remote Desktop connection fails, and proves it.
///
/// Diagnosing changes nothing on any machine and never tries to log on.
#[derive(Debug, Parser)]
#[command(name = "rdpdoctor", version, max_term_width = 100)]
pub struct Arguments {
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find out why connections to a host fail
    Diagnose(Box<DiagnoseOptions>),
    /// Tell what differs between a host that works and one that does not, or between two reports on one host
    Compare(CompareOptions),
    /// Find out why connections fail from files (event logs, registry hives, a mounted disk, captures, recordings of
    /// Process Monitor, .rdp files, bundles), without making a connection
    Inspect(InspectOptions),
    /// Put evidence (logs, hives, disks, captures, states) into one file without names, to send to others; or print a
    /// script that reads a Windows machine
    Collect(CollectOptions),
    /// Explain a code, a pasted message, an event, a cause, a fix or a claim, or search by words; contacts no machine
    Explain(ExplainOptions),
    /// Repair xrdp, here or on a mounted disk, or a Windows on a mounted disk: show what would be changed, and change
    /// it with --apply
    Fix(FixOptions),
    /// Take back what `fix` has changed
    Undo(UndoOptions),
    /// List what `fix` has changed
    History,
    /// Keep what `fix --confirm-within` has changed
    Confirm {
        /// The code that `fix` has shown
        code: String,
    },
    /// Wait for the code of a run, and take the run back without it
    #[command(hide = true)]
    Guard {
        /// Folder of the run
        run: PathBuf,
        /// The files are those of another machine
        #[arg(long)]
        elsewhere: bool,
    },
    /// Sign .rdp files with a publisher's certificate, on any system
    Sign(SignOptions),
    /// Show a diagnosis: run a faulty host on this computer and diagnose it
    Demo(DemoOptions),
    /// Run faulty hosts on this computer to try tools on; without names, list them
    Lab(LabOptions),
    /// Print the completions for a shell; put them where that shell looks for them
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    Man,
    /// Print files that are made from the code, as a JSON object of paths and texts
    #[command(hide = true)]
    Generate {
        /// Which files.
        files: Generated,
    },
}

/// Options of `diagnose`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 healthy, 1 a fault was found, 2 could not tell, 3 wrong use or our own failure.\n\
    With --format nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n\n\
    Examples:\n  rdpdoctor diagnose server.corp.example\n  rdpdoctor diagnose 192.0.2.7:3390 --code 0x904 --extended 0x7\n  \
    rdpdoctor diagnose [2001:db8::7] --client freerdp3 --format json\n  rdpdoctor diagnose --rdp server.rdp"
)]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub struct DiagnoseOptions {
    /// HOST or HOST:PORT; a name, an IPv4 address, or an IPv6 address with or without brackets (port 3389 if none)
    #[arg(required_unless_present_any = ["replay", "rdp"], value_parser = parse_target)]
    pub target: Option<Target>,
    /// The error code that the client shows, such as 0x904
    #[arg(long, value_name = "CODE", value_parser = parse_code, allow_hyphen_values = true)]
    pub code: Option<u32>,
    /// The extended error code that the client shows, such as 0x7
    #[arg(long, value_name = "CODE", value_parser = parse_code, requires = "code", allow_hyphen_values = true)]
    pub extended: Option<u32>,
    /// The client that has to get through: a profile, or a file with one
    #[arg(long, value_name = "PROFILE|FILE", help = client_help())]
    pub client: Option<String>,
    /// An .rdp file: gives the target (unless you name one), what the client offers and trusts, and its gateway
    #[arg(long, value_name = "FILE")]
    pub rdp: Option<PathBuf>,
    /// The client refuses a host whose certificate it does not trust, as with authentication level 1
    #[arg(long)]
    pub require_trust: bool,
    /// Also ask what no verdict needs: every TLS version, suite, group, signature algorithm and set of protocols; makes
    /// dozens of connections and may take six times the time-out; prints the whole report
    #[arg(long)]
    pub thorough: bool,
    /// Also measure the path to a host that lets anyone in, even where nothing is odd: lost packets, large packets,
    /// slow lines; makes up to 24 more connections, with pauses, and may take four times the time-out (Linux). Sends
    /// one datagram to see whether UDP is taken, and looks for the routers on the way, and for which of them resets or
    /// drops a ClientHello
    #[arg(long)]
    pub path: bool,
    /// Files and folders from the host or the client (as for `inspect`), judged together with what the probe sees
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "replay")]
    pub with: Vec<PathBuf>,
    /// Files and folders from the client's machine (hives, a mounted disk, logs): they say which client has to get
    /// through, and count as its own
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "replay")]
    pub from_client: Vec<PathBuf>,
    /// Leave out how this computer itself connects (on Windows: its policies, its TLS settings and the names of saved
    /// credentials). They are left out as well where --client, --from-client or the files tell of another client
    #[arg(long)]
    pub without_own_settings: bool,
    /// A host that is known to work (HOST or HOST:PORT): tested in the same way, to tell a fault of the host from one
    /// of this computer
    #[arg(long, value_name = "HOST", value_parser = parse_target)]
    pub control: Option<Target>,
    /// Time for the first look; further questions for a finding may take as long again
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub timeout: Duration,
    /// How to print the report
    #[arg(long, value_parser = format(), default_value = formats::ALL[0].id)]
    pub format: &'static Format,
    /// With --format nagios: WARNING if the certificate expires in fewer days than this
    #[arg(long, value_name = "DAYS", conflicts_with = "watch")]
    pub warning: Option<u32>,
    /// With --format nagios: CRITICAL if the certificate expires in fewer days than this
    #[arg(long, value_name = "DAYS", conflicts_with = "watch")]
    pub critical: Option<u32>,
    /// Print the whole report; without it, words for a terminal are one screen (24 lines)
    #[arg(long)]
    pub full: bool,
    /// Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run
    #[arg(long, value_name = "DIR")]
    pub save_commands: Option<PathBuf>,
    /// Write everything that was sent and received to a file, as text
    #[arg(long, value_name = "FILE")]
    pub transcript: Option<PathBuf>,
    /// Take names and addresses out of the transcript (the report keeps them)
    #[arg(long, requires = "transcript")]
    pub redact: bool,
    /// Replace a transcript of another host
    #[arg(long, requires = "transcript")]
    pub force: bool,
    /// Diagnose a transcript again, without a connection
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "transcript", "control"])]
    pub replay: Option<PathBuf>,
    /// Options of `--watch`
    #[command(flatten)]
    pub watching: WatchOptions,
}

/// Options of `inspect`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 healthy, 1 a fault was found, 2 could not tell, 3 wrong use or our own failure.\n\
    Ctrl-C ends the reading with what is known; a second one ends the program.\n\n\
    Examples:\n  rdpdoctor inspect\n  rdpdoctor inspect System.evtx SYSTEM SOFTWARE\n  \
    rdpdoctor inspect /mnt/windows --code 0x904 --extended 0x7\n  rdpdoctor inspect capture.pcapng server.rdp --format json"
)]
pub struct InspectOptions {
    /// Files and folders; their contents show what they are. Without any, on Windows and Linux: this computer itself
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Part that this computer plays.
    #[command(flatten)]
    pub part: OwnPart,
    /// Files and folders from the client's machine (hives, a mounted disk, logs): they say which client has to get
    /// through, and count as its own
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub from_client: Vec<PathBuf>,
    /// The time of the failed attempt (such as 2026-11-21T09:00:00Z or "2026-11-21 09:00", in UTC), by which logs are
    /// judged; the newest time in the files if none. What was captured is always judged by its own clock
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub at: Option<OffsetDateTime>,
    /// The error code that the client shows, such as 0x904
    #[arg(long, value_name = "CODE", value_parser = parse_code, allow_hyphen_values = true)]
    pub code: Option<u32>,
    /// The extended error code that the client shows, such as 0x7
    #[arg(long, value_name = "CODE", value_parser = parse_code, requires = "code", allow_hyphen_values = true)]
    pub extended: Option<u32>,
    /// The client that has to get through: a profile, or a file with one
    #[arg(long, value_name = "PROFILE|FILE", help = client_help())]
    pub client: Option<String>,
    /// The client refuses a host whose certificate it does not trust, as with authentication level 1
    #[arg(long)]
    pub require_trust: bool,
    /// How to print the report
    #[arg(long, value_parser = format(), default_value = formats::ALL[0].id)]
    pub format: &'static Format,
    /// Print the whole report; without it, words for a terminal are one screen (24 lines)
    #[arg(long)]
    pub full: bool,
    /// Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run
    #[arg(long, value_name = "DIR")]
    pub save_commands: Option<PathBuf>,
}

/// Part that this computer plays where it is read itself.
#[derive(Debug, Clone, Copy, Args)]
pub struct OwnPart {
    /// Without a path: this computer is the host, as it is taken for anyway
    #[arg(long, conflicts_with_all = ["paths", "from_client", "as_client"])]
    as_host: bool,
    /// Without a path: this computer is the one that connects, and not the host
    #[arg(long, conflicts_with_all = ["paths", "from_client"])]
    as_client: bool,
}

impl OwnPart {
    /// Returns the part.
    pub fn part(self) -> Part {
        if self.as_client && !self.as_host { Part::Client } else { Part::Host }
    }
}

/// Options of `collect`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, 2 done in part (something could not be read), 3 wrong use or failed.\n\n\
    The script of --as powershell reads and changes nothing. It was never run on a real Windows machine by us: read it \
    before you run it. Its output is read by `inspect`, `diagnose --with` and `collect`.\n\n\
    Examples:\n  rdpdoctor collect System.evtx SYSTEM SOFTWARE -o bundle.zip\n  \
    rdpdoctor collect --as powershell > state.ps1\n  rdpdoctor collect output.txt -o bundle.zip\n  \
    rdpdoctor collect bundle.zip -o redacted-again.zip")]
pub struct CollectOptions {
    /// Files and folders, as for `inspect`; also a bundle, to be redacted again. Without any, on Windows and Linux:
    /// this computer itself
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Files and folders from the client's machine: the bundle marks them as such
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub from_client: Vec<PathBuf>,
    /// Part that this computer plays.
    #[command(flatten)]
    pub part: OwnPart,
    /// The bundle to write
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Leave names, users, domains and addresses as they are
    #[arg(long)]
    pub keep_names: bool,
    /// Replace the file if it exists, unless it is one of the files to collect
    #[arg(long)]
    pub force: bool,
    /// Print a script that reads a machine, instead of collecting anything
    #[arg(long = "as", value_name = "LANGUAGE", value_enum, conflicts_with_all = ["paths", "from_client", "as_host", "as_client", "output", "keep_names", "force", "format"])]
    pub script: Option<ScriptLanguage>,
    /// How to print what is in the bundle
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub format: SummaryFormat,
}

impl CollectOptions {
    /// Iterates over everything that is to be collected.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().chain(&self.from_client).map(PathBuf::as_path)
    }
}

/// Language of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScriptLanguage {
    /// Windows PowerShell 4.0 or newer, and PowerShell 7
    Powershell,
}

/// Options of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 known, 2 not known, 3 wrong use or our own failure.\n\n\
    Examples:\n  rdpdoctor explain 0x904 0x7\n  rdpdoctor explain -1073741715\n  rdpdoctor explain event 1026\n  \
    rdpdoctor explain STATUS_LOGON_FAILURE\n  rdpdoctor explain private-key-unusable\n  rdpdoctor explain rename MachineKeys\n  rdpdoctor explain - < message.txt")]
pub struct ExplainOptions {
    /// Codes in any form, names, the text of a message, the XML of an event, the id of a cause, a fix or a claim, or
    /// words to search for; `-` reads standard input
    #[arg(required = true, value_name = "WORDS", allow_negative_numbers = true)]
    pub words: Vec<String>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = ExplainFormat::Human)]
    pub format: ExplainFormat,
    /// Print everything that is known, not just the dozen lines that matter most
    #[arg(long)]
    pub full: bool,
}

/// Format in which an answer of `explain` is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// words for a terminal
    Human,
    /// the published JSON, schema rdpdoctor-explain/1
    Json,
}

/// Options of `fix`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --apply nothing is changed. Every change is written down before it is made; `rdpdoctor undo` goes back.\n\n\
    Exit status without --apply: 0 nothing to do, 1 there are changes, or a fault that takes a person, 2 could not tell,\n\
    3 wrong use or failure.\n\
    With --apply: 0 applied and verified, 1 rolled back (or refused by you), 2 applied but not verified, 3 failed.\n\n\
    Examples:\n  rdpdoctor fix\n  sudo rdpdoctor fix --apply\n  rdpdoctor fix /mnt/server --for certificate-expired --apply --yes\n  \
    rdpdoctor fix --save plan.json"
)]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub struct FixOptions {
    /// The root of a mounted disk, an xrdp.ini or its folder; without it, this machine. Nothing outside of it is
    /// changed: of an xrdp.ini alone, nothing outside of its folder. New keys and certificates go beside the xrdp.ini
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
    /// The server of this machine that is meant, where it has both
    #[arg(long, value_enum, conflicts_with = "path")]
    pub server: Option<LinuxServer>,
    /// Mend only this cause; may be given again
    #[arg(long = "for", value_name = "CAUSE")]
    pub causes: Vec<String>,
    /// Use only this fix; may be given again
    #[arg(long, value_name = "FIX")]
    pub only: Vec<String>,
    /// Addresses or networks that the firewall of this machine is to let in, where it lets nobody in to the server
    #[arg(long, value_name = "ADDRESS[/BITS]", num_args = 1.., value_parser = parse_network, conflicts_with_all = ["path", "from"])]
    pub addresses: Vec<String>,
    /// Make the changes
    #[arg(long)]
    pub apply: bool,
    /// Do not ask before the changes are made
    #[arg(long, requires = "apply")]
    pub yes: bool,
    /// Write the plan to a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Take the plan from a file; it is refused if the machine has changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["causes", "only"])]
    pub from: Option<PathBuf>,
    /// Take everything back after this time, unless the code that is shown is typed: `rdpdoctor confirm CODE`, best in
    /// a new session, which shows that one can still get in
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "apply")]
    pub confirm_within: Option<Duration>,
    /// With --confirm-within: an attempt from this address keeps the changes as well, once xrdp's own logs show TLS
    /// with it, or a logon from it
    #[arg(long, value_name = "ADDRESS", requires = "confirm_within")]
    pub confirm_from: Option<IpAddr>,
    /// Let a setting be weaker than before for this time, a day at most (30m if none is named); then everything is
    /// taken back
    #[arg(long, value_name = "TIME", value_parser = parse_lease, conflicts_with = "confirm_within")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "30m")]
    pub lease: Option<Duration>,
    /// Finish a run that was cut off
    #[arg(long, conflicts_with_all = ["causes", "only", "apply", "save", "from"])]
    pub finish: bool,
}

/// Server of Linux that `fix` repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LinuxServer {
    /// xrdp
    Xrdp,
    /// GNOME Remote Desktop of the person who runs this
    Gnome,
}

/// Options of `undo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done or nothing to undo, 2 not everything (somebody changed it since), 3 failed."
)]
pub struct UndoOptions {
    /// The number of the run, as `history` lists it; without it, the last one whose changes are there
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Do not ask before it is taken back
    #[arg(long)]
    pub yes: bool,
    /// Put back what was there before, also where somebody else changed it since
    #[arg(long)]
    pub force: bool,
}

/// Options of `sign`.
#[derive(Debug, Args)]
#[command(
    after_help = "The signature covers what rdpsign covers: where the file leads, its gateway, programs and redirections. \
    Our own reader verifies each file before it is written. A client trusts the publisher only if its certificate leads \
    to a root that it trusts. We never tried the files on a real Windows machine.\n\n\
    The password of a PFX or an encrypted key is asked for; or --password-stdin; or RDPDOCTOR_KEY_PASSWORD.\n\n\
    Exit status: 0 all signed, 2 some, 3 none, or wrong use.\n\n\
    Examples:\n  rdpdoctor sign server.rdp --key publisher.pfx\n  \
    rdpdoctor sign share/ --key key.pem --certificate chain.pem --output signed/\n  \
    rdpdoctor sign share/ --key publisher.pfx --check"
)]
pub struct SignOptions {
    /// .rdp files, and folders with such files
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The publisher's key: a PFX with its certificate, or PEM (RSA, 2048 to 4096 bits)
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The publisher's certificate in PEM, perhaps with its chain, if it is not in the file of the key
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Read the key's password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Write the signed files to this folder; without it, each takes its old one's place, which is kept as FILE.bak
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Only say what would be signed; write nothing
    #[arg(long, conflicts_with = "output")]
    pub check: bool,
    /// How to print what was done
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub format: SummaryFormat,
}

/// Options of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 if the fault was found, 2 if not, 3 if the demonstration could not run.")]
pub struct DemoOptions {
    /// The scenario to show; `rdpdoctor lab` lists them
    #[arg(default_value = crate::demo::DEFAULT)]
    pub scenario: String,
    /// How to print the report; only human has words about the scenario beside it
    #[arg(long, value_parser = format(), default_value = formats::ALL[0].id)]
    pub format: &'static Format,
    /// Print the whole report
    #[arg(long)]
    pub full: bool,
    /// Write the commands of the report (proofs, fixes, next steps) to this folder, each as a script to read and run
    #[arg(long, value_name = "DIR")]
    pub save_commands: Option<PathBuf>,
}

/// Options of `lab`.
#[derive(Debug, Args)]
pub struct LabOptions {
    /// Scenarios to run until Ctrl-C
    pub scenarios: Vec<String>,
    /// List every scenario, near misses among them, with what it is
    #[arg(long, conflicts_with = "scenarios")]
    pub all: bool,
}

/// Files that are made from the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generated {
    /// The reference pages of the book.
    Book,
    /// The JSON Schemas of the report and of what `explain` answers.
    Schema,
    /// The man page.
    Man,
    /// The completions of every shell.
    Completions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
