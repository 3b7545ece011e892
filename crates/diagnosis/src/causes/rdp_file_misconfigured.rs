//! `rdp-file-misconfigured`: a setting of an `.rdp` file keeps the client from connecting.

use evidence::rdp_file::{GatewayUse, KNOWN, RdpFile, RdpFileRecord, RdpSetting, RdpSettings};
use evidence::state::{LISTENER, POLICY};
use evidence::target::Target;
use evidence::{Because, ProfileSource, Role, Stage};
use wire::machine::X224Answer;
use wire::x224::{NegotiationFailure, SecurityProtocols, ServerAnswer};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "rdp-file-misconfigured",
    title: "a setting in the .rdp file is wrong",
    stage: Stage::Client,
    severity: Severity::Blocking,
    role: Role::Client,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::RDP_FILE], holds: wrong },
        Proof { shows: Shows::Absence, needs: &[Need::RDP_FILE], holds: right },
    ],
    explains: &[Explains { cause: "nla-required", when: refuses_nla }],
    page: Page {
        what_happens: "The same host works with a new connection, but not with this file. What the client shows \
                       depends on the setting: a name that is not found, a gateway that cannot be reached, or a host \
                       that requires Network Level Authentication.",
        why: "Files are passed on for years and go out of date. Few settings can keep a client out: the address and \
              port, the gateway, enablecredsspsupport, negotiate security layer. Switching CredSSP off is a fault \
              only with a host that requires Network Level Authentication, and without a negotiation only the \
              consoles of Hyper-V's machines are reached (port 2179). Authentication level 1 is no fault: it refuses \
              hosts that the client does not trust, as it should.",
        confirm: "Compare these lines with a file that works. If a name appears twice, it is not documented which \
                  line counts.",
        command: "Select-String -Path FILE.rdp -Pattern '^(full address|alternate full address|server port|gateway|\
                  enablecredsspsupport|negotiate security layer|authentication level)' | Select-Object LineNumber,Line",
        how_to_fix: "Correct the setting named above, or create the file again in mstsc. Sign a signed file again.",
        references: &[
            "Microsoft: Supported RDP properties with Remote Desktop Services",
            "[MS-RDPBCGR] 5.4.2 (negotiation-based and direct approach)",
        ],
    },
    fixes: &["repair-rdp-file"],
};

/// A wrong setting: how bad it is, how sure, and its effect in words.
type Wrong = (Severity, Confidence, Because);

fn wrong(case: Case<'_>) -> Option<Ground> {
    let mut found: Vec<Wrong> = case.rdp_files().flat_map(|seen| all(case, seen)).collect();
    found.sort_by_key(|(severity, confidence, _)| (*severity, *confidence));
    let (severity, confidence, _) = found.first()?;
    let (severity, confidence) = (*severity, *confidence);
    let because = found.into_iter().map(|(_, _, because)| because).collect();
    Some(Ground::on(because).severity(severity).confidence(confidence))
}

fn right(case: Case<'_>) -> Option<Ground> {
    let open =
        |seen: Seen<&RdpFileRecord>| RdpSettings(seen.value).without_credssp() && !nla_is_optional(case, seen.value);
    (!case.rdp_files().any(open) && wrong(case).is_none()).then(Ground::nothing)
}

fn all(case: Case<'_>, seen: Seen<&RdpFileRecord>) -> Vec<Wrong> {
    let mut found: Vec<Wrong> = by_itself(seen.value)
        .into_iter()
        .map(|(severity, confidence, text)| {
            (severity, confidence, seen.because(format!("{}: {text}", seen.value.name)))
        })
        .collect();
    found.extend(nla(case, seen));
    found
}

/// Says what is wrong in the text of an `.rdp` file, the worst first, as far as the file alone shows it; nothing of a
/// text that is none.
pub fn faults(text: &str) -> Vec<String> {
    if !RdpFile::recognises(text.as_bytes()) {
        return Vec::new();
    }
    let Ok(file) = RdpFile::parse(text.as_bytes()) else { return Vec::new() };
    let mut found = by_itself(&RdpFileRecord::of("", &file));
    found.sort_by_key(|(severity, confidence, _)| (*severity, *confidence));
    found.into_iter().map(|(.., text)| text).collect()
}

