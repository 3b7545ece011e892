//! Labels for the machines and addresses in a report, and the report's head.

use std::collections::BTreeSet;

use diagnosis::Role;
use diagnosis::printable::counted;
use diagnosis::report::{Diagnosis, ReportSubject};

/// Labels a machine, where several recorded ones play the same part.
pub(super) fn machine(diagnosis: &Diagnosis, subject: usize) -> Option<String> {
    let who = diagnosis.subjects.get(subject).filter(|who| who.address.is_none())?;
    let alike = diagnosis.subjects.iter().filter(|other| other.role == who.role && other.address.is_none());
    (alike.count() > 1).then(|| label(who))
}

/// Labels the subject of a finding, where it could be another's: also one of several addresses.
pub(super) fn whose(diagnosis: &Diagnosis, subject: usize) -> Option<String> {
    let who = diagnosis.subjects.get(subject)?;
    let alike = diagnosis.subjects.iter().filter(|other| other.role == who.role && other.role != Role::Resolver);
    (alike.count() > 1).then(|| label(who))
}

/// Writes the heading above its rungs.
pub(super) fn gateway_heading(who: &ReportSubject) -> String {
    let name = who.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let place = match (&who.address, who.port) {
        (Some(address), Some(port)) if address.contains(':') => format!("at [{address}]:{port}"),
        (Some(address), Some(port)) => format!("at {address}:{port}"),
        _ => "through a web proxy".to_owned(),
    };
    format!("the client's connection to the gateway{name} {place}, as captured")
}

/// Returns the address, or else the name.
pub(super) fn label(who: &ReportSubject) -> String {
    match (&who.address, who.port, &who.name) {
        (Some(address), Some(port), _) if port != 3389 && address.contains(':') => format!("[{address}]:{port}"),
        (Some(address), Some(port), _) if port != 3389 => format!("{address}:{port}"),
        (Some(address), ..) => address.clone(),
        (None, _, Some(name)) => name.clone(),
        (None, _, None) => "a machine without a name".to_owned(),
    }
}

/// Writes the head: the machines that are judged, and the client.
pub(super) fn head(diagnosis: &Diagnosis) -> String {
    let hosts = || diagnosis.subjects.iter().filter(|who| who.role == Role::Host);
    let own: BTreeSet<&str> = hosts().filter_map(|who| who.client.as_deref()).collect();
    let client = &diagnosis.client.name;
    let basis = match (diagnosis.client.source.as_str(), diagnosis.client.profile.as_str()) {
        ("evidence", "captured") => " (what it offers is what the capture shows)".to_owned(),
        ("evidence", profile) => format!(" (what its registry says, the rest as {profile})"),
        ("this-computer", profile) => format!(" (this computer's own settings, the rest as {profile})"),
        _ => String::new(),
    };
    if let Some(target) = &diagnosis.target {
        return format!("{} port {}, for {client}{basis}", target.host, target.port);
    }
    let (addresses, machines) = (hosts().filter(|who| who.address.is_some()).count(), recorded(diagnosis).count());
    if addresses + machines < 2 {
        return format!("the evidence, for {client}{basis}");
    }
    let addresses = (addresses > 0).then(|| {
        let each = match (own.is_empty(), addresses) {
            (true, _) => "",
            (false, 1) => " (for its own client)",
            (false, _) => " (each for its own client)",
        };
        format!("{}{each}", counted(addresses, "address", "addresses"))
    });
    let machines = (machines > 0).then(|| counted(machines, "machine", "machines"));
    let what: Vec<String> = addresses.into_iter().chain(machines).collect();
    // a log of several machines is a piece for each of them
    let files: BTreeSet<&String> = diagnosis.files.iter().collect();
    let files = counted(files.len(), "file", "files");
    format!("{files}: {}, judged for {client}{basis}", what.join(" and "))
}

/// Iterates over recorded machines; one that is both host and client counts once.
fn recorded(diagnosis: &Diagnosis) -> impl Iterator<Item = &ReportSubject> {
    let seen: BTreeSet<usize> = diagnosis.stages.iter().map(|stage| stage.subject).collect();
    let mut names = BTreeSet::new();
    diagnosis.subjects.iter().filter(move |who| {
        let told = who.address.is_none() && matches!(who.role, Role::Host | Role::Client) && seen.contains(&who.id);
        told && who.name.as_ref().is_none_or(|name| names.insert(name))
    })
}
