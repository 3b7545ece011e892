use super::*;
use crate::causes;
use crate::sketch::{Expect, Sketch, host, machine};
use evidence::sketch::{gnome, listening, xrdp};
use evidence::state::{Contents, Service};
use wire::tls::TlsVersion;

fn with(change: impl FnOnce(&mut Xrdp)) -> Sketch {
    with_on(machine(), change)
}

fn with_on(sketch: Sketch, change: impl FnOnce(&mut Xrdp)) -> Sketch {
    let mut sound = xrdp();
    change(&mut sound);
    sketch.recorded(Fact::Xrdp(sound))
}

fn gnome_with(change: impl FnOnce(&mut GnomeRemoteDesktop)) -> Sketch {
    let mut sound = gnome();
    change(&mut sound);
    machine().recorded(Fact::GnomeRemoteDesktop(sound))
}

fn check(sketch: &Sketch, cause: &str, expect: Expect) {
    sketch.check(causes::find(cause).unwrap(), expect);
}

const FAULTS: [&str; 9] = [
    "private-key-unusable",
    "certificate-binding-stale",
    "certificate-key-mismatch",
    "certificate-expired",
    "standard-security-only",
    "port-closed",
    "service-stopped",
    "listener-port-taken",
    "remote-desktop-disabled",
];