fn by_itself(record: &RdpFileRecord) -> Vec<Told> {
    let settings = RdpSettings(record);
    let rules = [
        address(settings),
        port(settings),
        gateway(settings),
        unused_gateway(settings),
        gateway_itself(settings),
        entra_by_address(settings),
        entra_user(settings),
        negotiation(settings),
    ];
    rules.into_iter().flatten().chain(values(settings)).chain(contradictions(record)).collect()
}

type Told = (Severity, Confidence, String);

fn address(settings: RdpSettings<'_>) -> Option<Told> {
    let (name, written) = settings.address()?;
    let error = Target::parse(written).err()?;
    let text = format!("{name} is {written:?}, where HOST or HOST:PORT should stand: {error}");
    Some((Severity::Blocking, Confidence::Likely, text))
}

/// The port line is wrong. Where the address has its own port, or is missing, the line does not count.
fn port(settings: RdpSettings<'_>) -> Option<Told> {
    let text = format!("server port is {}, which is not between 1 and 65535", settings.wrong_port()?);
    let (_, address) = settings.address().unzip();
    let counts =
        address.is_some_and(|address| Target::parse(address).is_ok()) && matches!(settings.target(), Some(Err(_)));
    Some(if counts {
        (Severity::Blocking, Confidence::Likely, text)
    } else {
        (Severity::Advisory, Confidence::Possible, text)
    })
}

/// A gateway is demanded by settings of its own, and none is named.
fn gateway(settings: RdpSettings<'_>) -> Option<Told> {
    let severity = match settings.gateway()?.usage {
        GatewayUse::Always => Severity::Blocking,
        GatewayUse::IfDirectFails => Severity::Degrading,
    };
    let own = settings.number("gatewayprofileusagemethod") == Some(1);
    let text =
        "gatewayusagemethod asks for a gateway and gatewayhostname names none: name one, or set gatewayusagemethod:i:0";
    (own && settings.text("gatewayhostname").is_none()).then(|| (severity, Confidence::Likely, text.to_owned()))
}

/// A gateway is named, and the file says that none is used.
fn unused_gateway(settings: RdpSettings<'_>) -> Option<Told> {
    let host = settings.text("gatewayhostname")?;
    let written = settings.text("gatewayusagemethod")?.parse::<i64>().ok()?;
    let text =
        format!("gatewayhostname names {host}, and gatewayusagemethod is 0: the client does not use it; 1 or 2 does");
    (written == 0).then_some((Severity::Advisory, Confidence::Possible, text))
}

/// The client is sent through a gateway to that gateway: often the name of the target was forgotten.
fn gateway_itself(settings: RdpSettings<'_>) -> Option<Told> {
    let gateway = settings.gateway()?.host?;
    let target = settings.target()?.ok()?.host.to_string();
    let same = target.trim_end_matches('.').eq_ignore_ascii_case(gateway.trim_end_matches('.'));
    let text = format!(
        "target and gateway are both {gateway}: right only where one machine is both; else the name of the target is missing"
    );
    same.then_some((Severity::Advisory, Confidence::Possible, text))
}

/// A web account of Entra is asked for, and the target is an address.
fn entra_by_address(settings: RdpSettings<'_>) -> Option<Told> {
    let target = settings.target()?.ok()?;
    let address = target.host.to_string().parse::<std::net::IpAddr>().is_ok();
    let text = "enablerdsaadauth is 1 and the target is an address: with a web account it has to be the device's name, as \
                Microsoft Entra knows it";
    (address && settings.number("enablerdsaadauth") == Some(1))
        .then(|| (Severity::Blocking, Confidence::Likely, text.to_owned()))
}

/// The user is one of Entra, and nothing says that the target is.
fn entra_user(settings: RdpSettings<'_>) -> Option<Told> {
    let told = ["enablerdsaadauth", "targetisaadjoined"].iter().any(|name| settings.number(name) == Some(1));
    let text = "username is one of Microsoft Entra (AzureAD\\...) and neither enablerdsaadauth nor targetisaadjoined is 1: this \
                logs on only from a computer that the same tenant knows";
    (settings.names_entra_user() && !told).then(|| (Severity::Advisory, Confidence::Possible, text.to_owned()))
}

fn negotiation(settings: RdpSettings<'_>) -> Option<Told> {
    let text = "negotiate security layer is 0: the client starts with TLS, which most hosts do not expect; 1 is right";
    // the consoles of Hyper-V's machines are reached like this
    (settings.without_negotiation() && !settings.hyper_v_console())
        .then(|| (Severity::Degrading, Confidence::Likely, text.to_owned()))
}

