//! Lists of rights beside the modes of a file (POSIX ACL): whom they let do what. Source: acl(5) for what they mean,
//! `linux/posix_acl_xattr.h` for how the kernel hands them out.

use std::io;
use std::path::Path;

/// Version of the form.
const VERSION: [u8; 4] = 2_u32.to_le_bytes();
/// Most bytes of a list: some thousand entries.
const LIMIT: usize = 64 * 1024;

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// List of rights.
pub(super) struct Acl(Vec<Entry>);

struct Entry {
    tag: u16,
    rights: u32,
    id: u32,
}

impl Acl {
    /// Reads the list of a file; `None` if it has none.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        use rustix::io::Errno;

        let mut bytes = vec![0_u8; LIMIT];
        match rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut bytes[..]) {
            Ok(length) => {
                let list = Self::read(bytes.get(..length).unwrap_or_default());
                list.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no list of a known form"))
            }
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let entries = bytes.strip_prefix(&VERSION)?.chunks(8).map(|entry| {
            Some(Entry {
                tag: u16::from_le_bytes(entry.get(..2)?.try_into().ok()?),
                rights: u16::from_le_bytes(entry.get(2..4)?.try_into().ok()?).into(),
                id: u32::from_le_bytes(entry.get(4..)?.try_into().ok()?),
            })
        });
        entries.collect::<Option<Vec<_>>>().map(Self)
    }

    /// True if an account may do what is wanted with a file of this owner and group, by the order of acl(5).
    pub(super) fn lets(&self, (uid, groups): (u32, &[u32]), (owner, group): (u32, u32), wanted: u32) -> bool {
        let mask = self.with(MASK).next().map_or(0o7, |entry| entry.rights);
        let may = |rights: u32| rights & wanted == wanted;
        if uid == owner {
            return self.with(OWNER).any(|entry| may(entry.rights));
        }
        if let Some(own) = self.with(USER).find(|entry| entry.id == uid) {
            return may(own.rights & mask);
        }
        let owning = self.with(OWNING_GROUP).filter(|_| groups.contains(&group));
        let mut member = owning.chain(self.with(GROUP).filter(|entry| groups.contains(&entry.id))).peekable();
        if member.peek().is_some() {
            return member.any(|entry| may(entry.rights & mask));
        }
        self.with(OTHER).any(|entry| may(entry.rights))
    }

    fn with(&self, tag: u16) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| entry.tag == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `setfacl` of Debian 12 was seen to write them.
    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let entry = |(tag, rights, id): &(u16, u16, u32)| {
            [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        [&VERSION[..], &entries.iter().flat_map(entry).collect::<Vec<_>>()].concat()
    }

    #[test]
    fn whom_a_list_lets_read() {
        let all = u32::MAX;
        let bytes = list(&[(1, 6, all), (2, 4, 7), (2, 0, 8), (4, 0, all), (8, 4, 50), (16, 4, all), (32, 0, all)]);
        let acl = Acl::read(&bytes).unwrap();
        let reads = |uid, groups: &[u32]| acl.lets((uid, groups), (1, 20), 0o4);
        assert!(reads(1, &[]) && reads(7, &[]) && reads(9, &[50]) && reads(9, &[20, 50]));
        assert!(!reads(8, &[50]) && !reads(9, &[20]) && !reads(9, &[9]));
        assert!(!acl.lets((7, &[]), (1, 20), 0o2));
        let masked = list(&[(1, 6, all), (2, 7, 7), (4, 7, all), (16, 0, all), (32, 4, all)]);
        let masked = Acl::read(&masked).unwrap();
        assert!(!masked.lets((7, &[]), (1, 20), 0o4) && !masked.lets((9, &[20]), (1, 20), 0o4));
        assert!(masked.lets((9, &[]), (1, 20), 0o4));
    }

    #[test]
    fn what_is_no_list() {
        let cut = list(&[(1, 6, 0)]);
        for broken in [&[][..], &[1, 0, 0, 0], &cut[..cut.len() - 1]] {
            assert!(Acl::read(broken).is_none());
        }
    }
}
