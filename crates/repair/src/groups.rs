//! Members of a group in `group` and `gshadow`, one line each.

use crate::hand::{Failed, Unread};

/// Returns the line of a group: its number and its fields, of which the last are the members.
fn line<'a>(text: &'a str, group: &str) -> Option<(usize, Vec<&'a str>)> {
    let mut lines = text.split_inclusive('\n').enumerate();
    lines.find_map(|(at, line)| {
        let fields: Vec<&str> = line.trim_end_matches('\n').split(':').collect();
        (fields.len() == 4 && fields[0] == group).then_some((at, fields))
    })
}

/// True if the user is among the members of the group.
pub fn has(text: &str, group: &str, user: &str) -> Result<bool, Unread> {
    let (_, fields) = line(text, group).ok_or_else(|| Unread(format!("there is no group {group}")))?;
    Ok(fields[3].split(',').any(|member| member == user))
}

/// Returns the text with the user as a member, the last one, or without it.
pub fn with(text: &str, group: &str, user: &str, member: bool) -> Result<String, Failed> {
    let none = || Failed(format!("there is no group {group}"));
    if user.is_empty() || user.contains([':', ',', '\n', '\r']) {
        return Err(Failed("this is no name of a user".to_owned()));
    }
    let (number, fields) = line(text, group).ok_or_else(none)?;
    let listed = fields[3].split(',').any(|known| known == user);
    if listed == member {
        return Ok(text.to_owned());
    }
    let mut members: Vec<&str> = fields[3].split(',').filter(|known| *known != user && !known.is_empty()).collect();
    members.extend(member.then_some(user));
    let fields = [fields[0], fields[1], fields[2]].join(":");
    let lines = text.split_inclusive('\n').enumerate().map(|(at, line)| {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        if at == number { format!("{fields}:{}{end}", members.join(",")) } else { line.to_owned() }
    });
    Ok(lines.collect())
}

/// Returns the number of the user's own group, if nobody else is in it.
pub fn own(passwd: &str, group: &str, user: &str) -> Option<u32> {
    let fields = || passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).filter(|fields| fields.len() > 3);
    let number: u32 = fields().find(|fields| fields[0] == user)?[3].parse().ok()?;
    let others = fields().any(|fields| fields[0] != user && fields[3].parse() == Ok(number));
    let members = group.lines().map(|line| line.split(':').collect::<Vec<_>>()).filter(|fields| fields.len() > 3);
    let mut named = members.filter(|fields| fields[2].parse() == Ok(number)).flat_map(|fields| fields[3].split(','));
    let joined = named.any(|member| !member.is_empty() && member != user);
    (number != 0 && !others && !joined).then_some(number)
}

/// Returns the name of the group with this number.
pub fn name(group: &str, gid: u32) -> Option<&str> {
    let mut lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.get(2).and_then(|number| number.parse().ok()) == Some(gid))?.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_comes_and_goes_and_leaves_the_same_bytes() {
        for before in ["root:x:0:\nssl-cert:x:103:\nxrdp:x:105:", "ssl-cert:x:103:postgres,other\nx:y\n"] {
            assert_eq!(has(before, "ssl-cert", "xrdp"), Ok(false));
            let after = with(before, "ssl-cert", "xrdp", true).unwrap();
            assert_eq!(has(&after, "ssl-cert", "xrdp"), Ok(true));
            assert_eq!(with(&after, "ssl-cert", "xrdp", true).unwrap(), after);
            assert_eq!(with(&after, "ssl-cert", "xrdp", false).unwrap(), before);
        }
        assert!(has("a:x:1:\n", "ssl-cert", "xrdp").is_err() && with("a:x:1:\n", "b", "c", true).is_err());
        assert!(with("a:x:1:\n", "a", "b,c", true).is_err());
    }

    #[test]
    fn a_group_is_the_own_one_of_a_user_if_nobody_else_is_in_it() {
        let passwd = "root:x:0:0::/:\nxrdp:x:7:9::/:\n";
        assert_eq!(own(passwd, "xrdp:x:9:\n", "xrdp"), Some(9));
        assert_eq!(own(passwd, "xrdp:x:9:xrdp\n", "xrdp"), Some(9));
        assert_eq!(own(passwd, "xrdp:x:9:other\n", "xrdp"), None);
        assert_eq!(own(&format!("{passwd}other:x:8:9::/:\n"), "xrdp:x:9:\n", "xrdp"), None);
        assert_eq!((own(passwd, "root:x:0:\n", "root"), own(passwd, "", "gone")), (None, None));
    }
}
