//! Judges whom a security descriptor lets in, from its text form (SDDL, [MS-DTYP] 2.5.1).

/// Right to read a file's data.
pub const READ: u32 = 0x1;
/// Right to create files in a folder.
pub const ADD_FILE: u32 = 0x2;

/// Accounts whose rights TermService has: NETWORK SERVICE, and the groups that it belongs to.
pub const NETWORK_SERVICE: &[&str] = &[
    "NS",
    "S-1-5-20",
    "WD",
    "S-1-1-0",
    "AU",
    "S-1-5-11",
    "BU",
    "S-1-5-32-545",
    "SU",
    "S-1-5-6",
    ALL_SERVICES,
    TERMSERVICE_SID,
];
/// Accounts whose rights SYSTEM has.
pub const SYSTEM: &[&str] = &["SY", "S-1-5-18", "BA", "S-1-5-32-544", "WD", "S-1-1-0", "AU", "S-1-5-11"];
/// OWNER RIGHTS.
const OWNER_RIGHTS: &[&str] = &["OW", "S-1-3-4"];
/// `NT SERVICE\ALL SERVICES`.
const ALL_SERVICES: &str = "S-1-5-80-0";
/// `NT SERVICE\TermService`.
const TERMSERVICE_SID: &str = "S-1-5-80-446051430-1559341753-4161941529-1950928533-810483104";

/// Letters of rights, in the order in which pairs are split.
const RIGHTS: [(&str, u32); 22] = [
    ("FA", 0x001F_01FF),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00A0),
    ("GA", 0x001F_01FF),
    ("GR", 0x0012_0089),
    ("GW", 0x0012_0116),
    ("GX", 0x0012_00A0),
    ("RC", 0x0002_0000),
    ("SD", 0x0001_0000),
    ("WD", 0x0004_0000),
    ("WO", 0x0008_0000),
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
    ("KA", 0x000F_003F),
];

/// True if the descriptor gives any of these accounts all of `wanted`; `None` if it cannot be told.
pub fn allows(sddl: &str, accounts: &[&str], wanted: u32) -> Option<bool> {
    let (head, list) = sddl.split_once("D:")?;
    let owner = head.strip_prefix("O:").and_then(|owner| owner.split("G:").next()).unwrap_or_default();
    let is_one = |account: &str| accounts.iter().any(|known| known.eq_ignore_ascii_case(account));
    let list = list.split("S:").next()?;
    // without any list, which NO_ACCESS_CONTROL stands for, everybody gets in
    if list.starts_with("NO_ACCESS_CONTROL") {
        return Some(true);
    }
    let mut left = wanted;
    for entry in list.split('(').skip(1) {
        let fields: Vec<&str> = entry.split(')').next()?.split(';').collect();
        let [kind, flags, rights, _, _, account, ..] = fields.as_slice() else { return None };
        // inherit-only entries are for children
        if flag(flags, "IO") {
            continue;
        }
        // special rights of the owner are too rare to be worth telling apart
        if OWNER_RIGHTS.contains(account) && is_one(owner) {
            return None;
        }
        if !is_one(account) {
            continue;
        }
        match *kind {
            "A" => left &= !mask(rights)?,
            "D" if mask(rights)? & left != 0 => return Some(false),
            "D" => {}
            _ => return None,
        }
        if left == 0 {
            return Some(true);
        }
    }
    Some(false)
}

/// Returns the descriptor without its own denials of these accounts, each by all its names; `None` where that cannot be
/// told. What is inherited stays.
pub fn without_denials(sddl: &str, accounts: &[[&str; 2]]) -> Option<String> {
    let (head, mut entries, tail) = entries(sddl)?;
    entries.retain(|entry| {
        let fields: Vec<&str> = entry.trim_matches(['(', ')']).split(';').collect();
        let [kind, flags, _, _, _, account, ..] = fields.as_slice() else { return true };
        let meant = accounts.iter().flatten().any(|name| name.eq_ignore_ascii_case(account));
        *kind != "D" || flag(flags, "ID") || !meant
    });
    Some(format!("{head}{}{tail}", entries.concat()))
}

