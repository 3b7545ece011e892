//! Faults of an xrdp that its own files show: its settings, its certificate and key, and whether it may read them.
//!
//! Measured with xrdp 0.9.21: a key or certificate that it cannot read leaves it with Standard RDP Security
//! (`negotiate`) or with nothing (`tls`); digits of `port` are taken for ports wherever they stand.

use evidence::moment::{moment, rfc3339};
use evidence::printable::printable;
use evidence::state::{Xrdp, XrdpFile};
use evidence::{Because, Fact};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Severity};
use crate::stage::tls::uses_key;

impl<'a> Case<'a> {
    /// Returns the settings of the machine's xrdp.
    pub fn xrdp(self) -> Option<Seen<&'a Xrdp>> {
        self.machine()?.last(|fact| if let Fact::Xrdp(xrdp) = fact { Some(xrdp) } else { None })
    }
}

/// True if one of these reasons is what the settings of an xrdp say.
pub(crate) fn shows(case: Case<'_>, because: &[Because]) -> bool {
    let of_settings = |id: usize| case.evidence.observations.get(id.wrapping_sub(1)).map(|seen| &seen.fact);
    because.iter().any(|reason| matches!(of_settings(reason.observation), Some(Fact::Xrdp(_))))
}

/// Returns the title of a cause where that of Windows does not fit.
pub(crate) fn title(case: Case<'_>, of: &Cause) -> Option<&'static str> {
    let fits = of.id == "private-key-unusable" && unreadable(case).is_some();
    fits.then_some("xrdp may not read its private key or its certificate")
}

/// Way in which xrdp secures a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Plain,
    Tls,
    Either,
}

fn layer(xrdp: &Xrdp) -> Layer {
    match xrdp.security_layer.as_deref().map(|layer| layer.trim().to_ascii_lowercase()).as_deref() {
        Some("rdp") => Layer::Plain,
        Some("tls") => Layer::Tls,
        // anything else, and nothing, is taken for `negotiate`
        _ => Layer::Either,
    }
}

/// The settings, where a certificate matters and no handshake has shown that it and its key are in order.
fn in_question(case: Case<'_>) -> Option<Seen<&Xrdp>> {
    let seen = case.xrdp()?;
    let used = case.at_addresses().any(|at| at.tls().any(|seen| uses_key(seen.value.1)));
    (layer(seen.value) != Layer::Plain && !used).then_some(seen)
}

/// Weighs a certificate or key that xrdp cannot use: with `tls` nobody gets in, else those who take Standard RDP
/// Security do.
fn weighed(case: Case<'_>, xrdp: &Xrdp, ground: Ground) -> Ground {
    let plain = layer(xrdp) == Layer::Either && case.context.profile.standard_security;
    ground.severity(if plain { Severity::Degrading } else { Severity::Blocking })
}

