//! `rdpdoctor diagnose`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use collect::evidence::Gathered;
use collect::probe::{self, Probe};
use diagnosis::diagnose::Run;
use diagnosis::report::Diagnosis;
use diagnosis::{Context, client};
use evidence::fact::Fact;
use evidence::observe::observe;
use evidence::rdp_file::{RdpFileRecord, RdpSettings, Routing};
use evidence::target::TargetError;
use evidence::{ClientProfile, Evidence, ProfileSource, Symptom, Target, TimeSource, events};
use report::format::{Expiry, Style};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use wire::transcript::Transcript;

use crate::arguments::DiagnoseOptions;
use crate::output_file::OutputFile;
use crate::reading::{self, stopped};
use crate::{report_output, terminal, this_computer};

/// Most bytes of a profile that are read.
const PROFILE_LIMIT: u64 = 64 * 1024;
/// Target that was named, or why the text names none.
type Named = Option<Result<Target, TargetError>>;

/// Most bytes of a transcript that are read.
const TRANSCRIPT_LIMIT: u64 = 64 * 1024 * 1024;

/// Runs the command and returns the exit status.
pub fn run(options: &DiagnoseOptions) -> anyhow::Result<u8> {
    let expiry = Expiry { warning: options.warning, critical: options.critical };
    if expiry != Expiry::default() && options.format.status.is_none() {
        return Err(anyhow!("--warning and --critical belong to --format nagios"));
    }
    // a transcript that cannot be written must not take the diagnosis with it
    let mut failure = None;
    let error = match diagnosed(options, &mut failure) {
        Ok(mut diagnosis) => {
            report_output::name_files(&mut diagnosis, &options.with, &options.from_client);
            // a survey was asked for, and no screen has room for it
            let style = Style { expiry, ..terminal::style(options.full || options.thorough) };
            return report_output::print(&diagnosis, options.format, style, options.save_commands.as_deref(), failure);
        }
        Err(error) => error,
    };
    let Some((text, status)) = options.format.fail(&format!("{error:#}")) else { return Err(error) };
    terminal::hand_out(&text)?;
    Ok(status)
}

fn diagnosed(options: &DiagnoseOptions, failure: &mut Option<anyhow::Error>) -> anyhow::Result<Diagnosis> {
    let at = truncated(OffsetDateTime::now_utc());
    let gathered = gathered(options, at);
    let base = for_client(options, &gathered, at)?;
    let (base, named) = with_rdp_file(options, base)?;
    let context = |target, at| Context { target, at, ..base.clone() };
    if let Some(file) = &options.replay {
        let transcript = read_transcript(file)?;
        let (seen, context) = of_transcript(&transcript, &base)?;
        let evidence = evidence(seen, &gathered, &context);
        return Ok(diagnosis::diagnose(&evidence, &context, Run::default()));
    }
    match named {
        Some(Ok(target)) => live(options, &gathered, context(Some(target), at), failure),
        // the address itself is the fault: there is nobody to ask
        Some(Err(_)) => {
            let context = context(None, at);
            let evidence = evidence(Evidence::default(), &gathered, &context);
            Ok(diagnosis::diagnose(&evidence, &context, Run::default()))
        }
        None => Err(no_target(options.rdp.as_deref())),
    }
}

/// Returns what a transcript shows, and the context of its attempt.
pub fn of_transcript(transcript: &Transcript, base: &Context) -> anyhow::Result<(Evidence, Context)> {
    let target =
        Target::parse(&host_and_port(transcript)).map_err(|error| anyhow!("read transcript: target: {error}"))?;
    let context = Context { target: Some(target), at: transcript.at, ..base.clone() };
    Ok((observe(transcript), context))
}

/// Returns the context with what the `.rdp` file says, and the target that the options or else the file names.
fn with_rdp_file(options: &DiagnoseOptions, base: Context) -> anyhow::Result<(Context, Named)> {
    let Some(file) = options.rdp.as_deref() else { return Ok((base, options.target.clone().map(Ok))) };
    let (record, routing) = read_rdp_file(file)?;
    let settings = RdpSettings(&record);
    let context = Context {
        profile: settings.applied_to(base.profile),
        profile_source: ProfileSource::RdpFile,
        require_trust: options.require_trust || settings.requires_trust(),
        gateway: settings.gateway(),
        routing,
        ..base
    };
    Ok((context, options.target.clone().map(Ok).or_else(|| settings.target())))
}

/// Returns the context of a watch, with its target.
pub fn to_watch(options: &DiagnoseOptions) -> anyhow::Result<Context> {
    let at = OffsetDateTime::now_utc();
    let base = for_client(options, &gathered(options, at), at)?;
    match with_rdp_file(options, base)? {
        (context, Some(Ok(target))) => Ok(Context { target: Some(target), ..context }),
        (_, Some(Err(error))) => Err(anyhow!("the .rdp file names no address that can be watched: {error}")),
        (_, None) => Err(no_target(options.rdp.as_deref())),
    }
}

