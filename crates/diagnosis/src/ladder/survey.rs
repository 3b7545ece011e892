//! Results of the survey (`--thorough`), in the report.

use evidence::SubjectId;
use evidence::fact::{Fact, Handshake};
use evidence::telling::x224_value;
use schemars::JsonSchema;
use serde::Serialize;
use wire::machine::X224Answer;
use wire::tls::{Suites, TlsVersion};
use wire::x224::{SecurityProtocols, ServerAnswer};

use crate::case::Case;
use crate::survey::{self, Taken};

/// Everything that a host accepts.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Survey {
    /// Subject that was surveyed.
    pub subject: SubjectId,
    /// True if everything was asked and answered; false where the host stopped answering or time ran out.
    pub complete: bool,
    /// Answer to every set of protocols that was requested.
    pub negotiation: Vec<SurveyedNegotiation>,
    /// Protocols that the host selected for at least one set; null where nothing is known.
    pub protocols: SurveyedProtocols,
    /// Features that the flags of its Connection Confirms announce ([MS-RDPBCGR] 2.2.1.2.1); null where it sent none.
    pub announced: Option<SurveyedFlags>,
    /// Features accepted in each TLS version, new to old; empty where no set of protocols leads to TLS.
    pub tls: Vec<SurveyedVersion>,
}

/// Set of protocols, and the answer to it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SurveyedNegotiation {
    /// `requestedProtocols`.
    pub requested: String,
    /// Answer of the host.
    pub answer: serde_json::Value,
}

/// Protocols, each true if the host selected it for at least one set that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SurveyedProtocols {
    /// Standard RDP Security.
    pub standard: Option<bool>,
    /// TLS without CredSSP.
    pub tls: Option<bool>,
    /// CredSSP (Network Level Authentication).
    pub credssp: Option<bool>,
    /// CredSSP with the Early User Authorization Result.
    pub credssp_early_authorization: Option<bool>,
    /// RDSTLS.
    pub rdstls: Option<bool>,
    /// Microsoft Entra authentication (RDSAAD).
    pub entra: Option<bool>,
}

/// Features that the flags of a Connection Confirm announce.
#[allow(clippy::struct_excessive_bools, reason = "they are the flags of the specification")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SurveyedFlags {
    /// `EXTENDED_CLIENT_DATA_SUPPORTED`.
    pub extended_client_data: bool,
    /// `DYNVC_GFX_PROTOCOL_SUPPORTED`: the graphics pipeline.
    pub graphics_pipeline: bool,
    /// `RESTRICTED_ADMIN_MODE_SUPPORTED`.
    pub restricted_admin: bool,
    /// `REDIRECTED_AUTHENTICATION_MODE_SUPPORTED`: Remote Credential Guard.
    pub remote_credential_guard: bool,
}

/// Features that a host accepts in one TLS version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SurveyedVersion {
    /// `1.0` to `1.3`.
    pub version: String,
    /// True if it accepts the version; null where it gave no clear answer.
    pub accepted: Option<bool>,
    /// Suites, by registered name, the host's favourite first.
    pub suites: Vec<String>,
    /// Groups, by registered name.
    pub groups: Vec<String>,
    /// Signature algorithms that it uses with its certificate, by registered name (TLS 1.2 and 1.3).
    pub signatures: Vec<String>,
    /// Size of its prime in bits, where it accepts suites with DHE.
    pub prime_bits: Option<usize>,
}

impl Survey {
    /// Collects what is known about a host; `None` if it was not surveyed.
    pub(crate) fn of(case: Case<'_>) -> Option<Self> {
        let surveyed = |fact: &Fact| matches!(fact, Fact::SurveyedNegotiation { .. } | Fact::SurveyedHandshake { .. });
        case.seen(move |fact| surveyed(fact).then_some(())).next()?;
        let tls: Vec<_> = survey::VERSIONS.into_iter().map(|version| SurveyedVersion::of(case, version)).collect();
        let reached = survey::tunnel(case).is_none() || tls.iter().all(|version| version.accepted.is_some());
        Some(Self {
            subject: case.subject,
            complete: survey::next(case).is_none()
                && survey::every_set_answered(case)
                && !survey::hangs_up_on_all(case)
                && reached,
            negotiation: negotiation(case),
            protocols: SurveyedProtocols::of(case),
            announced: SurveyedFlags::of(case),
            tls,
        })
    }
}

