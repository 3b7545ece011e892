//! Names and places of Windows that say the same on every machine.

/// Most characters of a NetBIOS name ([MS-NBTE] 2.2.1); longer computer names are cut to it.
pub const NETBIOS: usize = 15;

/// Returns the first label of a computer's name, cut as NetBIOS does, in capitals.
pub fn netbios(name: &str) -> String {
    name.split('.').next().unwrap_or_default().chars().take(NETBIOS).collect::<String>().to_uppercase()
}

/// Beginnings of the `EditionID` of editions without a host: Home since Windows 8, and its forerunners. Those for a
/// country, of one language or without a media player have more behind it.
pub const EDITIONS_WITHOUT_HOST: [&str; 4] = ["Core", "HomeBasic", "HomePremium", "Starter"];
/// Beginnings of the `EditionID` of editions with a host.
pub const EDITIONS_WITH_HOST: [&str; 6] =
    ["Professional", "Enterprise", "Education", "Server", "IoTEnterprise", "Ultimate"];

/// Endings that may follow in the name of an edition.
const VARIANTS: [&str; 26] = [
    "",
    "E",
    "SingleLanguage",
    "CountrySpecific",
    "ARM",
    "Connected",
    "ConnectedN",
    "ConnectedSingleLanguage",
    "ConnectedCountrySpecific",
    "KN",
    "N",
    "S",
    "SN",
    "G",
    "Eval",
    "Workstation",
    "WorkstationN",
    "Education",
    "EducationN",
    "Standard",
    "StandardEval",
    "Datacenter",
    "DatacenterEval",
    "Solution",
    "Essentials",
    "Rdsh",
];

/// Returns as much of an `EditionID` as Windows is known to have: all of it, or the part that decides.
pub fn known_edition(name: &str) -> Option<&str> {
    let start = EDITIONS_WITHOUT_HOST.iter().chain(&EDITIONS_WITH_HOST).find(|known| begins(name, known))?;
    let variant = name.get(start.len()..).is_some_and(|rest| VARIANTS.contains(&rest));
    Some(if variant { name } else { start })
}

/// True if the name begins like this, ignoring case.
pub fn begins(name: &str, with: &str) -> bool {
    name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// Returns a path in the one form in which paths are compared: lower case, without `\\?\` and the like, `..` resolved.
pub fn plain_path(path: &str) -> String {
    let path = path.trim().trim_matches('"').to_ascii_lowercase().replace('/', r"\");
    let path = [r"\\?\", r"\\.\", r"\??\"].iter().find_map(|mark| path.strip_prefix(mark)).unwrap_or(&path);
    let mut parts: Vec<&str> = Vec::new();
    for (number, part) in path.split('\\').enumerate() {
        match part {
            ".." if parts.len() > 1 => drop(parts.pop()),
            "." => {}
            // the first may be empty: \systemroot
            "" if number > 0 => {}
            _ => parts.push(part),
        }
    }
    parts.join(r"\")
}

/// True if the path is one of Windows' own library, in any spelling; `None` where that depends on which folder is
/// Windows' own.
pub fn windows_own_library(path: &str, root: Option<&str>) -> Option<bool> {
    let path = plain_path(path);
    // without a folder it is searched for in System32 among others
    if path == "termsrv.dll" {
        return None;
    }
    let Some(place) = path.strip_suffix(r"\system32\termsrv.dll") else { return Some(false) };
    let root = root.map(|root| root.trim().trim_end_matches('\\').to_ascii_lowercase());
    let named = ["%systemroot%", "%windir%", r"\systemroot"].contains(&place) || root.as_deref() == Some(place);
    let usual = place.get(1..) == Some(r":\windows");
    match (named || usual && root.is_none(), root) {
        (true, _) => Some(true),
        // the usual folder on another drive than Windows' own: a letter may have changed
        (false, Some(_)) if !usual => Some(false),
        (false, _) => None,
    }
}