fn files(xrdp: &Xrdp) -> [(&'static str, &XrdpFile); 2] {
    [("certificate", &xrdp.certificate), ("private key", &xrdp.key)]
}

/// The account that xrdp runs as may not read its key or its certificate.
pub(crate) fn unreadable(case: Case<'_>) -> Option<Ground> {
    let seen = in_question(case)?;
    let user = seen.value.user.as_deref()?;
    let shut = |(_, file): &(_, &XrdpFile)| file.exists == Some(true) && file.readable == Some(false);
    let (what, file) = files(seen.value).into_iter().find(shut)?;
    let mode = file.mode.map_or(String::new(), |mode| format!(" (mode {mode:04o})"));
    let text = format!(
        "xrdp runs as {}, which may not read its {what} {}{mode}",
        printable(user),
        printable(file.place.as_deref().unwrap_or(&file.path))
    );
    Some(weighed(case, seen.value, Ground::on(vec![seen.because(text)])))
}

/// A certificate or key that is set is not there.
pub(crate) fn missing(case: Case<'_>) -> Option<Ground> {
    let seen = in_question(case)?;
    let (what, file) = files(seen.value).into_iter().find(|(_, file)| file.exists == Some(false))?;
    let text = format!("xrdp is to use the {what} {}, which is not there", printable(&file.path));
    Some(weighed(case, seen.value, Ground::on(vec![seen.because(text)])))
}

/// Certificate and key do not belong together.
pub(crate) fn mismatched(case: Case<'_>) -> Option<Ground> {
    let seen = in_question(case).filter(|seen| seen.value.key_matches == Some(false))?;
    let text = format!(
        "the private key {} is not that of the certificate {}",
        printable(&seen.value.key.path),
        printable(&seen.value.certificate.path)
    );
    Some(Ground::on(vec![seen.because(text)]))
}

/// The certificate has expired, and no handshake showed which one is in use.
pub(crate) fn expired(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp().filter(|seen| layer(seen.value) != Layer::Plain)?;
    let shown = case.at_addresses().any(|at| at.not_after().is_some());
    let until = moment(seen.value.not_after.as_deref()?).filter(|until| !shown && case.context.at > *until)?;
    let text =
        format!("the certificate {} was valid until {}", printable(&seen.value.certificate.path), rfc3339(until));
    Some(Ground::on(vec![seen.because(text)]))
}

/// `security_layer=rdp`: TLS is never offered.
pub(crate) fn plain(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp().filter(|seen| layer(seen.value) == Layer::Plain)?;
    let ground = Ground::on(vec![seen.because("xrdp.ini says security_layer=rdp")]);
    Some(if case.context.profile.standard_security { ground } else { ground.severity(Severity::Blocking) })
}

/// Port that xrdp makes of the text of its setting.
#[derive(Debug, PartialEq, Eq)]
enum Ports {
    /// It listens where the text says.
    Sound,
    /// On nothing.
    None,
    /// The text was taken apart, and somebody most likely mistyped it.
    Torn,
}

fn ports(text: &str) -> Ports {
    let mut found = false;
    for word in text.split(|letter: char| letter.is_whitespace() || letter == ',').filter(|word| !word.is_empty()) {
        if ["unix:", "vsock:"].iter().any(|start| word.starts_with(start)) {
            found = true;
            continue;
        }
        // behind the address, if there is one: its digits are none of a port
        let port = if word.contains("//") { word.rsplit([':', '/']).next().unwrap_or(word) } else { word };
        let digits = port.bytes().filter(u8::is_ascii_digit).count();
        if digits == 0 {
            continue;
        }
        // a number that is cut by something else, or that is no port
        let number = port.parse::<u16>().ok().filter(|number| *number > 0);
        if number.is_none() && port.starts_with(|first: char| first.is_ascii_digit()) {
            return Ports::Torn;
        }
        found = true;
    }
    if found { Ports::Sound } else { Ports::None }
}

/// `port` names no port: xrdp listens on nothing, or elsewhere than anybody expects.
pub(crate) fn no_port(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp()?;
    let port = seen.value.port.as_deref()?;
    if case.at_addresses().any(Case::tcp_accepted) {
        return None;
    }
    let (told, confidence) = match ports(port) {
        Ports::Sound => return None,
        Ports::None => ("names no port: xrdp listens on nothing", Confidence::Proven),
        Ports::Torn => ("is no port: xrdp takes its digits for others", Confidence::Likely),
    };
    let text = format!("port={} in xrdp.ini {told}", printable(port));
    Some(Ground::on(vec![seen.because(text)]).confidence(confidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::sketch::xrdp;
    use wire::tls::TlsVersion;

    fn with(change: impl FnOnce(&mut Xrdp)) -> Sketch {
        with_on(machine(), change)
    }

    fn with_on(sketch: Sketch, change: impl FnOnce(&mut Xrdp)) -> Sketch {
        let mut sound = xrdp();
        change(&mut sound);
        sketch.recorded(Fact::Xrdp(sound))
    }

    fn check(sketch: &Sketch, cause: &str, expect: Expect) {
        sketch.check(causes::find(cause).unwrap(), expect);
    }

    const FAULTS: [&str; 6] = [
        "private-key-unusable",
        "certificate-binding-stale",
        "certificate-key-mismatch",
        "certificate-expired",
        "standard-security-only",
        "port-closed",
    ];

    #[test]
    fn near_miss_a_sound_xrdp_has_none_of_them_and_without_one_nothing_is_known() {
        for cause in FAULTS {
            check(&with(|_| {}), cause, Expect::Unknown);
            check(&machine(), cause, Expect::Unknown);
        }
    }

    #[test]
    fn a_key_that_it_may_not_read() {
        let degrading = || Expect::Present(Severity::Degrading, Confidence::Proven);
        let shut = |xrdp: &mut Xrdp| xrdp.key.readable = Some(false);
        check(&with(shut), "private-key-unusable", degrading());
        let blocking = || Expect::Present(Severity::Blocking, Confidence::Proven);
        let only_tls = |xrdp: &mut Xrdp| {
            shut(xrdp);
            xrdp.security_layer = Some(" TLS".to_owned());
        };
        check(&with(only_tls), "private-key-unusable", blocking());
        check(&with(shut).profile("freerdp3"), "private-key-unusable", blocking());
        check(&with(|xrdp| xrdp.certificate.readable = Some(false)), "private-key-unusable", degrading());
        // nobody knows whom it runs as, whether it may, or it needs no key
        for unclear in [
            |xrdp: &mut Xrdp| (xrdp.key.readable, xrdp.user) = (Some(false), None),
            |xrdp: &mut Xrdp| xrdp.key.readable = None,
            |xrdp: &mut Xrdp| (xrdp.key.readable, xrdp.security_layer) = (Some(false), Some("rdp".to_owned())),
        ] {
            check(&with(unclear), "private-key-unusable", Expect::Unknown);
        }
        let works = host("192.0.2.7").selects(crate::case::EVERYTHING, wire::x224::SecurityProtocols::SSL);
        check(&with_on(works.tls_up(TlsVersion::Tls13), shut), "private-key-unusable", Expect::Absent);
    }

    #[test]
    fn a_file_that_is_not_there() {
        let degrading = || Expect::Present(Severity::Degrading, Confidence::Proven);
        check(&with(|xrdp| xrdp.key.exists = Some(false)), "certificate-binding-stale", degrading());
        check(&with(|xrdp| xrdp.certificate.exists = Some(false)), "certificate-binding-stale", degrading());
        check(&with(|xrdp| xrdp.certificate.exists = None), "certificate-binding-stale", Expect::Unknown);
    }

    #[test]
    fn a_key_of_another_certificate() {
        let blocking = || Expect::Present(Severity::Blocking, Confidence::Proven);
        check(&with(|xrdp| xrdp.key_matches = Some(false)), "certificate-key-mismatch", blocking());
        check(&with(|xrdp| xrdp.key_matches = None), "certificate-key-mismatch", Expect::Unknown);
    }

    #[test]
    fn an_expired_certificate() {
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        let old = |xrdp: &mut Xrdp| xrdp.not_after = Some("2024-06-01T00:00:00Z".to_owned());
        check(&with(old), "certificate-expired", likely);
        check(&with(|xrdp| xrdp.not_after = None), "certificate-expired", Expect::Unknown);
        let plain = |xrdp: &mut Xrdp| {
            old(xrdp);
            xrdp.security_layer = Some("rdp".to_owned());
        };
        check(&with(plain), "certificate-expired", Expect::Unknown);
    }

    #[test]
    fn no_tls_at_all() {
        let plain = |xrdp: &mut Xrdp| xrdp.security_layer = Some("rdp".to_owned());
        let degrading = || Expect::Present(Severity::Degrading, Confidence::Proven);
        check(&with(plain), "standard-security-only", degrading());
        check(&with(|xrdp| xrdp.security_layer = None), "standard-security-only", Expect::Unknown);
        let blocking = || Expect::Present(Severity::Blocking, Confidence::Proven);
        check(&with(plain).profile("freerdp3"), "standard-security-only", blocking());
    }

    /// Each as xrdp 0.9.21 was seen to take it.
    #[test]
    fn ports_as_xrdp_takes_them() {
        for sound in [
            "3389",
            " 3389",
            "3389 3390",
            "3389,3390",
            "tcp://127.0.0.1:3389",
            "tcp://:3389",
            "tcp6://{::1}:3389",
            "tcp//:3389",
            "unix://./tmp/x.socket",
            "vsock://2:3389",
            "3389 ; x",
        ] {
            assert_eq!(ports(sound), Ports::Sound, "{sound}");
        }
        for torn in ["33x9", "tcp://:33o9", "99999", "0", "3389x", "3389:x"] {
            assert_eq!(ports(torn), Ports::Torn, "{torn}");
        }
        for none in ["", "abc", ";", "tcp://:rdp"] {
            assert_eq!(ports(none), Ports::None, "{none}");
        }
    }

    #[test]
    fn a_port_that_is_none() {
        let port = |text: &'static str| move |xrdp: &mut Xrdp| xrdp.port = Some(text.to_owned());
        let present = |confidence| Expect::Present(Severity::Blocking, confidence);
        check(&with(port("33x9")), "port-closed", present(Confidence::Likely));
        check(&with(port("")), "port-closed", present(Confidence::Proven));
        check(&with(|xrdp| xrdp.port = None), "port-closed", Expect::Unknown);
        check(&with_on(host("192.0.2.7").accepted(), port("33x9")), "port-closed", Expect::Absent);
    }
}
