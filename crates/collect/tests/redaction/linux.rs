//! Pieces of a Linux in which every existing field holds something.

use evidence::state::{Contents, Fate, GnomeRemoteDesktop, LinuxFirewall, LinuxRule, ListeningPort, Xrdp, XrdpFile};

pub fn xrdp() -> Xrdp {
    let file = || XrdpFile {
        path: "/srv/srv.pem".to_owned(),
        instead_of: Some("\"/srv/srv.pem\"".to_owned()),
        place: Some("/srv/srv.pem".to_owned()),
        exists: Some(true),
        readable: Some(false),
        contents: Some(Contents::Sound),
        group: Some("srv".to_owned()),
        by_mode_alone: true,
        mode: Some(0o640),
    };
    Xrdp {
        file: "/srv/xrdp.ini".to_owned(),
        port: Some("tcp://srv:3389".to_owned()),
        security_layer: Some("negotiate".to_owned()),
        ssl_protocols: Some("TLSv1.2".to_owned()),
        tls_ciphers: Some("srv".to_owned()),
        user: Some("srv".to_owned()),
        account_exists: Some(true),
        file_readable: Some(true),
        lacks: vec!["srv".to_owned()],
        certificate: file(),
        key: file(),
        subject: Some("CN=srv, O=x".to_owned()),
        not_before: Some("2026-01-01T00:00:00Z".to_owned()),
        not_after: Some("2027-01-01T00:00:00Z".to_owned()),
        key_matches: Some(true),
        signature: Some("srv".to_owned()),
        fitting_certificate: Some("/srv/srv.pem".to_owned()),
        fitting_key: Some("/srv/srv.pem".to_owned()),
    }
}

pub fn listening() -> ListeningPort {
    let (address, process) = ("192.0.2.7".to_owned(), Some("svchost.exe".to_owned()));
    ListeningPort { port: 3389, address, process, pid: Some(900) }
}

pub fn gnome() -> GnomeRemoteDesktop {
    let Xrdp { certificate, key, subject, not_before, not_after, key_matches, signature, user, .. } = xrdp();
    GnomeRemoteDesktop {
        settings: "/srv/grd.conf".to_owned(),
        enabled: true,
        port: Some(3389),
        user,
        certificate,
        key,
        subject,
        not_before,
        not_after,
        key_matches,
        signature,
        locked: vec!["srv".to_owned()],
    }
}

pub fn firewall() -> LinuxFirewall {
    let rule = LinuxRule {
        fate: Fate::Accept,
        ports: vec![[3389, 3389]],
        from: Some("192.0.2.7".to_owned()),
        unclear: false,
        number: Some(1),
    };
    let (tool, part) = ("ufw".to_owned(), "of-srv".to_owned());
    LinuxFirewall { tool, part, otherwise: Fate::Drop, rules: vec![rule] }
}