/// Returns the descriptor with entries that give these accounts these rights, behind its own and before what is
/// inherited;
/// `None` where that cannot be told, or everybody has every right anyway.
pub fn with_grants(sddl: &str, grants: &[([&str; 2], &str)]) -> Option<String> {
    let (head, entries, tail) = entries(sddl)?;
    let inherited = |entry: &&str| entry.split(';').nth(1).is_some_and(|flags| flag(flags, "ID"));
    let behind = entries.iter().position(inherited).unwrap_or(entries.len());
    let (own, inherited) = entries.split_at(behind);
    let grants: Vec<String> =
        grants.iter().map(|([account, _], rights)| format!("(A;;{rights};;;{account})")).collect();
    Some(format!("{head}{}{}{}{tail}", own.concat(), grants.concat(), inherited.concat()))
}

/// A descriptor as what stands before its list, the entries of that, and what stands behind.
fn entries(sddl: &str) -> Option<(&str, Vec<&str>, &str)> {
    let list = sddl.find("D:")? + 2;
    let end = sddl[list..].find("S:").map_or(sddl.len(), |at| list + at);
    let first = sddl[list..end].find('(').map_or(end, |at| list + at);
    let entries: Vec<&str> = sddl[first..end].split_inclusive(')').collect();
    // conditions have brackets of their own
    let plain = entries.iter().all(|entry| entry.starts_with('(') && entry.ends_with(')') && !entry[1..].contains('('));
    let everybody = sddl[list..].starts_with("NO_ACCESS_CONTROL");
    (plain && !everybody).then(|| (&sddl[..first], entries, &sddl[end..]))
}

/// Flags are pairs of letters: `CIOI` has no `IO` in it.
fn flag(flags: &str, wanted: &str) -> bool {
    flags.as_bytes().chunks(2).any(|pair| pair == wanted.as_bytes())
}

/// True if rights consist of universal codes only.
pub(crate) fn rights_are_known(rights: &str) -> bool {
    mask(rights).is_some()
}