fn no_target(rdp: Option<&Path>) -> anyhow::Error {
    match rdp {
        Some(file) => anyhow!("{} names no address (full address): name the target as well", file.display()),
        None => anyhow!("a target, --rdp or --replay is needed"),
    }
}

fn read_rdp_file(file: &Path) -> anyhow::Result<(RdpFileRecord, Routing)> {
    let read = collect::evidence::rdp_file_routing(file);
    let (record, routing) = read.with_context(|| format!("read .rdp file {}", file.display()))?;
    for name in &routing.unsendable {
        let why = "it is too long for a request, or has characters that a request cannot hold";
        terminal::complain(&format!("{name} of {} is not sent: {why}", file.display()));
    }
    Ok((record, routing))
}

/// Truncates to whole microseconds, so that a transcript read back equals the one that was written.
pub fn truncated(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_microsecond(time.microsecond()).unwrap_or(time)
}

fn live(
    options: &DiagnoseOptions,
    gathered: &Gathered,
    context: Context,
    failure: &mut Option<anyhow::Error>,
) -> anyhow::Result<Diagnosis> {
    let target = context.target.clone().context("a live probe has a target")?;
    let mut probe = Probe::new(context, target);
    probe.clients = captured_clients(gathered, probe.context.at);
    probe.budget.timeout = options.timeout;
    probe.budget.path = options.path;
    probe.budget.doubted = shows_trouble(gathered, probe.context.at);
    probe.progress = terminal::progress();
    let beside = options.control.as_ref().map(|control| {
        let context = Context { target: Some(control.clone()), ..probe.context.clone() };
        let mut beside = Probe::new(context, control.clone());
        (beside.budget, beside.progress) = (probe.budget, Arc::clone(&probe.progress));
        beside
    });
    let run = drive_all([&probe].into_iter().chain(&beside))?;
    terminal::clear_progress();
    let transcript = probe.seen();
    if let Some(file) = &options.transcript {
        let written = write_transcript(file, &transcript, options);
        *failure = written.with_context(|| format!("write transcript {}", file.display())).err();
    }
    let here = evidence(observe(&transcript), gathered, &probe.context);
    Ok(match beside.filter(|_| !run.interrupted) {
        None => diagnosis::diagnose(&here, &probe.context, run),
        Some(beside) => {
            let there = (&observe(&beside.seen()), &beside.context);
            diagnosis::control::diagnose_beside(&here, &probe.context, run, there)
        }
    })
}

/// True if a log among the files has an entry of a connection that did not work.
fn shows_trouble(gathered: &Gathered, at: OffsetDateTime) -> bool {
    recorded(gathered, at).observations.iter().any(|seen| match &seen.fact {
        Fact::LogEvent(entry) => events::find(&entry.provider, entry.id).is_some_and(|known| !known.normal),
        _ => false,
    })
}

/// Writes a transcript and says so. It replaces an older transcript of the same host, but no other file, and none
/// without names by one with names.
fn write_transcript(file: &Path, transcript: &Transcript, options: &DiagnoseOptions) -> anyhow::Result<()> {
    let redacted = transcript.redacted();
    let kept = |path: &Path| {
        if std::fs::metadata(path).is_ok_and(|about| about.len() == 0) {
            return None;
        }
        let before = text_of(path, TRANSCRIPT_LIMIT).ok().and_then(|text| text.parse::<Transcript>().ok());
        match before {
            None => Some("it exists and is no transcript".to_owned()),
            Some(before) if !options.redact && before == before.redacted() && *transcript != redacted => {
                Some("it exists without names (--redact), and this one would have them".to_owned())
            }
            Some(before) if !options.force && !same_host(&before, transcript) && !same_host(&before, &redacted) => {
                let host = host_and_port(&before);
                Some(format!("it exists, and is of another host ({host}): name another file, or --force"))
            }
            Some(_) => None,
        }
    };
    let client = options.client.iter().map(Path::new);
    let inputs = client.chain([&options.rdp, &options.replay].into_iter().flatten().map(PathBuf::as_path));
    let inputs: Vec<&Path> =
        inputs.chain(options.with.iter().chain(&options.from_client).map(PathBuf::as_path)).collect();
    let text = if options.redact { &redacted } else { transcript }.to_string();
    OutputFile { path: file, inputs: &inputs, kept: &kept }.write(text.as_bytes())?;
    let names = if options.redact { "without names" } else { "with names and addresses; --redact takes them out" };
    terminal::complain(&format!("transcript written to {} ({names})", file.display()));
    Ok(())
}

/// True if both are of one host, by the name that was typed.
fn same_host(one: &Transcript, other: &Transcript) -> bool {
    one.host.eq_ignore_ascii_case(&other.host) && one.port == other.port
}

/// Gathers the records of the machines. This computer is the client that has to get through, unless something tells of
/// another.
fn gathered(options: &DiagnoseOptions, at: OffsetDateTime) -> Gathered {
    let files: Vec<PathBuf> = options.rdp.iter().chain(&options.with).cloned().collect();
    let gathered = reading::shown(|| collect::evidence::gather(&files).with_client(&options.from_client));
    let asked_for = options.client.is_some() || options.replay.is_some() || !options.from_client.is_empty();
    if asked_for || options.without_own_settings || client::is_told(&recorded(&gathered, at)) {
        return gathered;
    }
    this_computer::as_client(gathered, at)
}

