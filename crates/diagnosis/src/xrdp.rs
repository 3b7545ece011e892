//! Faults of an xrdp that its settings alone show. Measured with xrdp 0.9.21: digits of `port` are taken for ports
//! wherever they stand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use evidence::Fact;
use evidence::ciphers::may_name_suites;
use evidence::printable::printable;
use evidence::state::{NO_GLOBALS, Xrdp};
use wire::tls::TlsVersion;

use crate::case::{Case, Seen};
use crate::cause::{Confidence, Ground, Severity};
use crate::stage::tls::uses_key;

/// First port on which also accounts without special rights may listen, unless somebody set it otherwise: ip(7).
const UNPRIVILEGED: u16 = 1024;

impl<'a> Case<'a> {
    /// Returns the settings of the machine's xrdp.
    pub fn xrdp(self) -> Option<Seen<&'a Xrdp>> {
        self.machine()?.last(|fact| if let Fact::Xrdp(xrdp) = fact { Some(xrdp) } else { None })
    }
}

/// Way in which xrdp secures a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    Plain,
    Tls,
    Either,
}

pub(crate) fn layer(xrdp: &Xrdp) -> Layer {
    match xrdp.security_layer.as_deref().map(|layer| layer.trim().to_ascii_lowercase()).as_deref() {
        Some("rdp") => Layer::Plain,
        Some("tls") => Layer::Tls,
        None if !is_headless(xrdp) => Layer::Plain,
        // anything else, and an empty line, is taken for `negotiate`
        _ => Layer::Either,
    }
}

/// True if the section with the settings of the server is not there.
fn is_headless(xrdp: &Xrdp) -> bool {
    xrdp.lacks.iter().any(|part| part == NO_GLOBALS)
}

/// `security_layer=rdp`, or no such line: TLS is never offered.
pub(crate) fn plain(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp().filter(|seen| layer(seen.value) == Layer::Plain)?;
    let ground = if seen.value.security_layer.is_some() {
        Ground::on(vec![seen.because("xrdp.ini says security_layer=rdp")])
    } else {
        let text = "xrdp.ini has no line security_layer: xrdp 0.9.21 then offers no TLS";
        Ground::on(vec![seen.because(text)]).confidence(Confidence::Likely)
    };
    Some(if case.context.profile.standard_security { ground } else { ground.severity(Severity::Blocking) })
}

/// Port that xrdp makes of the text of its setting.
#[derive(Debug, PartialEq, Eq)]
enum Ports {
    /// It listens where the text says, among others on these.
    Sound(Vec<u16>),
    /// On nothing.
    None,
    /// The text was taken apart, and somebody most likely mistyped it.
    Torn,
}

fn ports(text: &str) -> Ports {
    let (mut found, mut numbers) = (false, Vec::new());
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
        if number.is_none() && port.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
            return Ports::Torn;
        }
        found = true;
        numbers.extend(number);
    }
    if found { Ports::Sound(numbers) } else { Ports::None }
}

/// Returns the ports on which xrdp is to listen; none where they are not known.
pub(crate) fn wanted(xrdp: &Xrdp) -> Vec<u16> {
    match xrdp.port.as_deref().map(ports) {
        Some(Ports::Sound(numbers)) => numbers,
        _ => Vec::new(),
    }
}

/// Returns the sockets on which xrdp is to listen, an address of all zeros for every adapter; none where they are not
/// known.
pub fn sockets(xrdp: &Xrdp) -> Vec<SocketAddr> {
    let words = xrdp.port.iter().flat_map(|text| text.split([' ', ',']));
    let socket = |word: &str| {
        let (Ports::Sound(numbers), (scheme, rest)) = (ports(word), word.split_once("://").unwrap_or(("tcp", word)))
        else {
            return None;
        };
        let six = scheme == "tcp6";
        let (every, own) = if six {
            (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into())
        } else {
            (IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv4Addr::LOCALHOST.into())
        };
        let address = match rest.rsplit_once(':').map_or("", |(address, _)| address).trim_matches(['{', '}']) {
            "" => every,
            "." => own,
            text => text.parse().ok()?,
        };
        Some(SocketAddr::new(address, *numbers.first()?))
    };
    words.filter_map(socket).collect()
}