#[test]
fn near_miss_a_sound_xrdp_has_none_of_them_and_without_one_nothing_is_known() {
    for cause in FAULTS {
        check(&with(|_| {}), cause, Expect::Unknown);
        check(&gnome_with(|_| {}), cause, Expect::Unknown);
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
fn a_file_that_is_of_no_use() {
    let blocking = || Expect::Present(Severity::Blocking, Confidence::Proven);
    let of = |contents| move |xrdp: &mut Xrdp| xrdp.key.contents = Some(contents);
    for contents in [Contents::Empty, Contents::Encrypted, Contents::Counterpart, Contents::Foreign, Contents::Folder] {
        check(&with(of(contents)), "private-key-unusable", blocking());
    }
    check(&with(|xrdp| xrdp.certificate.contents = Some(Contents::Folder)), "private-key-unusable", blocking());
    check(&with(|xrdp| xrdp.key.contents = None), "private-key-unusable", Expect::Unknown);
    let unneeded = |xrdp: &mut Xrdp| {
        (xrdp.key.contents, xrdp.security_layer) = (Some(Contents::Empty), Some("rdp".to_owned()));
    };
    check(&with(unneeded), "private-key-unusable", Expect::Unknown);
    let works = host("192.0.2.7").selects(crate::case::EVERYTHING, wire::x224::SecurityProtocols::SSL);
    check(&with_on(works.tls_up(TlsVersion::Tls13), of(Contents::Empty)), "private-key-unusable", Expect::Absent);
    let fixes = |sketch: Sketch| sketch.diagnose().findings[0].fixes.clone();
    assert_eq!(fixes(with(of(Contents::Empty))), ["make-xrdp-certificate"]);
    let swapped = |xrdp: &mut Xrdp| {
        for file in [&mut xrdp.certificate, &mut xrdp.key] {
            file.contents = Some(Contents::Counterpart);
        }
    };
    assert_eq!(fixes(with(swapped)), ["swap-xrdp-files", "make-xrdp-certificate"]);
    let shut = |xrdp: &mut Xrdp| (xrdp.key.readable, xrdp.key.by_mode_alone) = (Some(false), true);
    assert_eq!(fixes(with(shut)), ["share-key-with-xrdp", "make-xrdp-certificate"]);
    // it would be of no use to whoever may read it
    let both = |xrdp: &mut Xrdp| {
        shut(xrdp);
        xrdp.key.contents = Some(Contents::Encrypted);
    };
    assert_eq!(fixes(with(both)), ["make-xrdp-certificate"]);
}

#[test]
fn an_xrdp_that_cannot_start() {
    let likely = |severity| Expect::Present(severity, Confidence::Likely);
    let without = |part: &'static str| with(|xrdp| xrdp.lacks = vec![part.to_owned()]);
    let cause = "service-stopped";
    check(&with(|xrdp| xrdp.account_exists = Some(false)), cause, likely(Severity::Blocking));
    check(&with(|xrdp| xrdp.file_readable = Some(false)), cause, likely(Severity::Blocking));
    check(&without(NO_LOG), cause, likely(Severity::Blocking));
    check(&without(NO_SESMAN), cause, likely(Severity::Degrading));
    check(&with(|xrdp| (xrdp.account_exists, xrdp.file_readable) = (None, None)), cause, Expect::Unknown);
    // it runs: it was started before
    let runs = services_on(without(NO_LOG), Some(true), Some(true));
    check(&runs, cause, Expect::Absent);
    let stopped = services_on(without(NO_LOG), Some(false), Some(true)).diagnose();
    assert!(stopped.findings[0].because.iter().any(|because| because.text.contains("LogFile")));
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
fn files_of_gnome_remote_desktop() {
    let blocking = |confidence| Expect::Present(Severity::Blocking, confidence);
    let shut = |gnome: &mut GnomeRemoteDesktop| gnome.key.readable = Some(false);
    check(&gnome_with(shut), "private-key-unusable", blocking(Confidence::Proven));
    let gone = |gnome: &mut GnomeRemoteDesktop| gnome.key.exists = Some(false);
    check(&gnome_with(gone), "certificate-binding-stale", blocking(Confidence::Proven));
    let unset = |gnome: &mut GnomeRemoteDesktop| {
        gnome.key.exists = Some(false);
        gnome.key.path.clear();
    };
    check(&gnome_with(unset), "certificate-binding-stale", blocking(Confidence::Likely));
    let other = |gnome: &mut GnomeRemoteDesktop| gnome.key_matches = Some(false);
    check(&gnome_with(other), "certificate-key-mismatch", blocking(Confidence::Proven));
    // it is off, or it listens, which it does with a certificate and key alone
    let changes: [fn(&mut GnomeRemoteDesktop); 3] = [shut, gone, unset];
    for change in changes {
        let off = gnome_with(|gnome| {
            change(gnome);
            gnome.enabled = false;
        });
        let listens = gnome_with(change).recorded(listening(3389, "0.0.0.0", Some(GNOME_PROCESS)));
        for cause in ["private-key-unusable", "certificate-binding-stale"] {
            check(&off, cause, Expect::Unknown);
            check(&listens, cause, Expect::Unknown);
        }
    }
}

#[test]
fn gnome_remote_desktop_that_is_switched_off() {
    let off = || gnome_with(|gnome| gnome.enabled = false);
    let cause = "remote-desktop-disabled";
    let other = || off().recorded(listening(22, "0.0.0.0", Some("sshd")));
    check(&other(), cause, Expect::Present(Severity::Blocking, Confidence::Proven));
    // nobody listed the ports; something listens; another server is set up
    check(&off(), cause, Expect::Unknown);
    check(&off().recorded(listening(3389, "::", None)), cause, Expect::Unknown);
    check(&other().recorded(Fact::Xrdp(xrdp())), cause, Expect::Unknown);
    check(&gnome_with(|_| {}).recorded(listening(22, "::", None)), cause, Expect::Unknown);
}

fn services(itself: Option<bool>, manager: Option<bool>) -> Sketch {
    services_on(with(|_| {}), itself, manager)
}

fn services_on(sketch: Sketch, itself: Option<bool>, manager: Option<bool>) -> Sketch {
    let service = |name: &str, running| {
        let name = name.to_owned();
        Fact::Service(Service { name, exists: true, start: None, running, image: None, account: None })
    };
    let other = listening(22, "0.0.0.0", Some("sshd"));
    sketch.recorded(service("xrdp", itself)).recorded(service("xrdp-sesman", manager)).recorded(other)
}

#[test]
fn an_xrdp_that_does_not_run() {
    let cause = "service-stopped";
    let present = |severity| Expect::Present(severity, Confidence::Proven);
    check(&services(Some(false), Some(false)), cause, present(Severity::Blocking));
    check(&services(Some(true), Some(false)), cause, present(Severity::Degrading));
    check(&services(Some(true), Some(true)), cause, Expect::Absent);
    check(&services(None, None), cause, Expect::Unknown);
    // something listens there, whatever it is called
    let listens = services(Some(false), Some(false)).recorded(listening(3389, "0.0.0.0", None));
    check(&listens, cause, Expect::Unknown);
    let unset = services_on(with(|xrdp| xrdp.port = None), Some(false), Some(false));
    check(&unset, cause, present(Severity::Blocking));
}

#[test]
fn a_port_that_another_program_holds() {
    let cause = "listener-port-taken";
    let held = |name: &str| with(|_| {}).recorded(listening(3389, "127.0.0.1", Some(name)));
    let present = |severity, confidence| Expect::Present(severity, confidence);
    check(&held("nginx"), cause, present(Severity::Blocking, Confidence::Proven));
    check(&held("docker-proxy"), cause, present(Severity::Blocking, Confidence::Possible));
    check(&held("gnome-remote-de"), cause, present(Severity::Advisory, Confidence::Proven));
    check(&held("xrdp"), cause, Expect::Absent);
    let both = held("xrdp").recorded(listening(3389, "::1", Some("nginx")));
    check(&both, cause, Expect::Absent);
    // another port, or a process that could not be seen
    for other in [listening(3390, "0.0.0.0", Some("nginx")), listening(3389, "0.0.0.0", None)] {
        check(&with(|_| {}).recorded(other), cause, Expect::Unknown);
    }
}

#[test]
fn what_linux_shows_is_told_in_its_words() {
    let shut = with(|xrdp| xrdp.key.readable = Some(false)).diagnose();
    assert_eq!(shut.findings[0].title, "the server cannot use its private key or its certificate");
    let held = with(|_| {}).recorded(listening(3389, "::", Some("nginx"))).diagnose();
    assert_eq!(held.findings[0].title, "another program holds the port of the server");
    assert!(held.findings[0].advice.is_some_and(|advice| advice.command.contains("ss -ltnp")));
}

#[test]
fn of_linux_nobody_asks_for_what_windows_has() {
    let asks = |sketch: &Sketch| {
        let open = sketch.with_case(|case| causes::find("private-key-unusable").unwrap().open(case));
        open.into_iter().any(crate::need::Need::is_of_windows)
    };
    assert!(asks(&machine()) && !asks(&with(|_| {})));
}

#[test]
fn a_key_of_a_kind_that_the_client_does_not_take() {
    let likely = || Expect::Present(Severity::Blocking, Confidence::Likely);
    let signs = |name: &'static str| move |xrdp: &mut Xrdp| xrdp.signature = Some(name.to_owned());
    for name in ["ed25519", "ed448", "ecdsa_secp521r1_sha512"] {
        check(&with(signs(name)), "tls-cipher-mismatch", likely());
        check(&gnome_with(|gnome| gnome.signature = Some(name.to_owned())), "tls-cipher-mismatch", likely());
    }
    for sound in ["ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "nothing that is known"] {
        check(&with(signs(sound)), "tls-cipher-mismatch", Expect::Unknown);
    }
    // OpenSSL has both, and Standard RDP Security needs no certificate
    check(&with(signs("ed25519")).profile("freerdp3"), "tls-cipher-mismatch", Expect::Unknown);
    let plain = |xrdp: &mut Xrdp| {
        (xrdp.signature, xrdp.security_layer) = (Some("ed25519".to_owned()), Some("rdp".to_owned()));
    };
    check(&with(plain), "tls-cipher-mismatch", Expect::Unknown);
    let told = with(signs("ed25519")).diagnose();
    let found = &told.findings[0];
    assert_eq!(found.fixes, ["make-xrdp-certificate"]);
    assert!(found.because[0].text.contains("signs as ed25519 alone, which a current mstsc"), "{found:?}");
    let desktop = gnome_with(|gnome| gnome.signature = Some("ed25519".to_owned())).diagnose();
    assert_eq!(desktop.findings[0].fixes, ["make-gnome-certificate"]);
}

#[test]
fn what_gnome_has_exchanged_is_exchanged_and_what_is_locked_is_left_alone() {
    let swapped = |gnome: &mut GnomeRemoteDesktop| {
        for file in [&mut gnome.certificate, &mut gnome.key] {
            file.contents = Some(Contents::Counterpart);
        }
    };
    let told = gnome_with(swapped).diagnose();
    assert_eq!(told.findings[0].fixes, ["swap-gnome-files", "make-gnome-certificate"]);
    let empty = gnome_with(|gnome| gnome.key.contents = Some(Contents::Empty)).diagnose();
    assert_eq!(empty.findings[0].fixes, ["make-gnome-certificate"]);
    let locked = gnome_with(|gnome| {
        swapped(gnome);
        gnome.locked = vec!["tls-cert".to_owned()];
    });
    let told = locked.diagnose();
    assert!(told.findings[0].fixes.is_empty(), "{:?}", told.findings[0]);
    assert!(told.findings[0].because[1].text.contains("has locked tls-cert (dconf)"), "{:?}", told.findings[0]);
}
