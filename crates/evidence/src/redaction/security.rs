//! Security descriptors: universal codes for who may do what stay; accounts become others.

use wire::redaction::Names;

use super::REDACTED;
use crate::security::rights_are_known;

/// Types of entries ([MS-DTYP] 2.5.1.1).
const KINDS: &[&str] =
    &["A", "D", "OA", "OD", "AU", "AL", "OU", "OL", "ML", "SP", "XA", "XD", "ZA", "XU", "RA", "TL", "FL"];
/// Codes of accounts that every machine or domain has ([MS-DTYP] 2.5.1.1).
const ACCOUNTS: &str = "AA AC AN AO AP AU BA BG BO BU CA CD CG CN CO CY DA DC DD DG DU EA ED EK ER ES HA HI HO IS IU KA LA LG LS \
                        LU LW ME MP MU NO NS NU OW PA PO PS PU RA RC RD RE RM RO RS RU SA SH SI SO SS SU SY UD WD WR";
/// Codes for how an entry is inherited.
const FLAGS: &str = "CI OI NP IO ID SA FA TP CR";

/// Renames the accounts in a descriptor's text; parts that are no code of the format go.
pub(crate) fn renamed(sddl: &str, names: &mut Names) -> String {
    let mut renamed = String::with_capacity(sddl.len());
    for (number, part) in sddl.split('(').enumerate() {
        if number == 0 {
            renamed.push_str(&heads(part, names));
            continue;
        }
        let (entry, behind) = part.split_once(')').map_or((part, None), |(entry, behind)| (entry, Some(behind)));
        renamed.push('(');
        renamed.push_str(&renamed_entry(entry, names));
        if let Some(behind) = behind {
            renamed.push(')');
            renamed.push_str(&heads(behind, names));
        }
    }
    renamed
}

/// Renames the part outside of entries: `O:` and `G:` with an account, `D:` and `S:` with flags.
fn heads(text: &str, names: &mut Names) -> String {
    let mut renamed = String::new();
    let mut rest = text;
    while let Some((head, behind)) =
        rest.split_at_checked(2).filter(|(head, _)| ["O:", "G:", "D:", "S:"].contains(head))
    {
        let next = ["O:", "G:", "D:", "S:"].iter().filter_map(|head| behind.find(head)).min().unwrap_or(behind.len());
        let (value, after) = behind.split_at(next);
        renamed.push_str(head);
        renamed.push_str(&if matches!(head, "O:" | "G:") { account(value, names) } else { list_flags(value) });
        rest = after;
    }
    // any malformed head is dropped, but a mark shows that there was one
    renamed.push_str(if rest.trim_matches(')').is_empty() { rest } else { REDACTED_PART });
    renamed
}

/// Placeholder for a part: without brackets, which would make it an entry.
const REDACTED_PART: &str = "?";

fn list_flags(value: &str) -> String {
    const NONE: &str = "NO_ACCESS_CONTROL";
    let (start, rest) = value.strip_prefix(NONE).map_or(("", value), |rest| (NONE, rest));
    let known = ["", "P", "AI", "AR", "PAI", "PAR", "ARAI", "AIAR", "PARAI", "PAIAR"].contains(&rest);
    format!("{start}{}", if known { rest } else { REDACTED_PART })
}

fn renamed_entry(entry: &str, names: &mut Names) -> String {
    let fields: Vec<String> = entry
        .split(';')
        .enumerate()
        .map(|(place, field)| match place {
            _ if field.is_empty() => String::new(),
            0 if KINDS.contains(&field) => field.to_owned(),
            1 if pairs(field, FLAGS) => field.to_owned(),
            2 if rights_are_known(field) => field.to_owned(),
            3 | 4 => names.identifier(field),
            5 => account(field, names),
            _ => REDACTED_PART.to_owned(),
        })
        .collect();
    fields.join(";")
}

fn pairs(text: &str, known: &str) -> bool {
    let codes: Vec<&str> =
        text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default()).collect();
    codes.into_iter().all(|code| known.split_ascii_whitespace().any(|known| known == code))
}

fn account(text: &str, names: &mut Names) -> String {
    if text.is_empty() || text.len() == 2 && pairs(&text.to_ascii_uppercase(), ACCOUNTS) {
        return text.to_owned();
    }
    names.sid(text).unwrap_or_else(|| if text == REDACTED { text.to_owned() } else { REDACTED_PART.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{NETWORK_SERVICE, READ, SYSTEM, allows};

    fn redacted(sddl: &str) -> String {
        let mut names = Names::default();
        let _ = renamed(sddl, &mut names);
        names.settle();
        renamed(sddl, &mut names)
    }

    #[test]
    fn windows_own_codes_stay() {
        for sddl in [
            "O:SYG:SYD:PAI(A;;FR;;;NS)(A;;FA;;;SY)(A;;FA;;;BA)",
            "D:(A;OICIIO;0x1f01ff;;;S-1-5-20)S:(AU;SA;FA;;;WD)",
            "D:NO_ACCESS_CONTROL",
            "D:",
            "",
        ] {
            assert_eq!(redacted(sddl), sddl);
        }
    }

    #[test]
    fn accounts_and_conditions_go() {
        let own = "O:S-1-5-21-7-8-9-1104G:SYD:(A;;FR;;;S-1-5-21-7-8-9-513)(XA;;FX;;;WD;(@User.Title==\"PM\"))";
        let expected = "O:S-1-5-21-0-0-1-1001G:SYD:(A;;FR;;;S-1-5-21-0-0-1-513)(XA;;FX;;;WD;(?))";
        assert_eq!(redacted(own), expected);
        assert_eq!(redacted("D:(A;;FR;;;CONTOSO)alice(bob"), "D:(A;;FR;;;?)?(?");
    }

    proptest::proptest! {
        #[test]
        fn it_lets_in_whom_it_let_in(sddl in "(O:SYG:)?D:(P|AI|x)?(\\((A|D|XA|q);(IO|ID|q|);(FR|FA|GA|0x80000000|FRFW|qq);;;(NS|SY|BA|WD|S-1-5-20|S-1-5-21-1-2-3-4|q);?\\)){0,4}(\\(|S:|q)?") {
            for accounts in [NETWORK_SERVICE, SYSTEM] {
                proptest::prop_assert_eq!(allows(&redacted(&sddl), accounts, READ), allows(&sddl, accounts, READ));
            }
            proptest::prop_assert_eq!(redacted(&redacted(&sddl)), redacted(&sddl));
        }

        #[test]
        fn any_text_is_stable(sddl in "[A-Zq:;()0-9S-]{0,40}") {
            proptest::prop_assert_eq!(redacted(&redacted(&sddl)), redacted(&sddl));
        }
    }
}