/// Returns what the records of the machines tell.
fn recorded(gathered: &Gathered, at: OffsetDateTime) -> Evidence {
    let mut evidence = Evidence::default();
    gathered.observe(&mut evidence, at);
    evidence
}

/// Sets up the client it is judged for, before an `.rdp` file says more: the one that was named, or whose own registry
/// was recorded, because the probe has to ask what matters to that one.
fn for_client(options: &DiagnoseOptions, gathered: &Gathered, at: OffsetDateTime) -> anyhow::Result<Context> {
    let mut context = Context {
        symptom: options.code.map(|code| Symptom { code, extended: options.extended }),
        require_trust: options.require_trust,
        thorough: options.thorough,
        // a transcript may come from another machine
        on_linux: cfg!(target_os = "linux") && options.replay.is_none(),
        ..plain_context(options.client.as_deref(), at)?
    };
    if context.profile_source == ProfileSource::Default
        && let Some(client) = client::recorded(&recorded(gathered, context.at), &context)
    {
        (context.profile, context.profile_source) = if this_computer::is_client(gathered) {
            (ClientProfile { name: "the client here".to_owned(), ..client }, ProfileSource::ThisComputer)
        } else {
            (client, ProfileSource::Evidence)
        };
    }
    Ok(context)
}

/// Returns the context of an attempt of which nothing but the client is known.
pub fn plain_context(client: Option<&str>, at: OffsetDateTime) -> anyhow::Result<Context> {
    let (profile, profile_source) = profile(client)?;
    Ok(Context {
        target: None,
        profile,
        profile_source,
        at: truncated(at),
        at_source: TimeSource::Attempt,
        symptom: None,
        capabilities: probe::capabilities(),
        require_trust: false,
        gateway: None,
        routing: Routing::default(),
        thorough: false,
        on_linux: false,
    })
}

/// Lists the captured clients among the files, by the hosts that they connected to.
fn captured_clients(gathered: &Gathered, at: OffsetDateTime) -> Vec<(SocketAddr, ClientProfile)> {
    let Evidence { subjects, clients, .. } = recorded(gathered, at);
    clients.into_iter().filter_map(|(host, client)| Some((subjects[host].address?, client))).collect()
}

/// Joins the probe's evidence with the records of the machines.
fn evidence(seen: Evidence, gathered: &Gathered, context: &Context) -> Evidence {
    let mut evidence = seen;
    gathered.observe(&mut evidence, context.at);
    evidence
}

/// Runs a probe to its end or until it is stopped, whichever comes first, and returns everything seen until then.
pub fn drive(probe: &Probe) -> anyhow::Result<(Transcript, Run)> {
    let run = drive_all([probe])?;
    Ok((probe.seen(), run))
}

/// Runs several probes at the same time, so that all take no longer than one; see [`drive`].
pub fn drive_all<'a>(probes: impl IntoIterator<Item = &'a Probe>) -> anyhow::Result<Run> {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let all = async {
        let mut running = JoinSet::new();
        for probe in probes {
            let probe = probe.clone();
            running.spawn(async move { drop(probe.run().await) });
        }
        running.join_all().await;
    };
    let interrupted = runtime.block_on(async {
        tokio::select! {
            () = all => false,
            () = stopped() => true,
        }
    });
    // a resolver that still waits for an answer must not keep the report waiting
    runtime.shutdown_background();
    Ok(Run { seconds: rounded(began.elapsed()), interrupted })
}

/// Converts to seconds with three decimals.
fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Finds a profile by name, or reads it from a file of that name; the default one if none is named.
pub fn profile(client: Option<&str>) -> anyhow::Result<(ClientProfile, ProfileSource)> {
    let Some(client) = client else {
        return Ok((ClientProfile::find(evidence::profile::DEFAULT)?, ProfileSource::Default));
    };
    let path = Path::new(client);
    if path.extension().is_some() || path.is_file() {
        let text = text_of(path, PROFILE_LIMIT).with_context(|| format!("read client profile {client}"))?;
        return Ok((ClientProfile::parse(&text)?, ProfileSource::Option));
    }
    Ok((ClientProfile::find(client)?, ProfileSource::Option))
}

fn read_transcript(file: &Path) -> anyhow::Result<Transcript> {
    let text = text_of(file, TRANSCRIPT_LIMIT).with_context(|| format!("read transcript {}", file.display()))?;
    text.parse().with_context(|| file.display().to_string())
}

/// Reads the text of a regular file of at most `limit` bytes.
fn text_of(path: &Path, limit: u64) -> anyhow::Result<String> {
    Ok(String::from_utf8(collect::evidence::bytes(path, limit)?)?)
}

/// Writes the target as it is typed.
pub fn host_and_port(transcript: &Transcript) -> String {
    let host = &transcript.host;
    if host.contains(':') { format!("[{host}]:{}", transcript.port) } else { format!("{host}:{}", transcript.port) }
}
