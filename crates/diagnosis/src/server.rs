//! The program that serves Remote Desktop at an address, guessed from its answers. A guess leads to no verdict: it says
//! which advice and which logs fit.
//!
//! Seen of real servers: xrdp 0.9.21, weston 10 and FreeRDP shadow 2.11 (settings, NTLM), GNOME Remote Desktop 43 and
//! ironrdp-server 0.13 (NTLM), PyRDP 2 (NTLM; its source, security/nla.py). Of VirtualBox is known what rdesktop
//! issue 319 shows in its own log.
//! Names and numbers of other servers are as they give them themselves, and anyone may give any.

use evidence::Because;
use evidence::fact::{Fact, Handshake};
use evidence::telling::version_text;
use schemars::JsonSchema;
use serde::Serialize;
use wire::machine::{ConnectionSequenceAnswer, End, X224Answer};
use wire::ntlm::WindowsVersion;
use wire::tls::TlsVersion;
use wire::x224::{SecurityProtocols, ServerAnswer};

use crate::case::{Case, Seen};
use crate::cause::Confidence;

pub mod advice;

/// Kind of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// Remote Desktop Services of Windows.
    Windows,
    /// xrdp.
    Xrdp,
    /// FreeRDP's server library: FreeRDP shadow, weston, GNOME.
    FreeRdp,
    /// ironrdp-server.
    IronRdp,
    /// VirtualBox' own (VRDP).
    VirtualBox,
    /// PyRDP, which sits between client and host.
    PyRdp,
    /// None of Windows since Windows 8.
    Other,
}

impl Program {
    /// Returns its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::Xrdp => "xrdp",
            Self::FreeRdp => "a server with FreeRDP's library (weston, GNOME, FreeRDP shadow)",
            Self::IronRdp => "ironrdp-server",
            Self::VirtualBox => "VirtualBox",
            Self::PyRdp => "PyRDP (a program between client and host)",
            Self::Other => "another server than that of a current Windows",
        }
    }
}

/// Guess, with how sure it is and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// Kind of the server.
    pub program: Program,
    /// `proven` is never said.
    pub confidence: Confidence,
    /// Observation that it rests on.
    pub because: Because,
}

/// `version` of every server but Windows since Windows 10.
const RDP_5: u32 = 0x0008_0004;
/// The number that FreeRDP 2 gives itself in NTLM: that of Windows 7, which knows no TLS 1.3.
const WINDOWS_7: WindowsVersion = WindowsVersion { major: 6, minor: 1, build: 7601 };

/// The number that PyRDP gives itself in NTLM.
const PYRDP: WindowsVersion = WindowsVersion { major: 6, minor: 2, build: 3790 };

/// Guesses the server at an address.
pub fn server(case: Case<'_>) -> Option<Guess> {
    let ways = [by_ultimatum, by_hanging_up, by_settings, by_ntlm, by_choice];
    ways.into_iter().find_map(|way| way(case))
}

fn guess<T>(program: Program, confidence: Confidence, seen: &Seen<T>, text: String) -> Guess {
    Guess { program, confidence, because: Because { observation: seen.id, text } }
}

/// xrdp hangs up in the words of MCS where others send a failure, an alert, or nothing.
fn by_ultimatum(case: Case<'_>) -> Option<Guess> {
    let hung_up = |answer: &X224Answer| *answer == X224Answer::Server(ServerAnswer::DisconnectProviderUltimatum);
    let x224 = case.x224().find(|seen| hung_up(seen.value.1)).map(|seen| Seen { value: (), id: seen.id });
    let in_clear = |answer: &Handshake| match answer {
        Handshake::NotTls(bytes) => ServerAnswer::decode(bytes) == Ok(ServerAnswer::DisconnectProviderUltimatum),
        _ => false,
    };
    let tls = || case.tls().find(|seen| in_clear(seen.value.1)).map(|seen| Seen { value: (), id: seen.id });
    let seen = x224.or_else(tls)?;
    let text = "it hung up with an MCS Disconnect Provider Ultimatum in the clear, as xrdp does";
    Some(guess(Program::Xrdp, Confidence::Likely, &seen, text.to_owned()))
}