fn mask(rights: &str) -> Option<u32> {
    if let Some(hex) = rights.strip_prefix("0x") {
        let mask = u32::from_str_radix(hex, 16).ok()?;
        // generic bits stand for all specific ones they name
        let generic = [(0x1000_0000, 0x001F_01FF), (0x8000_0000, 0x0012_0089), (0x4000_0000, 0x0012_0116)];
        return Some(generic.iter().fold(mask, |mask, (bit, whole)| if mask & bit != 0 { mask | whole } else { mask }));
    }
    let mut mask = 0;
    let mut rest = rights;
    while !rest.is_empty() {
        let (letters, after) = rest.split_at_checked(2)?;
        mask |= RIGHTS.iter().find(|(known, _)| *known == letters)?.1;
        rest = after;
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Descriptor that Windows gives the key of Remote Desktop.
    const KEY: &str = "O:SYG:SYD:PAI(A;;FR;;;NS)(A;;FA;;;SY)(A;;FA;;;BA)";

    #[test]
    fn the_key_is_readable() {
        assert_eq!(allows(KEY, NETWORK_SERVICE, READ), Some(true));
        assert_eq!(allows("O:SYD:(A;;0x1f01ff;;;SY)", NETWORK_SERVICE, READ), Some(false));
        assert_eq!(allows("O:SYD:(A;;0x80000000;;;S-1-5-20)", NETWORK_SERVICE, READ), Some(true));
    }

    #[test]
    fn a_denial_before_counts_and_one_after_does_not() {
        assert_eq!(allows("D:(D;;FR;;;WD)(A;;FR;;;NS)", NETWORK_SERVICE, READ), Some(false));
        assert_eq!(allows("D:(A;;FR;;;NS)(D;;FR;;;WD)", NETWORK_SERVICE, READ), Some(true));
    }

    #[test]
    fn the_folder_is_writable_for_administrators_and_so_for_system() {
        assert_eq!(allows("D:(A;;FA;;;BA)(A;;0x12019f;;;WD)", SYSTEM, ADD_FILE), Some(true));
        assert_eq!(allows("D:(A;OICIIO;FA;;;BA)(A;;FR;;;WD)", SYSTEM, ADD_FILE), Some(false));
        assert_eq!(allows("D:(A;CIOI;FA;;;BA)(A;;FR;;;WD)", SYSTEM, ADD_FILE), Some(true));
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        assert_eq!(allows("O:SYG:SY", SYSTEM, READ), None);
        assert_eq!(allows("D:(XA;;FR;;;NS;(x))", NETWORK_SERVICE, READ), None);
        assert_eq!(allows("D:(A;;QQ;;;NS)", NETWORK_SERVICE, READ), None);
        assert_eq!(allows("O:NSG:SYD:(A;;FA;;;OW)", NETWORK_SERVICE, READ), None);
        assert_eq!(allows("O:SYG:SYD:(A;;FA;;;OW)", NETWORK_SERVICE, READ), Some(false));
        assert_eq!(allows("D:NO_ACCESS_CONTROL", NETWORK_SERVICE, READ), Some(true));
        assert_eq!(allows("D:", NETWORK_SERVICE, READ), Some(false));
    }

    #[test]
    fn rights_are_given_and_denials_taken_off() {
        let closed = "O:SYG:SYD:PAI(D;;FR;;;S-1-5-20)(D;;FR;;;WD)(A;;FA;;;SY)(A;ID;FR;;;BA)S:(AU;SA;FA;;;WD)";
        let accounts = [["SY", "S-1-5-18"], ["NS", "S-1-5-20"]];
        let open = without_denials(closed, &accounts).unwrap();
        assert_eq!(open, "O:SYG:SYD:PAI(D;;FR;;;WD)(A;;FA;;;SY)(A;ID;FR;;;BA)S:(AU;SA;FA;;;WD)");
        let given = with_grants(&open, &[(accounts[1], "FR")]).unwrap();
        assert_eq!(given, "O:SYG:SYD:PAI(D;;FR;;;WD)(A;;FA;;;SY)(A;;FR;;;NS)(A;ID;FR;;;BA)S:(AU;SA;FA;;;WD)");
        // a denial of everybody, and one that is inherited, are not of these accounts, or not the file's own
        assert_eq!(allows(&given, NETWORK_SERVICE, READ), Some(false));
        let inherited = "D:(D;ID;FR;;;NS)";
        assert_eq!(without_denials(inherited, &accounts).as_deref(), Some(inherited));
        let granted = with_grants(inherited, &[(accounts[1], "FR")]).unwrap();
        assert_eq!(
            (granted.as_str(), allows(&granted, NETWORK_SERVICE, READ)),
            ("D:(A;;FR;;;NS)(D;ID;FR;;;NS)", Some(true))
        );
        assert_eq!(with_grants("D:", &[(accounts[1], "FR")]).as_deref(), Some("D:(A;;FR;;;NS)"));
        for unclear in ["O:SYG:SY", "D:NO_ACCESS_CONTROL", "D:(XA;;FR;;;NS;(x))", "D:(A;;FR;;;NS"] {
            assert_eq!(with_grants(unclear, &[(accounts[1], "FR")]), None, "{unclear}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            let _ = with_grants(&text, &[(["NS", "S-1-5-20"], "FR")]);
            let _ = without_denials(&format!("D:{text}"), &[["NS", "S-1-5-20"]]);
            let _ = with_grants(&format!("D:{text}S:"), &[(["NS", "S-1-5-20"], "FR")]);
            let _ = allows(&text, SYSTEM, READ);
            let _ = allows(&format!("D:(A;;{text};;;SY)"), SYSTEM, READ);
        }
    }
}