/// Numbers outside a setting's choices, and numbers and texts in each other's place.
fn values(settings: RdpSettings<'_>) -> impl Iterator<Item = Told> {
    const CHOICES: &[(&str, i64)] = &[
        ("authentication level", 3),
        ("enablecredsspsupport", 1),
        ("negotiate security layer", 1),
        ("gatewayusagemethod", 4),
        ("gatewayprofileusagemethod", 1),
    ];
    let number = move |name, most| {
        let number = settings.number(name).filter(|number| !(0..=most).contains(number))?;
        Some(format!("{name} is {number}, which is not between 0 and {most}"))
    };
    let numbers = CHOICES.iter().filter_map(move |(name, most)| number(*name, *most));
    let kind = |setting: &RdpSetting| {
        let known = KNOWN.iter().find(|known| known.decides && known.name.eq_ignore_ascii_case(&setting.name))?;
        (known.kind != setting.kind)
            .then(|| format!("{} is of the type {}, where {} is right", known.name, setting.kind, known.kind))
    };
    let kinds = settings.0.settings.iter().filter_map(kind);
    let none = |setting: &RdpSetting| {
        let known = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(&setting.name))?;
        let unread = known.decides && known.shown && known.kind == setting.kind && setting.value.is_none();
        unread.then(|| format!("{} has no {} in it", known.name, if known.kind == 'i' { "number" } else { "value" }))
    };
    let without = settings.0.settings.iter().filter_map(none);
    numbers.chain(kinds).chain(without).map(|text| (Severity::Advisory, Confidence::Possible, text))
}

fn contradictions(record: &RdpFileRecord) -> impl Iterator<Item = Told> {
    let twice = KNOWN.iter().filter(|known| known.decides && record.contradicts_itself(known.name));
    twice.map(|known| {
        let text =
            format!("{} stands there more than once, with different values: which counts is not known", known.name);
        (Severity::Advisory, Confidence::Possible, text)
    })
}

/// CredSSP is switched off, and the host requires it.
fn nla(case: Case<'_>, seen: Seen<&RdpFileRecord>) -> Option<Wrong> {
    if !RdpSettings(seen.value).without_credssp() || !concerns(case, seen.value) {
        return None;
    }
    let (confidence, _, words) = hosts(case, seen.value).find_map(requires_nla)?;
    let text = format!("{}: enablecredsspsupport is 0, and {words}; 1 is right", seen.value.name);
    Some((Severity::Blocking, confidence, seen.because(text)))
}

fn refuses_nla(case: Case<'_>) -> bool {
    case.rdp_files().any(|seen| nla(case, seen).is_some())
}

/// True if the file is for the host that is asked about, as far as that is known.
fn concerns(case: Case<'_>, record: &RdpFileRecord) -> bool {
    let target = RdpSettings(record).target().and_then(Result::ok);
    let only = case.context.profile_source == ProfileSource::RdpFile && case.rdp_files().nth(1).is_none();
    only || case.context.target.is_none() || target == case.context.target
}

/// Hosts to which the file may lead: those asked about, and of the others those whose name or address it has.
fn hosts<'a>(case: Case<'a>, record: &RdpFileRecord) -> impl Iterator<Item = Case<'a>> {
    let target = RdpSettings(record).target().and_then(Result::ok);
    let meant = target.map(|target| target.host.to_string().to_lowercase());
    let asked = case.context.target.is_some();
    case.evidence.hosts().map(move |subject| Case { subject, ..case }).filter(move |host| {
        let who = host.who();
        let named = who.name.as_deref().map(str::to_lowercase);
        let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        match (&meant, who.address) {
            (_, Some(_)) if asked => true,
            (Some(meant), Some(address)) => *meant == address.ip().to_string(),
            (Some(meant), None) => named.is_some_and(|name| short(&name) == short(meant)),
            (None, _) => false,
        }
    })
}

fn requires_nla(host: Case<'_>) -> Option<(Confidence, usize, String)> {
    let answer = X224Answer::Server(ServerAnswer::Failure(NegotiationFailure::HYBRID_REQUIRED_BY_SERVER));
    if let Some(seen) = host.x224_to(SecurityProtocols::SSL).filter(|seen| *seen.value == answer) {
        return Some((Confidence::Proven, seen.id, format!("{} answers failure 5 without it", host.label())));
    }
    let seen = user_authentication(host).filter(|seen| seen.value == 1)?;
    Some((Confidence::Likely, seen.id, "the host's UserAuthentication is 1".to_owned()))
}