/// True if xrdp is set to listen for clients on its own machine alone.
pub fn is_inside_alone(xrdp: &Xrdp) -> bool {
    let inside =
        |word: &str| ["tcp://127.", "tcp://.:", "tcp6://.:", "tcp6://{::1}"].iter().any(|at| word.starts_with(at));
    let mut words = xrdp.port.iter().flat_map(|text| text.split([' ', ','])).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some() && words.all(inside)
}

/// True if something outside the settings may be why nothing listens: they name a port, as far as they are known.
pub(crate) fn may_listen(case: Case<'_>) -> bool {
    no_port(case).is_none()
}

/// `port` names no port, or none that the account may take: xrdp listens on nothing, or elsewhere than anybody expects.
pub(crate) fn no_port(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp()?;
    let file = printable(&seen.value.file);
    let listens = case.ports().any(|seen| seen.value.process.as_deref() == Some("xrdp"));
    if case.at_addresses().any(Case::tcp_accepted) {
        return None;
    }
    let (text, confidence) = match seen.value.port.as_deref() {
        // what listens may have been started before
        _ if listens => return torn(&seen),
        None if is_headless(seen.value) => {
            (format!("{file} has no section {NO_GLOBALS}: xrdp listens on nothing"), Confidence::Proven)
        }
        None => {
            (format!("{file} sets no port in {NO_GLOBALS}: xrdp 0.9.21 then listens on nothing"), Confidence::Likely)
        }
        Some(port) => match (ports(port), seen.value.user.as_deref()) {
            (Ports::None, _) => (
                format!("port={} in {file} names no port: xrdp listens on nothing", printable(port)),
                Confidence::Proven,
            ),
            (Ports::Sound(numbers), Some(user)) if user != "root" => {
                let port = numbers.into_iter().find(|number| *number < UNPRIVILEGED)?;
                let user = printable(user);
                let text = format!("xrdp runs as {user}, which may not listen on a port below {UNPRIVILEGED}: {port}");
                (text, Confidence::Likely)
            }
            _ => return torn(&seen),
        },
    };
    Some(Ground::on(vec![seen.because(text)]).confidence(confidence))
}

/// `port` is a number with something else in it.
fn torn(seen: &Seen<&Xrdp>) -> Option<Ground> {
    let port = seen.value.port.as_deref().filter(|port| ports(port) == Ports::Torn)?;
    let text = format!("port={} in xrdp.ini is no port: xrdp takes its digits for others", printable(port));
    Some(Ground::on(vec![seen.because(text)]).confidence(Confidence::Likely))
}

/// Names of `ssl_protocols`, as xrdp compares them: to the letter.
const VERSIONS: [(&str, Option<TlsVersion>); 5] = [
    ("SSLv3", None),
    ("TLSv1", Some(TlsVersion::Tls10)),
    ("TLSv1.1", Some(TlsVersion::Tls11)),
    ("TLSv1.2", Some(TlsVersion::Tls12)),
    ("TLSv1.3", Some(TlsVersion::Tls13)),
];

/// `ssl_protocols` allows no version, or none that the client speaks.
pub(crate) fn no_version(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp().filter(|seen| layer(seen.value) != Layer::Plain)?;
    let text = seen.value.ssl_protocols.as_deref()?;
    if case.at_addresses().any(|at| at.tls().any(|seen| uses_key(seen.value.1))) {
        return None;
    }
    let words = || text.split([' ', ',']).filter(|word| !word.is_empty());
    let known = || words().filter_map(|word| VERSIONS.iter().find(|(name, _)| *name == word));
    let profile = &case.context.profile;
    let shared = known().any(|(_, version)| version.is_some_and(|known| profile.versions().any(|own| own == known)));
    if shared {
        return None;
    }
    let (told, confidence) = if known().next().is_none() {
        let quoted = if text.starts_with(['"', '\'']) { ", for the quotes are a part of its names" } else { "" };
        (format!("names no version that xrdp knows{quoted}: every handshake fails"), Confidence::Proven)
    } else {
        // a version that stands there may be one that this OpenSSL does not have
        (format!("allows no version that {} speaks", profile.name), Confidence::Likely)
    };
    let text = format!("ssl_protocols={} in {} {told}", printable(text), printable(&seen.value.file));
    Some(Ground::on(vec![seen.because(text)]).confidence(confidence))
}