/// VirtualBox closes on requests for TLS where it cannot read its certificate, and serves Standard RDP Security.
fn by_hanging_up(case: Case<'_>) -> Option<Guess> {
    let plain = |answer: &X224Answer| match answer {
        X224Answer::Server(ServerAnswer::Selected { protocol, .. }) => *protocol == SecurityProtocols::RDP,
        X224Answer::Server(ServerAnswer::NoNegotiation) => true,
        _ => false,
    };
    let served = case.x224_to(SecurityProtocols::RDP).filter(|seen| plain(seen.value))?;
    let closed = |seen: Seen<&X224Answer>| matches!(seen.value, X224Answer::Closed(End::Fin));
    let text = "it hangs up on requests for TLS and serves Standard RDP Security, as VirtualBox does that cannot read its \
                certificate; VBox.log then has \"VRDP: failed to access the server certificate file\"";
    let each_time = case.tries().next().is_some() && case.tries().all(closed);
    each_time.then(|| guess(Program::VirtualBox, Confidence::Possible, &served, text.to_owned()))
}

fn by_settings(case: Case<'_>) -> Option<Guess> {
    let seen = case.settings()?;
    let ConnectionSequenceAnswer::Settings(settings) = seen.value.1 else { return None };
    let version = settings.version?;
    let (program, confidence, text) = match settings.early_capabilities {
        None if version == RDP_5 => {
            (Program::Xrdp, Confidence::Likely, "its settings end before the early capability flags, as xrdp's do")
        }
        Some(0) if version == RDP_5 => {
            (Program::FreeRdp, Confidence::Likely, "its settings say RDP 5 and no early capability, as FreeRDP's do")
        }
        Some(flags) if version > RDP_5 && flags != 0 => {
            (Program::Windows, Confidence::Possible, "its settings name a version of RDP that Windows has")
        }
        _ => return None,
    };
    Some(guess(program, confidence, &seen, text.to_owned()))
}

fn by_ntlm(case: Case<'_>) -> Option<Guess> {
    let seen = case.last(|fact| if let Fact::NtlmVersion(version) = fact { Some(*version) } else { None })?;
    let named = case.last(|fact| matches!(fact, Fact::NtlmComputer(_) | Fact::NtlmDnsComputer(_)).then_some(()));
    let tls13 = case.tls().any(|seen| match seen.value.1 {
        Handshake::Accepted { version, .. } => *version == Some(TlsVersion::Tls13),
        _ => false,
    });
    let early = case.selected().is_some_and(|selected| selected.value == SecurityProtocols::HYBRID_EX);
    let number = version_text(seen.value);
    let computer = case.last(|fact| if let Fact::NtlmComputer(name) = fact { Some(name.as_str()) } else { None });
    let (program, confidence, text) = if seen.value == PYRDP && computer.is_some_and(|seen| seen.value == "WINNT") {
        let text = format!("it calls itself WINNT, {number}, as PyRDP does whatever host is behind it");
        (Program::PyRdp, Confidence::Likely, text)
    } else if seen.value == WINDOWS_7 && tls13 {
        let text = format!("it calls itself {number} (Windows 7) and speaks TLS 1.3, as FreeRDP 2 does");
        (Program::FreeRdp, Confidence::Likely, text)
    } else if named.is_none() {
        (Program::IronRdp, Confidence::Possible, format!("it calls itself {number} and has no name"))
    } else {
        let sure = if early { Confidence::Likely } else { Confidence::Possible };
        (Program::Windows, sure, format!("it calls itself {number}"))
    };
    Some(guess(program, confidence, &seen, text))
}