fn negotiation(case: Case<'_>) -> Vec<SurveyedNegotiation> {
    let mut answers: Vec<_> = survey::negotiations(case).map(|seen| seen.value).collect();
    answers.sort_by_key(|(requested, _)| requested.0);
    answers.dedup_by_key(|(requested, _)| requested.0);
    let row = |(requested, answer): (SecurityProtocols, &X224Answer)| SurveyedNegotiation {
        requested: requested.to_string(),
        answer: x224_value(answer),
    };
    answers.into_iter().map(row).collect()
}

impl SurveyedProtocols {
    fn of(case: Case<'_>) -> Self {
        Self {
            standard: selected(case, SecurityProtocols::RDP),
            tls: selected(case, SecurityProtocols::SSL),
            credssp: selected(case, SecurityProtocols::HYBRID),
            credssp_early_authorization: selected(case, SecurityProtocols::HYBRID_EX),
            rdstls: selected(case, SecurityProtocols::RDSTLS),
            entra: selected(case, SecurityProtocols::RDSAAD),
        }
    }
}

/// True if the protocol was ever selected, false if it was requested, answered, and never selected.
fn selected(case: Case<'_>, protocol: SecurityProtocols) -> Option<bool> {
    let asked = survey::negotiations(case).filter(|seen| seen.value.0.contains(protocol));
    let mut known = None;
    for seen in asked {
        let X224Answer::Server(answer) = seen.value.1 else { continue };
        let chosen = matches!(answer, ServerAnswer::Selected { protocol: chosen, .. } if *chosen == protocol);
        known = Some(known == Some(true) || chosen);
    }
    known
}

impl SurveyedFlags {
    fn of(case: Case<'_>) -> Option<Self> {
        let flags = survey::negotiations(case).filter_map(|seen| match seen.value.1 {
            X224Answer::Server(ServerAnswer::Selected { flags, .. }) => Some(*flags),
            _ => None,
        });
        let flags = flags.reduce(|all, flags| all | flags)?;
        Some(Self {
            extended_client_data: flags & 0x01 != 0,
            graphics_pipeline: flags & 0x02 != 0,
            restricted_admin: flags & 0x08 != 0,
            remote_credential_guard: flags & 0x10 != 0,
        })
    }
}

impl SurveyedVersion {
    fn of(case: Case<'_>, version: TlsVersion) -> Self {
        let taken = Taken::of(case, version);
        let chosen = survey::hellos(case, version).find_map(|asked| match asked.answer {
            Handshake::Accepted { suite, .. } => Some(*suite),
            _ => None,
        });
        let first = Suites::NONE.with(chosen.unwrap_or_default());
        let mut suites = survey::names(first.only(|code| taken.suites.contains(code)));
        suites.extend(survey::names(taken.suites.without(first)));
        Self {
            version: version.number().to_owned(),
            accepted: accepted(case, version),
            suites,
            groups: survey::names(taken.groups),
            signatures: survey::names(taken.signatures),
            prime_bits: survey::hellos(case, version).filter_map(|asked| asked.exchange.prime_bits).min(),
        }
    }
}

/// True if the version was chosen, false if the hello that offered all of it was refused. Of a host that hangs up on
/// all, a close says nothing.
fn accepted(case: Case<'_>, version: TlsVersion) -> Option<bool> {
    let mut known = None;
    for asked in survey::hellos(case, version) {
        match asked.answer {
            Handshake::Accepted { version: Some(chosen), .. } if *chosen == version => return Some(true),
            Handshake::Closed { .. } if survey::hangs_up_on_all(case) => {}
            Handshake::Accepted { .. } | Handshake::Alert(_) | Handshake::Closed { .. } => known = Some(false),
            _ => {}
        }
    }
    known
}
