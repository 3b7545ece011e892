//! No plan lowers a setting that matters for security, but on a lease: every pair of values of every such setting.

use super::leases::{SECONDS, on_terms, watched};
use super::*;
use repair::guard::Watched;
use repair::offline::{HiveChange, ValueChange};
use repair::ratchet::{Turn, compare};

const LISTENER: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp";
const SCHANNEL: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols";

fn value(key: &str, name: &str) -> Place {
    Place::Registry { key: key.to_owned(), name: name.to_owned() }
}

/// Settings with what they may hold, from weak to strong: the test's own word for it.
fn orders() -> Vec<(Place, Vec<Held>)> {
    let texts = |texts: &[&str]| texts.iter().map(|one| text(one)).collect::<Vec<_>>();
    let numbers = |numbers: &[u32]| numbers.iter().map(|one| dword(*one)).collect::<Vec<_>>();
    let version = |version: &str| format!(r"{SCHANNEL}\{version}\Server");
    let gone = [Held::Present, Held::Absent];
    let there = [Held::Absent, Held::Present];
    let mut orders = vec![
        (ini("security_layer"), texts(&["rdp", "negotiate", "tls"])),
        (ini("crypt_level"), texts(&["none", "low", "medium", "high", "fips"])),
        (ini("ssl_protocols"), texts(&["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])),
        (ini("port"), texts(&["3389", "tcp://127.0.0.1:3389"])),
        (value(LISTENER, "SecurityLayer"), numbers(&[0, 1, 2])),
        (value(LISTENER, "UserAuthentication"), numbers(&[0, 1])),
        (value(LISTENER, "MinEncryptionLevel"), numbers(&[1, 2, 3, 4])),
        (value(r"HKLM\Software\x\CredSSP\Parameters", "AllowEncryptionOracle"), numbers(&[2, 1, 0])),
        (value(r"HKCU\Software\Microsoft\Terminal Server Client", "AuthenticationLevel"), numbers(&[0, 2, 1])),
        (rule("tcp dport 3389 accept"), gone.to_vec()),
        (rule("tcp dport 3389 drop"), there.to_vec()),
        (Place::file("/etc/xrdp/key.pem"), vec![file(b"a", 0o644), file(b"b", 0o640), file(b"c", 0o600)]),
    ];
    for old in ["SSL 3.0", "TLS 1.0", "TLS 1.1"] {
        orders.push((value(&version(old), "Enabled"), numbers(&[1, 0])));
    }
    for current in ["TLS 1.2", "TLS 1.3"] {
        orders.push((value(&version(current), "Enabled"), numbers(&[0, 1])));
        orders.push((value(&version(current), "DisabledByDefault"), numbers(&[1, 0])));
    }
    orders
}

fn after(held: &Held) -> After {
    if matches!(held, Held::File { .. }) { After::File(held.clone()) } else { After::Held { held: Kept::of(held) } }
}

#[test]
fn no_plan_lowers_a_setting_but_on_a_lease_and_every_lease_ends() {
    let folder = Folder::new("weaker");
    let (mut lowered, mut raised) = (0, 0);
    for (place, order) in orders() {
        for (low, weak) in order.iter().enumerate() {
            for strong in &order[low + 1..] {
                // beside a change that nobody minds
                let beside = || (ini("port_of_something"), text("a"), after(&text("b")));
                let up = planned(&[beside(), (place.clone(), weak.clone(), after(strong))]);
                done(apply(&up.1, &mut up.0.with(None), &folder.empty()));
                raised += 1;
                let (machine, plan) = planned(&[beside(), (place.clone(), strong.clone(), after(weak))]);
                let before = machine.now();
                let refused = apply(&plan, &mut machine.with(None), &folder.empty());
                let Err(RunError::Refused(Refusal::Rule(why))) = refused else { panic!("{place}: {refused:?}") };
                assert!(why.contains(&place.to_string()) && why.contains("weaker"), "{why}");
                assert_eq!(machine.now(), before, "{place}");
                let lease = Plan { lease: true, ..plan };
                let store = folder.empty();
                let journal = done(on_terms(&lease, &mut machine.with(None), &store, None));
                assert_ne!(machine.now(), before, "{place}");
                assert_eq!(watched(&journal, &mut machine.with(None), &store, SECONDS), Watched::Reverted);
                assert_eq!(machine.now(), before, "{place}");
                lowered += 1;
            }
        }
    }
    assert!(lowered > 50 && lowered == raised, "{lowered} {raised}");
}

/// Values in the hive of a Windows that does not run are weighed alike, before anything is read.
#[test]
fn a_hive_gets_no_weaker_either() {
    for (place, order) in orders() {
        let Place::Registry { key, name } = &place else { continue };
        let Some((root, key)) = key.split_once(r"\SYSTEM\").map(|(_, key)| (r"HKLM\SYSTEM", key)) else { continue };
        for (low, weak) in order.iter().enumerate() {
            for strong in &order[low + 1..] {
                let plan = |before: &Held, after: &Held| {
                    let (before, after) = (Kept::of(before), Kept::of(after));
                    let value = ValueChange { key: key.to_owned(), name: name.clone(), before, after };
                    let (root, values, logs) = (root.to_owned(), vec![value], Vec::new());
                    let hive = HiveChange { root, values, logs, hibernation: None, at: 0 };
                    let (machine, plan) =
                        planned(&[(Place::file("/mnt/SYSTEM"), file(b"regf", 0o600), After::Hive(hive))]);
                    drop(machine);
                    plan
                };
                assert_eq!(plan(weak, strong).check(), Ok(()), "{place}");
                assert!(plan(strong, weak).check().is_err(), "{place}");
            }
        }
    }
}

/// Published advice for a broken certificate lowers more than it mends.
#[test]
fn the_official_certificate_reset_is_refused_with_the_reason() {
    let held = |held: &Held| After::Held { held: Kept::of(held) };
    let (machine, plan) = planned(&[
        (value(LISTENER, "SSLCertificateSHA1Hash"), dword(7), held(&Held::Absent)),
        (value(LISTENER, "MinEncryptionLevel"), dword(3), held(&dword(1))),
        (value(LISTENER, "SecurityLayer"), dword(2), held(&dword(0))),
        (value(LISTENER, "UserAuthentication"), dword(1), held(&dword(0))),
    ]);
    let saved = serde_json::to_string(&plan).unwrap();
    let plan: Plan = serde_json::from_str(&saved).unwrap();
    let (before, folder) = (machine.now(), Folder::new("reset"));
    let refused = apply(&plan, &mut machine.with(None), &folder.store());
    let Err(RunError::Refused(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(plan.check(), Err(why.clone()));
    assert!(why.to_string().contains("MinEncryptionLevel would be weaker"), "{why}");
    // each alone, too; what is left is the certificate
    for number in 1..plan.steps.len() {
        let alone = Plan { steps: vec![plan.steps[number].clone()], ..plan.clone() };
        assert!(alone.check().is_err(), "{}", alone.steps[0].place);
    }
    let alone = Plan { steps: vec![plan.steps[0].clone()], ..plan };
    assert_eq!((alone.check(), machine.now()), (Ok(()), before));
}

/// Where nothing is set, what then counts has its place in the order, and no way down leads over it.
#[test]
fn a_setting_that_is_gone_counts_as_what_comes_of_itself() {
    let usual = [
        (ini("security_layer"), text("negotiate")),
        (ini("crypt_level"), text("high")),
        (ini("ssl_protocols"), text("TLSv1.2, TLSv1.3")),
        (value(LISTENER, "UserAuthentication"), dword(1)),
        (value(r"HKLM\Software\x\CredSSP\Parameters", "AllowEncryptionOracle"), dword(1)),
    ];
    for (place, order) in orders() {
        let Some((_, of_itself)) = usual.iter().find(|(known, _)| *known == place) else { continue };
        for held in order {
            for (gone, set) in
                [((&Held::Absent, &held), (of_itself, &held)), ((&held, &Held::Absent), (&held, of_itself))]
            {
                let (gone, set) = (compare(&place, gone.0, gone.1), compare(&place, set.0, set.1));
                assert_eq!(gone == Turn::Kept, set == Turn::Kept, "{place}: {held:?}");
            }
        }
    }
}

/// Every size of a network, every mode of a file, every group: what is weaker by the test's own word is refused.
#[test]
fn no_network_mode_or_group_is_a_way_round() {
    let there = |from: &str| compare(&opening(from), &opened(false, "a"), &opened(true, "b")) == Turn::Kept;
    for size in 0..=32 {
        assert_eq!(there(&format!("10.0.0.0/{size}")), size >= 8, "{size}");
    }
    for size in 0..=128 {
        assert_eq!(there(&format!("fd00::/{size}")), size >= 8, "{size}");
        assert_eq!(there(&format!("2001:db8::/{size}")), size >= 16, "{size}");
        assert_eq!(there(&format!("::ffff:0.0.0.0/{size}")), size == 128, "{size}");
    }
    let key = b"-----BEGIN PRIVATE KEY-----";
    for mode in 0..=0o777 {
        let place = Place::file("/etc/xrdp/key.pem");
        let kept = |before: &Held, bytes: &[u8]| compare(&place, before, &file(bytes, mode)) == Turn::Kept;
        // nobody but the owner writes a key, and nobody but the owner and a group reads it
        assert_eq!(kept(&Held::Absent, key), mode & !0o740 == 0, "{mode:o}");
        assert_eq!(kept(&Held::Absent, b"a certificate"), mode & 0o002 == 0, "{mode:o}");
        for before in 0..=0o777 {
            // whatever others could not do before they cannot do then
            let more = mode & !before & 0o077 != 0 || mode & 0o002 != 0;
            assert_eq!(kept(&file(b"a", before), b"b"), !more, "{before:o} to {mode:o}");
            let rights = |mode| Held::Rights { mode, uid: 0, gid: 0 };
            let more = mode & !before & !0o040 != 0;
            assert_eq!(compare(&super::rights(), &rights(before), &rights(mode)) == Turn::Kept, !more);
        }
    }
    for group in evidence::state::POWERFUL {
        let joins = Place::Member { folder: "/etc".into(), group: (*group).to_owned(), user: "xrdp".to_owned() };
        assert!(matches!(compare(&joins, &Held::Absent, &Held::Present), Turn::Weaker(_)), "{group}");
        assert_eq!(compare(&joins, &Held::Present, &Held::Absent), Turn::Kept, "{group}");
    }
    assert_eq!(compare(&member(), &Held::Absent, &Held::Present), Turn::Kept);
}