/// Windows since Windows 8 selects CredSSP wherever it is offered.
fn by_choice(case: Case<'_>) -> Option<Guess> {
    let selected = case.selected().filter(|seen| seen.value == SecurityProtocols::SSL)?;
    let text = "it selected TLS although CredSSP was offered, which Windows prefers";
    Some(guess(Program::Other, Confidence::Possible, &selected, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::EVERYTHING;
    use crate::sketch::{Sketch, host};
    use wire::mcs::ConnectResponse;
    use wire::tls::TlsOffer;

    fn told(sketch: &Sketch) -> Option<(Program, Confidence)> {
        sketch.with_case(|case| server(case).map(|guess| (guess.program, guess.confidence)))
    }

    fn settings(version: u32, early_capabilities: Option<u32>) -> Option<(Program, Confidence)> {
        let response = ConnectResponse { version: Some(version), early_capabilities, ..ConnectResponse::default() };
        let answer = ConnectionSequenceAnswer::Settings(response);
        let sketch = host("192.0.2.7").selects(EVERYTHING, SecurityProtocols::SSL).tls_up(TlsVersion::Tls13);
        told(&sketch.with(Fact::Settings { requested: EVERYTHING, answer }))
    }

    #[test]
    fn settings_tell_servers_apart() {
        assert_eq!(settings(RDP_5, None), Some((Program::Xrdp, Confidence::Likely)));
        assert_eq!(settings(RDP_5, Some(0)), Some((Program::FreeRdp, Confidence::Likely)));
        assert_eq!(settings(0x0008_0010, Some(7)), Some((Program::Windows, Confidence::Possible)));
        // nobody that we have met says this: only its choice tells something
        assert_eq!(settings(0x0008_0010, None), Some((Program::Other, Confidence::Possible)));
    }

    fn ntlm(
        version: WindowsVersion,
        named: bool,
        selected: SecurityProtocols,
        tls: TlsVersion,
    ) -> Option<(Program, Confidence)> {
        let sketch = host("192.0.2.7").selects(EVERYTHING, selected).tls_up(tls).with(Fact::NtlmVersion(version));
        told(&if named { sketch.with(Fact::NtlmComputer("SERVER01".to_owned())) } else { sketch })
    }

    #[test]
    fn ntlm_is_believed_as_far_as_it_agrees_with_the_rest() {
        let (hybrid, early) = (SecurityProtocols::HYBRID, SecurityProtocols::HYBRID_EX);
        let server_2022 = WindowsVersion { major: 10, minor: 0, build: 20348 };
        let windows = |confidence| Some((Program::Windows, confidence));
        assert_eq!(ntlm(server_2022, true, early, TlsVersion::Tls13), windows(Confidence::Likely));
        assert_eq!(ntlm(server_2022, true, hybrid, TlsVersion::Tls13), windows(Confidence::Possible));
        assert_eq!(ntlm(WINDOWS_7, true, hybrid, TlsVersion::Tls12), windows(Confidence::Possible));
        let free = Some((Program::FreeRdp, Confidence::Likely));
        assert_eq!(ntlm(WINDOWS_7, true, hybrid, TlsVersion::Tls13), free);
        let iron = Some((Program::IronRdp, Confidence::Possible));
        assert_eq!(ntlm(server_2022, false, early, TlsVersion::Tls13), iron);
    }

    #[test]
    fn xrdp_hangs_up_in_its_own_way() {
        let xrdp = Some((Program::Xrdp, Confidence::Likely));
        let ultimatum = ServerAnswer::DisconnectProviderUltimatum;
        let hung_up = host("192.0.2.7").x224(EVERYTHING, X224Answer::Server(ultimatum.clone()));
        assert_eq!(told(&hung_up), xrdp);
        let agreed = host("192.0.2.7").selects(EVERYTHING, SecurityProtocols::SSL);
        let in_clear = agreed.tls(TlsOffer::MODERN, Handshake::NotTls(ultimatum.encode()));
        assert_eq!(told(&in_clear), xrdp);
    }

    #[test]
    fn virtualbox_hangs_up_on_tls_alone() {
        let closed = || host("192.0.2.7").accepted().x224(EVERYTHING, X224Answer::Closed(End::Fin));
        let rdp = SecurityProtocols::RDP;
        assert_eq!(told(&closed().selects(rdp, rdp)), Some((Program::VirtualBox, Confidence::Possible)));
        assert_eq!(told(&closed().x224(rdp, X224Answer::Closed(End::Fin))), None);
        assert_eq!(told(&closed().selects(rdp, rdp).selects(EVERYTHING, SecurityProtocols::HYBRID)), None);
    }

    #[test]
    fn pyrdp_has_a_name_of_its_own() {
        let called = |name: &str| {
            let sketch = host("192.0.2.7").selects(EVERYTHING, SecurityProtocols::HYBRID).tls_up(TlsVersion::Tls12);
            let known = sketch.with(Fact::NtlmVersion(PYRDP)).with(Fact::NtlmComputer(name.to_owned()));
            told(&known).map(|(program, _)| program)
        };
        assert_eq!(called("WINNT"), Some(Program::PyRdp));
        assert_eq!(called("SERVER01"), Some(Program::Windows));
    }

    #[test]
    fn nothing_is_guessed_from_nothing() {
        assert_eq!(told(&host("192.0.2.7").accepted()), None);
        assert_eq!(told(&host("192.0.2.7").nla().tls_up(TlsVersion::Tls13)), None);
    }
}