/// True if its list of cipher suites names none. Measured with xrdp 0.9.21: a list of one letter is passed over, and
/// with one that OpenSSL refuses xrdp selects TLS and hangs up.
pub(crate) fn names_no_suite(xrdp: &Xrdp) -> bool {
    xrdp.tls_ciphers.as_deref().is_some_and(|list| list.len() > 1 && !may_name_suites(list))
}

/// `tls_ciphers` names no suite.
pub(crate) fn no_suite(case: Case<'_>) -> Option<Ground> {
    let seen = case.xrdp().filter(|seen| layer(seen.value) != Layer::Plain && names_no_suite(seen.value))?;
    if case.at_addresses().any(|at| at.tls().any(|seen| uses_key(seen.value.1))) {
        return None;
    }
    let list = printable(seen.value.tls_ciphers.as_deref().unwrap_or_default());
    let quoted = if list.starts_with(['"', '\'']) { ", for the quotes are a part of its names" } else { "" };
    let text = format!("tls_ciphers={list} in {} names no suite that OpenSSL has{quoted}", printable(&seen.value.file));
    Some(Ground::on(vec![seen.because(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::sketch::{listening, xrdp};

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

    #[test]
    fn no_tls_at_all() {
        let plain = |xrdp: &mut Xrdp| xrdp.security_layer = Some("rdp".to_owned());
        let degrading = || Expect::Present(Severity::Degrading, Confidence::Proven);
        check(&with(plain), "standard-security-only", degrading());
        let no_line = |xrdp: &mut Xrdp| xrdp.security_layer = None;
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        check(&with(no_line), "standard-security-only", likely);
        let headless = |xrdp: &mut Xrdp| (xrdp.security_layer, xrdp.lacks) = (None, vec![NO_GLOBALS.to_owned()]);
        check(&with(headless), "standard-security-only", Expect::Unknown);
        let empty = |xrdp: &mut Xrdp| xrdp.security_layer = Some(String::new());
        check(&with(empty), "standard-security-only", Expect::Unknown);
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
            assert!(matches!(ports(sound), Ports::Sound(_)), "{sound}");
        }
        assert_eq!(ports("3389, tcp://127.0.0.1:3390 unix://./x"), Ports::Sound(vec![3389, 3390]));
        for torn in ["33x9", "tcp://:33o9", "99999", "0", "3389x", "3389:x"] {
            assert_eq!(ports(torn), Ports::Torn, "{torn}");
        }
        for none in ["", "abc", ";", "tcp://:rdp"] {
            assert_eq!(ports(none), Ports::None, "{none}");
        }
    }

    #[test]
    fn sockets_as_xrdp_opens_them() {
        let of = |text: &str| sockets(&Xrdp { port: Some(text.to_owned()), ..xrdp() });
        for (text, told) in [
            ("3389", &["0.0.0.0:3389"][..]),
            ("tcp://:3390,tcp6://:3391", &["0.0.0.0:3390", "[::]:3391"]),
            ("tcp://10.0.0.7:3389 3390", &["10.0.0.7:3389", "0.0.0.0:3390"]),
            ("tcp://.:3389 tcp6://.:3389", &["127.0.0.1:3389", "[::1]:3389"]),
            ("tcp6://{::1}:3389,vsock://2:3389", &["[::1]:3389"]),
            ("abc", &[]),
            ("tcp://a.corp.example:3389", &[]),
        ] {
            let told: Vec<SocketAddr> = told.iter().map(|socket| socket.parse().unwrap()).collect();
            assert_eq!(of(text), told, "{text}");
        }
    }

    #[test]
    fn a_port_that_is_none() {
        let port = |text: &'static str| move |xrdp: &mut Xrdp| xrdp.port = Some(text.to_owned());
        let present = |confidence| Expect::Present(Severity::Blocking, confidence);
        check(&with(port("33x9")), "port-closed", present(Confidence::Likely));
        check(&with(port("")), "port-closed", present(Confidence::Proven));
        check(&with(|xrdp| xrdp.port = None), "port-closed", present(Confidence::Likely));
        let headless = |xrdp: &mut Xrdp| (xrdp.port, xrdp.lacks) = (None, vec![NO_GLOBALS.to_owned()]);
        check(&with(headless), "port-closed", present(Confidence::Proven));
        check(&with(port("443")), "port-closed", present(Confidence::Likely));
        check(&with(port("-1")), "port-closed", present(Confidence::Likely));
        let as_root = |xrdp: &mut Xrdp| (xrdp.port, xrdp.user) = (Some("443".to_owned()), Some("root".to_owned()));
        check(&with(as_root), "port-closed", Expect::Unknown);
        check(&with(port("3390")), "port-closed", Expect::Unknown);
        let listens = |sketch: Sketch| sketch.recorded(listening(3389, "0.0.0.0", Some("xrdp")));
        check(&listens(with(|xrdp| xrdp.port = None)), "port-closed", Expect::Unknown);
        check(&listens(with(port("33x9"))), "port-closed", present(Confidence::Likely));
        check(&with_on(host("192.0.2.7").accepted(), port("33x9")), "port-closed", Expect::Absent);
    }

    /// Each as xrdp 0.9.21 was seen to take it.
    #[test]
    fn lists_of_suites_that_xrdp_hands_on() {
        let cause = "server-tls-setup-failed";
        let list = |text: &'static str| with(|xrdp| xrdp.tls_ciphers = Some(text.to_owned()));
        for none in ["HIHG", "\"HIGH\"", "high", "!aNULL"] {
            check(&list(none), cause, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
        for sound in ["HIGH", "DEFAULT", "", "x", "HIHG:HIGH"] {
            check(&list(sound), cause, Expect::Unknown);
        }
        let plain = |xrdp: &mut Xrdp| {
            (xrdp.tls_ciphers, xrdp.security_layer) = (Some("HIHG".to_owned()), Some("rdp".to_owned()));
        };
        check(&with(plain), cause, Expect::Unknown);
        assert_eq!(
            list("HIHG").diagnose().findings[0].fixes,
            ["set-xrdp-ciphers", "correct-xrdp-tls", "try-another-client"]
        );
    }

    /// Each as xrdp 0.9.21 was seen to take it.
    #[test]
    fn versions_that_xrdp_knows() {
        let cause = "tls-version-mismatch";
        let versions = |text: &'static str| with(|xrdp| xrdp.ssl_protocols = Some(text.to_owned()));
        for none in ["TLSv1.4", "tlsv1.2", "", "TLS1.2,TLS1.3"] {
            check(&versions(none), cause, Expect::Present(Severity::Blocking, Confidence::Proven));
        }
        for sound in ["TLSv1.2", "TLSv1.2 TLSv1.3", "TLSv1.2, foo", "TLSv1.3"] {
            check(&versions(sound), cause, Expect::Unknown);
        }
        for old in ["SSLv3", "SSLv3, foo"] {
            check(&versions(old), cause, Expect::Present(Severity::Blocking, Confidence::Likely));
        }
        check(&with(|xrdp| xrdp.ssl_protocols = None), cause, Expect::Unknown);
        let plain = |xrdp: &mut Xrdp| {
            (xrdp.ssl_protocols, xrdp.security_layer) = (Some("x".to_owned()), Some("rdp".to_owned()));
        };
        check(&with(plain), cause, Expect::Unknown);
        assert_eq!(versions("x").diagnose().findings[0].fixes, ["set-xrdp-tls-versions"]);
    }
}