/// Reads the host's own setting, or the policy, which wins.
fn user_authentication(host: Case<'_>) -> Option<Seen<u32>> {
    let of = |path| {
        let seen = host.number(path, "UserAuthentication")?;
        Some(Seen { value: seen.value?, id: seen.id })
    };
    of(POLICY).or_else(|| of(LISTENER))
}

fn nla_is_optional(case: Case<'_>, record: &RdpFileRecord) -> bool {
    let selected = |answer: &X224Answer| matches!(answer, X224Answer::Server(ServerAnswer::Selected { .. }));
    hosts(case, record).any(|host| {
        host.x224_to(SecurityProtocols::SSL).is_some_and(|seen| selected(seen.value))
            || user_authentication(host).is_some_and(|seen| seen.value == 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, client, host, machine};
    use evidence::rdp_file::RdpSignature;

    fn file(text: &str) -> Sketch {
        client("192.0.2.7").rdp_file(text, RdpSignature::Unsigned)
    }

    #[track_caller]
    fn found(text: &str, severity: Severity, confidence: Confidence) {
        file(text).check(&CAUSE, Expect::Present(severity, confidence));
    }

    #[test]
    fn present() {
        found("full address:s:server:99999", Severity::Blocking, Confidence::Likely);
        found("full address:s:my server", Severity::Blocking, Confidence::Likely);
        found("full address:s:server\nserver port:i:0", Severity::Blocking, Confidence::Likely);
        let gateway = "gatewayusagemethod:i:1\ngatewayprofileusagemethod:i:1\ngatewayhostname:s:";
        found(gateway, Severity::Blocking, Confidence::Likely);
        found(
            &gateway.replace("method:i:1\ngatewayp", "method:i:2\ngatewayp"),
            Severity::Degrading,
            Confidence::Likely,
        );
        found("negotiate security layer:i:0", Severity::Degrading, Confidence::Likely);
    }

    #[test]
    fn what_may_be_wrong_is_only_said() {
        for text in [
            "gatewayusagemethod:i:7",
            "authentication level:i:9",
            "enablecredsspsupport:s:0",
            "full address:s:one\nfull address:s:two",
            "enablecredsspsupport:i:zwei",
            "full address:s:server\nserver port:i:abc",
            "full address:s:\nserver port:i:99999",
            "full address:s:server:3390\nserver port:i:0",
            "screen mode id:i:2\nfull address:s",
            "screen mode id:i:2\nenablecredsspsupport:1",
        ] {
            found(text, Severity::Advisory, Confidence::Possible);
        }
        found("full address:s:RDS Farm\nalternate full address:s:no host", Severity::Blocking, Confidence::Likely);
    }

    #[test]
    fn the_line_that_is_wrong_is_named() {
        for port in ["0", "99999"] {
            let report = file(&format!("full address:s:server\nserver port:i:{port}")).diagnose();
            let told = &report.findings[0].because;
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].text, format!("server.rdp: server port is {port}, which is not between 1 and 65535"));
            // the first fix is about this setting and no other
            let fix = crate::fixes::find(&report.findings[0].fixes[0]).unwrap();
            let steps = crate::fixes::powershell::texts(fix);
            let general = steps.iter().position(|step| step.starts_with("Write the line")).unwrap();
            assert!(steps[..general].iter().all(|step| !step.contains("enablecredsspsupport")));
        }
    }

    #[test]
    fn near_miss_the_console_of_a_machine_of_hyper_v() {
        let console = "full address:s:host\nserver port:i:2179\npcb:s:6a3c2f1e-1111-2222-3333-444455556666\n\
                       negotiate security layer:i:0";
        file(console).check(&CAUSE, Expect::Absent);
        file(&console.replace("server port:i:2179\n", "")).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn credssp_off_is_a_fault_with_a_host_that_requires_it() {
        let off = || {
            host("192.0.2.7")
                .accepted()
                .rdp_file("full address:s:192.0.2.7\nenablecredsspsupport:i:0", RdpSignature::Unsigned)
        };
        let asked = off().fails(SecurityProtocols::SSL, NegotiationFailure::HYBRID_REQUIRED_BY_SERVER);
        asked.check_client(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Proven));
        let registry = off().dword(LISTENER, "UserAuthentication", 1);
        registry.check_client(&CAUSE, Expect::Present(Severity::Blocking, Confidence::Likely));
        let explained = asked.profile_with(|profile| profile.protocols = SecurityProtocols::SSL).diagnose();
        assert_eq!(explained.findings[0].cause, CAUSE.id);
        assert_eq!(explained.findings[0].root_of, ["nla-required"]);
    }

    #[test]
    fn near_miss_credssp_off_with_a_host_that_does_without() {
        let off = || {
            host("192.0.2.7")
                .accepted()
                .rdp_file("full address:s:192.0.2.7\nenablecredsspsupport:i:0", RdpSignature::Unsigned)
        };
        off().selects(SecurityProtocols::SSL, SecurityProtocols::SSL).check_client(&CAUSE, Expect::Absent);
        let policy = off().dword(LISTENER, "UserAuthentication", 1).dword(POLICY, "UserAuthentication", 0);
        policy.check_client(&CAUSE, Expect::Absent);
    }

    #[test]
    fn near_miss_the_file_is_of_another_host() {
        let other = host("192.0.2.7")
            .accepted()
            .rdp_file("full address:s:other\nenablecredsspsupport:i:0", RdpSignature::Unsigned);
        let other = other.fails(SecurityProtocols::SSL, NegotiationFailure::HYBRID_REQUIRED_BY_SERVER);
        other.check_client(&CAUSE, Expect::Unknown);
    }

    /// A folder with an `.rdp` file and the hive of another machine.
    #[test]
    fn near_miss_the_settings_are_of_another_machine() {
        let of = |name: &str| {
            let text = format!("full address:s:{name}\nenablecredsspsupport:i:0");
            machine().dword(LISTENER, "UserAuthentication", 1).rdp_file(&text, RdpSignature::Unsigned).without_target()
        };
        of("other.corp.example").check_client(&CAUSE, Expect::Unknown);
        let its_own = Expect::Present(Severity::Blocking, Confidence::Likely);
        of("server01.corp.example").check_client(&CAUSE, its_own);
    }

    #[test]
    fn near_miss_a_file_that_is_in_order() {
        for text in [
            "full address:s:server:3390\nauthentication level:i:1",
            "full address:s:server\nfull address:s:server",
            "gatewayusagemethod:i:1\ngatewayprofileusagemethod:i:1\ngatewayhostname:s:gateway",
            "gatewayusagemethod:i:1\ngatewayprofileusagemethod:i:0\ngatewayhostname:s:",
            "gatewayusagemethod:i:4\ngatewayprofileusagemethod:i:0\ngatewayhostname:s:",
            "screen mode id:i:2",
        ] {
            file(text).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn present_where_gateway_and_target_or_account_do_not_fit() {
        let through = "gatewayhostname:s:gw1.example.com\ngatewayusagemethod:i:1\ngatewayprofileusagemethod:i:1\n";
        found(&format!("full address:s:gw1.example.com\n{through}"), Severity::Advisory, Confidence::Possible);
        found("full address:s:192.0.2.10\nenablerdsaadauth:i:1", Severity::Blocking, Confidence::Likely);
        found("full address:s:host\nusername:s:AzureAD\\user@corp.example", Severity::Advisory, Confidence::Possible);
        found(
            "full address:s:host\ngatewayhostname:s:gw\ngatewayusagemethod:i:0",
            Severity::Advisory,
            Confidence::Possible,
        );
    }

    #[test]
    fn near_miss_gateway_and_account_that_fit() {
        let through = "gatewayhostname:s:gw1.example.com\ngatewayusagemethod:i:1\ngatewayprofileusagemethod:i:1\n";
        for text in [
            format!("full address:s:host.example.com\n{through}"),
            "full address:s:host\nenablerdsaadauth:i:1".to_owned(),
            "full address:s:host\nusername:s:AzureAD\\user@corp.example\nenablerdsaadauth:i:1".to_owned(),
            "full address:s:host\nusername:s:CORP\\user".to_owned(),
            "full address:s:192.0.2.10\nenablerdsaadauth:i:0".to_owned(),
            "full address:s:host\ngatewayusagemethod:i:0\ngatewayhostname:s:".to_owned(),
        ] {
            file(&text).check(&CAUSE, Expect::Absent);
        }
    }

    #[test]
    fn unseen() {
        client("192.0.2.7").check(&CAUSE, Expect::Unknown);
        // no host was asked
        file("enablecredsspsupport:i:0").check(&CAUSE, Expect::Unknown);
    }
}
