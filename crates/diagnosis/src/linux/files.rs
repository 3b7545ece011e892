//! Faults of the certificate and the private key of a server of Linux.

use evidence::Because;
use evidence::moment::{moment, rfc3339};
use evidence::printable::printable;
use evidence::state::{Contents, XrdpFile, is_put_aside};
use wire::tls::{group, signature};

use super::{GNOME_PROCESS, Server, holder, runs, servers};
use crate::as_client::taken_as_client;
use crate::case::{Case, Seen};
use crate::cause::{Confidence, Ground};
use crate::stage::tls::uses_key;

/// Servers to which a certificate matters, where no handshake has shown that it and its key are in order. GNOME listens
/// only with both.
fn in_question(case: Case<'_>) -> impl Iterator<Item = Seen<Server<'_>>> {
    let used = case.at_addresses().any(|at| at.tls().any(|seen| uses_key(seen.value.1)));
    let listens = holder(case, |port| runs(port, GNOME_PROCESS)).is_some();
    servers(case).filter(move |seen| {
        !used && seen.value.uses_certificate() && !(listens && matches!(seen.value, Server::Gnome(_)))
    })
}

/// The account that a server runs as may not read its key or its certificate.
pub(crate) fn unreadable(case: Case<'_>) -> Option<Ground> {
    in_question(case).find_map(|seen| {
        let user = seen.value.user()?;
        let shut = |(_, file): &(_, &XrdpFile)| file.exists == Some(true) && file.readable == Some(false);
        let (what, file) = seen.value.files().into_iter().find(shut)?;
        let mode = file.mode.map_or(String::new(), |mode| format!(" (mode {mode:04o})"));
        let text = format!(
            "{} runs as {}, which may not read its {what} {}{mode}",
            seen.value.name(),
            printable(user),
            printable(file.place.as_deref().unwrap_or(&file.path))
        );
        Some(seen.value.weighed(case, Ground::on(reasons(&seen, text))))
    })
}

/// A file of the certificate or the key holds none that the server can use.
pub(crate) fn unusable(case: Case<'_>) -> Option<Ground> {
    in_question(case).find_map(|seen| {
        let (what, path, wrong) = seen.value.files().into_iter().find_map(|(what, file)| {
            let wrong = wrong(what, file.contents?)?;
            Some((what, printable(&file.path), wrong))
        })?;
        let ground = Ground::on(reasons(&seen, format!("the file of the {what}, {path}, {wrong}")));
        let measured = matches!(seen.value, Server::Xrdp(_));
        Some(if measured { ground } else { ground.confidence(Confidence::Likely) })
    })
}

/// Says why a server cannot use what a file holds; `None` if it can.
fn wrong(what: &str, contents: Contents) -> Option<String> {
    Some(match contents {
        Contents::Sound => return None,
        Contents::Empty => "is empty".to_owned(),
        Contents::Encrypted => "is encrypted, and a server has nobody to ask for the password".to_owned(),
        Contents::Counterpart if what == "certificate" => "holds a private key and no certificate".to_owned(),
        Contents::Counterpart => "holds a certificate and no private key".to_owned(),
        Contents::Foreign => format!("holds no {what} in PEM, the only form that is read, or not all of it"),
        Contents::Folder => "is a folder".to_owned(),
    })
}

/// A certificate or key that is set is not there; or, of GNOME, none is set, which newer versions may make up for.
pub(crate) fn missing(case: Case<'_>) -> Option<Ground> {
    in_question(case).find_map(|seen| {
        let (what, file) = seen.value.files().into_iter().find(|(_, file)| file.exists == Some(false))?;
        let (name, unset) = (seen.value.name(), file.path.is_empty());
        let text = match (&seen.value, unset) {
            (_, false) => format!("{name} is to use the {what} {}, which is not there", printable(&file.path)),
            (Server::Xrdp(_), true) => format!("xrdp.ini has no line for the {what}: xrdp 0.9.21 then uses none"),
            (Server::Gnome(_), true) => format!("{name} is switched on, and no {what} is set for it"),
        };
        let ground = seen.value.weighed(case, Ground::on(reasons(&seen, text)));
        Some(if unset { ground.confidence(Confidence::Likely) } else { ground })
    })
}

/// Certificate and key do not belong together.
pub(crate) fn mismatched(case: Case<'_>) -> Option<Ground> {
    let used = case.at_addresses().any(|at| at.tls().any(|seen| uses_key(seen.value.1)));
    let wrong = |seen: &Seen<Server<'_>>| seen.value.uses_certificate() && seen.value.key_matches() == Some(false);
    let seen = servers(case).find(wrong).filter(|_| !used)?;
    let [certificate, key] = seen.value.files().map(|(_, file)| printable(&file.path));
    let text = format!("the private key {key} is not that of the certificate {certificate}");
    Some(Ground::on(reasons(&seen, text)))
}

/// The certificate has expired, and no handshake showed which one is in use.
pub(crate) fn expired(case: Case<'_>) -> Option<Ground> {
    if case.at_addresses().any(|at| at.not_after().is_some()) {
        return None;
    }
    servers(case).filter(|seen| seen.value.uses_certificate()).find_map(|seen| {
        let until = moment(seen.value.not_after()?).filter(|until| case.context.at > *until)?;
        let [(_, certificate), _] = seen.value.files();
        let text = format!("the certificate {} was valid until {}", printable(&certificate.path), rfc3339(until));
        Some(Ground::on(reasons(&seen, text)))
    })
}

/// The key of the certificate makes one kind of signature alone, which the client does not take. In TLS 1.2 a key signs
/// with any hash, but on a curve that both have.
pub(crate) fn foreign_key(case: Case<'_>) -> Option<Ground> {
    if case.at_addresses().any(|at| taken_as_client(at).is_some()) {
        return None;
    }
    let profile = &case.context.profile;
    servers(case).filter(|seen| seen.value.uses_certificate()).find_map(|seen| {
        let name = seen.value.signature()?;
        let code = signature::code(name).filter(|code| !profile.signatures.contains(*code))?;
        let curve = name.strip_prefix("ecdsa_").and_then(|rest| group::code(rest.split_once('_')?.0));
        if curve.is_some_and(|curve| profile.groups.contains(curve)) {
            return None;
        }
        let [(_, certificate), _] = seen.value.files();
        let text = format!(
            "the key of the certificate {} signs as {} alone, which {} does not take",
            printable(&certificate.path),
            signature::name(code).unwrap_or_default(),
            profile.name
        );
        Some(Ground::on(reasons(&seen, text)))
    })
}

/// Adds to what is wrong with its files why xrdp takes these and not those that its settings most likely mean, and
/// whether a file that fits is one that somebody put aside.
fn reasons(seen: &Seen<Server<'_>>, text: String) -> Vec<Because> {
    let mut reasons = vec![seen.because(text)];
    let xrdp = match seen.value {
        Server::Xrdp(xrdp) => xrdp,
        Server::Gnome(gnome) => {
            let names = gnome.locked.iter().map(|name| printable(name)).collect::<Vec<_>>().join(" and ");
            reasons.extend((!names.is_empty()).then(|| {
                seen.because(format!(
                    "whoever administers the machine has locked {names} (dconf): what a person or grdctl sets there has no \
                     effect"
                ))
            }));
            return reasons;
        }
    };
    for (name, file) in [("certificate", &xrdp.certificate), ("key_file", &xrdp.key)] {
        let Some(text) = file.instead_of.as_deref().map(printable) else { continue };
        reasons.push(seen.because(match (file.path.as_str(), text.starts_with(['"', '\''])) {
            ("", _) => format!("{name}={text} stands outside of [Globals], where xrdp does not look for it"),
            (path, true) => {
                format!("{name}={text} has quotes, which xrdp takes for a part of it: it then uses {}", printable(path))
            }
            (path, false) => format!("{name}={text} does not begin with /: xrdp then uses {}", printable(path)),
        }));
    }
    let aside = [&xrdp.fitting_certificate, &xrdp.fitting_key].into_iter().flatten().find(|path| is_put_aside(path));
    reasons.extend(aside.map(|path| {
        seen.because(format!("nothing beside them fits but {}, by its name a copy that was put aside", printable(path)))
    }));
    reasons
}
