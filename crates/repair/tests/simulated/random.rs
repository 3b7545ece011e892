//! Random plans with a random fault; `RDPDOCTOR_REPAIR_PLANS` says how many.

use repair::journal::Ended;
use repair::place::{Held, Kept, Place};
use repair::plan::After;
use repair::ratchet::{Turn, compare};
use repair::run::{self, Applied, Third};

use crate::machine::{FAULTS, Folder};
use crate::{apply, clock, dying, ini, opened, opening, planned, rule, text, undo};

/// Plans of an ordinary test run.
const PLANS: usize = 300;

/// Numbers that only look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn held(&mut self, place: &Place) -> Held {
        let layers = ["rdp", "negotiate", "tls", "tsl"];
        let protocols = ["TLSv1", "TLSv1.2", "TLSv1.2, TLSv1.3", "SSLv3,TLSv1.3", ""];
        match place {
            Place::Ini { name, .. } if name == "security_layer" => text(self.one(&layers)),
            Place::Ini { name, .. } if name == "ssl_protocols" => text(self.one(&protocols)),
            Place::Ini { .. } | Place::Gnome { .. } => {
                [Held::Absent, text(self.one(&["a", " b", "3389", ""]))][self.below(2)].clone()
            }
            Place::Member { .. } | Place::Nftables { .. } => [Held::Absent, Held::Present][self.below(2)].clone(),
            Place::Rights { .. } => {
                let mode = [0o600, 0o640, 0o644][self.below(3)];
                Held::Rights { mode, uid: 0, gid: [0, 7][self.below(2)] }
            }
            Place::Opening { .. } => opened(self.below(2) == 0, self.one(&["a", "b"])),
            Place::Service { .. } => Held::Running(self.below(2) == 0),
            Place::Registry { .. } => {
                let number = u32::try_from(self.below(3)).unwrap();
                [Held::Absent, Held::Value { kind: 4, data: number.to_le_bytes().to_vec() }][self.below(2)].clone()
            }
            Place::File { .. } => {
                let mode = [0o600, 0o640, 0o644, 0o666][self.below(4)];
                let bytes = vec![b'x'; self.below(40)];
                [Held::Absent, Held::File { bytes, mode, uid: 0, gid: 0 }][self.below(2)].clone()
            }
        }
    }

    fn place(&mut self) -> Place {
        let name = format!("n{}", self.below(6));
        let group = self.one(&["ssl-cert", "sudo"]).to_owned();
        let value = self.one(&["SecurityLayer", "UserAuthentication", "PortNumber"]).to_owned();
        match self.below(11) {
            0 => ini("security_layer"),
            1 => ini("ssl_protocols"),
            2 => ini(&name),
            3 => Place::Member { folder: "/etc".into(), group, user: name },
            4 => Place::Service { name },
            5 => Place::Registry { key: "HKLM".to_owned(), name: value },
            9 => opening(self.one(&["192.0.2.0/24", "0.0.0.0/0"])),
            8 => Place::Rights { path: format!("/srv/{name}").into(), folder: "/etc".into(), user: name },
            7 => Place::Gnome { name: self.one(&["tls-key", "view-only"]).to_owned() },
            6 => rule(self.one(&["tcp dport 3389 accept", "ip saddr 192.0.2.7 accept", "tcp dport 3389 drop"])),
            _ => Place::file(format!("/srv/{name}")),
        }
    }
}

/// Whatever is planned and whatever fails: the machine is as before, as planned, or told not to be; and what ran has
/// left nothing weaker.
#[test]
fn random_plans_with_random_faults() {
    let folder = Folder::new("random");
    let count = std::env::var("RDPDOCTOR_REPAIR_PLANS").map_or(PLANS, |count| count.parse().unwrap());
    let mut numbers = Numbers(2308);
    let (mut ran, mut refused) = (0, 0);
    for plan_number in 0..count {
        let changes: Vec<_> = (0..=numbers.below(5))
            .map(|_| {
                let place = numbers.place();
                let before = numbers.held(&place);
                let mut after = numbers.held(&place);
                // most plans should run
                for _ in 0..numbers.below(12) {
                    if before == after || compare(&place, &before, &after) != Turn::Kept {
                        after = numbers.held(&place);
                    }
                }
                let file = matches!(after, Held::File { .. });
                let after = if file { After::File(after) } else { After::Held { held: Kept::of(&after) } };
                (place, before, after)
            })
            .collect();
        let (machine, plan) = planned(&changes);
        let before = machine.now();
        let store = folder.empty();
        let fault = (numbers.below(3) > 0).then(|| (numbers.below(60), FAULTS[numbers.below(FAULTS.len())]));
        let outcome = dying(|| apply(&plan, &mut machine.with(fault), &store));
        let told = format!("plan {plan_number}, {fault:?}: {changes:?}");
        match outcome {
            Some(Err(_)) => {
                refused += 1;
                assert_eq!(machine.now(), before, "{told}");
                continue;
            }
            Some(Ok(Applied::RolledBack { .. })) => assert_eq!(machine.now(), before, "{told}"),
            Some(Ok(Applied::Stuck { left, .. })) => panic!("{told}: {left:?}"),
            Some(Ok(Applied::Done(mut journal))) => {
                for (place, after) in &machine.now() {
                    let was = before.get(place).cloned().unwrap_or(Held::Absent);
                    assert!(was == *after || compare(place, &was, after) == Turn::Kept, "{told}: {place}");
                }
                run::end(&mut journal, "repaired", &clock).unwrap();
            }
            None => {}
        }
        ran += 1;
        if let Some(mut journal) = store.last_applied().unwrap() {
            assert!(matches!(journal.ended(), None | Some(Ended::Applied)), "{told}");
            assert_eq!(undo(&mut journal, &mut machine.with(None), Third::Ours), Vec::<String>::new(), "{told}");
        }
        assert_eq!(machine.now(), before, "{told}");
    }
    println!("{count} plans: {ran} ran, {refused} were refused, 0 differences");
    assert!(ran > count / 8 && refused > count / 8, "{ran} ran, {refused} refused");
}
