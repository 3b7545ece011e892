//! Rules of the Windows firewall as the registry keeps them, and whether they let a port in.
//!
//! Source: [MS-GPFAS] 2.2.2 (`v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|…`).

/// `Protocol` of TCP.
const TCP: u32 = 6;
/// `Protocol` that stands for all (`NET_FW_IP_PROTOCOL_ANY`); most rules leave the field out instead.
const ANY: u32 = 256;
/// First build in which a service holds the port: Windows 8 and Server 2012. Before, a driver does, which rules call
/// `System`, as `RemoteDesktop-In-TCP` of those versions has it.
const SERVICE_BUILD: u32 = 9200;
/// Fields that are evaluated, or do not limit who may come in. Any other may limit a rule: to addresses, ports,
/// interfaces, users, versions of Windows.
const UNLIMITED: [&str; 19] = [
    "Action",
    "Active",
    "Dir",
    "Profile",
    "Protocol",
    "LPort",
    "LPort2_10",
    "App",
    "Svc",
    "Name",
    "Desc",
    "EmbedCtxt",
    "Edge",
    "Defer",
    "LSM",
    "LOM",
    "PCross",
    "ICMP4",
    "ICMP6",
];
/// Beginnings of fields that demand IPsec; some are followed by the version of the format.
const SECURE: [&str; 4] = ["Security", "AuthByPassOut", "RMAuth", "RUAuth"];
/// Fields of rules for apps, which never are Remote Desktop's service.
const APPS: [&str; 3] = ["AppPkgId", "LUOwn", "PFN"];

/// Returns the name under which a field still limits a rule; `None` where it limits nothing.
pub(crate) fn limit(key: &str) -> Option<&'static str> {
    let known = SECURE.iter().chain(&APPS).find(|known| starts(key, known)).copied();
    let limits = !UNLIMITED.iter().any(|name| name.eq_ignore_ascii_case(key));
    limits.then(|| known.unwrap_or("Limit"))
}

/// Kind of network that a machine believes it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The machine's own domain.
    Domain,
    /// One that somebody marked as private.
    Private,
    /// Any other.
    Public,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Domain, Self::Private, Self::Public];

    /// Returns the word that rules use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Domain => "Domain",
            Self::Private => "Private",
            Self::Public => "Public",
        }
    }
}

/// Effect of a rule on the traffic that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lets it in.
    Allow,
    /// Lets it in if IPsec protects it.
    AllowSecure,
    /// Keeps it out.
    Block,
}

/// Inbound rule, as far as it decides about a TCP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Name: in most rules a reference to a text of Windows.
    pub name: String,
    /// Effect on the traffic that it covers.
    pub action: Action,
    /// True if it is switched on.
    pub active: bool,
    profiles: Vec<String>,
    ports: Vec<String>,
    protocol: Option<u32>,
    /// True if it is, or may be, limited to some addresses, interfaces, users or versions of Windows.
    pub scoped: bool,
    /// True for a rule of a store app, of which Windows has hundreds, without a port.
    of_an_app: bool,
    /// `Svc` and `App`, lower case.
    service: Option<String>,
    program: Option<String>,
}

impl Rule {
    /// Reads a value; `None` if it is no inbound rule.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<(&str, &str)> = text.split('|').filter_map(|field| field.split_once('=')).collect();
        let all = |name: &'static str| {
            fields.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
        };
        let one = |name: &'static str| all(name).next();
        if !text.starts_with('v') || !one("Dir")?.eq_ignore_ascii_case("In") {
            return None;
        }
        // ByPass lets protected connections past rules that block, which an ordinary client does not use
        let secure = fields.iter().any(|(key, _)| SECURE.iter().any(|name| starts(key, name)));
        let action = match one("Action")?.to_ascii_lowercase().as_str() {
            "allow" if secure => Action::AllowSecure,
            "allow" => Action::Allow,
            "block" => Action::Block,
            _ => Action::AllowSecure,
        };
        Some(Self {
            name: one("Name").unwrap_or_default().to_owned(),
            action,
            active: one("Active").is_some_and(|active| active.eq_ignore_ascii_case("TRUE")),
            profiles: all("Profile").map(str::to_owned).collect(),
            ports: all("LPort").map(str::to_owned).chain(all("LPort2_10").map(str::to_owned)).collect(),
            protocol: one("Protocol").and_then(|number| number.parse().ok()),
            scoped: fields.iter().any(|(key, _)| limit(key).is_some()),
            of_an_app: fields.iter().any(|(key, _)| APPS.iter().any(|name| starts(key, name))),
            service: one("Svc").map(str::to_ascii_lowercase),
            program: one("App").map(str::to_ascii_lowercase),
        })
    }

    /// Returns the rule as this build of Windows applies it: `None` for a kernel rule where a service holds the port.
    pub fn in_build(self, build: Option<u32>) -> Option<Self> {
        if self.program.as_deref() != Some("system") {
            return Some(self);
        }
        match build {
            Some(build) => (build < SERVICE_BUILD).then_some(self),
            None => Some(Self { scoped: true, ..self }),
        }
    }

    /// True if it is on and covers connections to this TCP port of Remote Desktop in this kind of network.
    pub fn covers(&self, port: u16, profile: Profile) -> bool {
        let here =
            self.profiles.is_empty() || self.profiles.iter().any(|word| word.eq_ignore_ascii_case(profile.word()));
        let protocol = self.protocol.is_none_or(|number| number == TCP || number == ANY);
        let service = self.service.as_deref().is_none_or(|name| name == "termservice" || name == "*");
        let host = |program: &str| program == "system" || program.ends_with("\\svchost.exe");
        let program = self.program.as_deref().is_none_or(host);
        self.active && here && protocol && service && program && !self.of_an_app && self.port(port)
    }

    fn port(&self, port: u16) -> bool {
        among(&self.ports, port)
    }
}

/// Outbound rule, as far as it decides about a TCP port of another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// Name: in most rules a reference to a text of Windows.
    pub name: String,
    blocks: bool,
    active: bool,
    profiles: Vec<String>,
    ports: Vec<String>,
    protocol: Option<u32>,
    /// `App`, lower case.
    program: Option<String>,
    /// True if something else limits it, such as addresses, users, services or versions of Windows.
    limited: bool,
}

/// Fields of an outbound rule that are evaluated, or do not limit it.
const OUTBOUND: [&str; 11] =
    ["Action", "Active", "Dir", "Profile", "Protocol", "RPort", "RPort2_10", "App", "Name", "Desc", "EmbedCtxt"];

impl Outbound {
    /// Reads a value; `None` if it is no outbound rule.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<(&str, &str)> = text.split('|').filter_map(|field| field.split_once('=')).collect();
        let all = |name: &'static str| {
            fields.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
        };
        let one = |name: &'static str| all(name).next();
        if !text.starts_with('v') || !one("Dir")?.eq_ignore_ascii_case("Out") {
            return None;
        }
        let known = |key: &str| OUTBOUND.iter().any(|name| name.eq_ignore_ascii_case(key));
        Some(Self {
            name: one("Name").unwrap_or_default().to_owned(),
            blocks: one("Action")?.eq_ignore_ascii_case("Block"),
            active: one("Active").is_some_and(|active| active.eq_ignore_ascii_case("TRUE")),
            profiles: all("Profile").map(str::to_owned).collect(),
            ports: all("RPort").chain(all("RPort2_10")).map(str::to_owned).collect(),
            protocol: one("Protocol").and_then(|number| number.parse().ok()),
            program: one("App").map(str::to_ascii_lowercase),
            limited: fields.iter().any(|(key, _)| !known(key)),
        })
    }

    /// True if it is in force and blocks something.
    pub fn is_blocking(&self) -> bool {
        self.active && self.blocks
    }

    /// True if it may keep the client of Windows from this TCP port in this kind of network.
    pub fn may_block(&self, port: u16, profile: Profile) -> bool {
        let here =
            self.profiles.is_empty() || self.profiles.iter().any(|word| word.eq_ignore_ascii_case(profile.word()));
        let protocol = self.protocol.is_none_or(|number| number == TCP || number == ANY);
        let program = self.program.as_deref().is_none_or(|program| program.ends_with("\\mstsc.exe"));
        self.is_blocking() && here && protocol && program && among(&self.ports, port)
    }

    /// True if it does so for every host and every person.
    pub fn blocks_all(&self, port: u16, profile: Profile) -> bool {
        !self.limited && self.may_block(port, profile)
    }
}

/// True if a list of ports and ranges has this one, or is empty, which stands for all.
fn among(ports: &[String], port: u16) -> bool {
    let within = |text: &String| match text.split_once('-') {
        Some((from, to)) => match (from.parse::<u16>(), to.parse::<u16>()) {
            (Ok(from), Ok(to)) => (from..=to).contains(&port),
            _ => false,
        },
        None => text.parse() == Ok(port),
    };
    ports.is_empty() || ports.iter().any(within)
}

/// Returns a rule as it is when it was switched on for these addresses, beside those that it names.
pub fn opened(rule: &str, addresses: &[String]) -> String {
    let field = |address: &String| format!("{}={address}", if address.contains(':') { "RA6" } else { "RA4" });
    let mut fields: Vec<String> = rule.split('|').map(str::to_owned).collect();
    for one in &mut fields {
        if one.split_once('=').is_some_and(|(key, _)| key.eq_ignore_ascii_case("Active")) {
            "Active=TRUE".clone_into(one);
        }
    }
    let new: Vec<String> =
        addresses.iter().map(field).filter(|new| !fields.iter().any(|known| known.eq_ignore_ascii_case(new))).collect();
    // a rule ends with a bar, so its last field is empty
    let end = fields.len() - usize::from(fields.last().is_some_and(String::is_empty));
    fields.splice(end..end, new);
    fields.join("|")
}

/// True if a field's name begins like this, ignoring case.
fn starts(key: &str, with: &str) -> bool {
    key.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// Combined effect of rules on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everybody is let in.
    Open,
    /// Some addresses or users are let in; the name of a rule that says so.
    Scoped(String),
    /// Only peers authenticated by IPsec are let in; the name of the rule.
    Secure(String),
    /// A rule blocks it; its name.
    Blocked(String),
    /// No active rule lets it in; the name of one that would if it were on.
    NoRule(Option<String>),
}

/// Judges rules for this TCP port of Remote Desktop in this kind of network. A rule that blocks beats those that allow.
pub fn judge(rules: &[Rule], port: u16, profile: Profile) -> Verdict {
    let covering = || rules.iter().filter(|rule| rule.covers(port, profile));
    let with = |action| covering().filter(move |rule| rule.action == action);
    if let Some(rule) = with(Action::Block).find(|rule| !rule.scoped) {
        return Verdict::Blocked(rule.name.clone());
    }
    let (partly, secure) = (with(Action::Block).next(), with(Action::AllowSecure).next());
    let allows = || with(Action::Allow);
    if let Some(rule) = partly.filter(|_| allows().next().is_some()) {
        return Verdict::Scoped(rule.name.clone());
    }
    if allows().any(|rule| !rule.scoped) {
        return Verdict::Open;
    }
    match (allows().next(), secure) {
        (Some(rule), _) => Verdict::Scoped(rule.name.clone()),
        (None, Some(rule)) => Verdict::Secure(rule.name.clone()),
        (None, None) => Verdict::NoRule(nearest(rules, port, profile)),
    }
}

/// Finds a rule for exactly this port that lets nothing in.
fn nearest(rules: &[Rule], port: u16, profile: Profile) -> Option<String> {
    let named = |rule: &&Rule| !rule.ports.is_empty() && rule.port(port) && rule.action != Action::Block;
    let on = |rule: &Rule| Rule { active: true, ..rule.clone() }.covers(port, profile);
    rules.iter().filter(named).find(|rule| on(rule)).map(|rule| format!("{} is off", rule.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=RDP|";

    fn judged(rules: &[&str], profile: Profile) -> Verdict {
        judged_in(None, rules, profile)
    }

    fn judged_in(build: Option<u32>, rules: &[&str], profile: Profile) -> Verdict {
        let rules: Vec<_> = rules.iter().filter_map(|text| Rule::parse(text)?.in_build(build)).collect();
        judge(&rules, 3389, profile)
    }

    #[test]
    fn windows_own_rule_lets_it_in() {
        assert_eq!(judged(&[OWN], Profile::Public), Verdict::Open);
        let private = OWN.replace("Dir=In", "Dir=In|Profile=Domain|Profile=Private");
        assert_eq!(judged(&[&private], Profile::Private), Verdict::Open);
        assert_eq!(judged(&[&private], Profile::Public), Verdict::NoRule(None));
    }

    #[test]
    fn a_rule_that_is_off_is_named() {
        let off = OWN.replace("TRUE", "FALSE");
        assert_eq!(judged(&[&off], Profile::Domain), Verdict::NoRule(Some("RDP is off".to_owned())));
    }

    /// On hosts of an isolated domain every client of the domain gets in.
    #[test]
    fn a_rule_that_asks_for_ipsec_lets_some_in() {
        let off = OWN.replace("TRUE", "FALSE");
        for field in ["Security=Authenticate", "Security2_9=An-NoEncap", "RMauth=O:LSD:(A;;CC;;;S-1-5-11)"] {
            let secure = OWN.replace("Name=RDP", &format!("{field}|RUAuth=O:LSD:(A;;CC;;;BU)|Name=Safe"));
            assert_eq!(judged(&[&off, &secure], Profile::Domain), Verdict::Secure("Safe".to_owned()), "{field}");
            assert_eq!(judged(&[OWN, &secure], Profile::Domain), Verdict::Open, "{field}");
        }
    }

    /// An unknown limit on a rule neither opens nor closes the port for everybody.
    #[test]
    fn a_rule_with_a_limit_is_not_for_all() {
        let limits =
            ["LUAuth=O:LSD:(A;;CC;;;S-1-5-21-1-2-3-1105)", "Platform=2:5:0|Platform2=EQ", "TTK2_28=x", "New=1"];
        for limit in limits {
            let rule = OWN.replace("Name=", &format!("{limit}|Name="));
            let scoped = Verdict::Scoped("RDP".to_owned());
            assert_eq!(judged(&[&rule], Profile::Domain), scoped, "{limit}");
            let block = format!("v2.30|Action=Block|Active=TRUE|Dir=In|{limit}|Name=RDP|");
            assert_eq!(judged(&[OWN, &block], Profile::Domain), scoped, "{limit}");
        }
        let usual = OWN.replace("Name=", "Edge=TRUE|Defer=App|Desc=x|EmbedCtxt=y|Name=");
        assert_eq!(judged(&[&usual], Profile::Domain), Verdict::Open);
    }

    #[test]
    fn a_rule_is_opened_for_more_and_keeps_those_that_it_had() {
        let some = |addresses: &[&str]| addresses.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let off = OWN.replace("TRUE", "FALSE").replace("Name=", "RA4=10.0.0.0/255.0.0.0|Name=");
        let open = opened(&off, &some(&["192.0.2.0/24", "2001:db8::/32"]));
        let expected = OWN.replace("Name=", "RA4=10.0.0.0/255.0.0.0|Name=") + "RA4=192.0.2.0/24|RA6=2001:db8::/32|";
        assert_eq!(open, expected);
        assert_eq!(opened(&open, &some(&["192.0.2.0/24"])), open);
        assert_eq!(judged(&[&open], Profile::Public), Verdict::Scoped("RDP".to_owned()));
        assert_eq!(opened("", &some(&["192.0.2.7"])), "RA4=192.0.2.7|");
    }

    /// Whether a driver or a service holds the port depends on the version of Windows.
    #[test]
    fn a_rule_for_the_kernel_is_for_old_windows() {
        let old = "v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=System|Name=Old|";
        let block = "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|App=System|Name=No|";
        let some = |name: &str| Verdict::Scoped(name.to_owned());
        for (build, alone, blocked) in [
            (Some(7601), Verdict::Open, Verdict::Blocked("No".to_owned())),
            (Some(19045), Verdict::NoRule(None), Verdict::Open),
            (None, some("Old"), some("No")),
        ] {
            assert_eq!(judged_in(build, &[old], Profile::Domain), alone, "{build:?}");
            assert_eq!(judged_in(build, &[OWN, block], Profile::Domain), blocked, "{build:?}");
        }
    }

    #[test]
    fn a_rule_that_blocks_wins() {
        let block = "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=3000-4000|Name=No|";
        assert_eq!(judged(&[OWN, block], Profile::Domain), Verdict::Blocked("No".to_owned()));
        let range = block.replace("LPort=", "LPort=80|LPort2_10=");
        assert_eq!(judged(&[OWN, &range], Profile::Domain), Verdict::Blocked("No".to_owned()));
        let some = block.replace("Name", "RA4=203.0.113.0/24|Name");
        assert_eq!(judged(&[OWN, &some], Profile::Domain), Verdict::Scoped("No".to_owned()));
    }

    #[test]
    fn what_is_for_others_does_not_count() {
        for (from, to) in [
            ("Protocol=6", "Protocol=17"),
            ("3389", "3390"),
            ("termservice", "WinRM"),
            ("Dir=In", "Dir=Out"),
            ("svchost", "RdpSa"),
        ] {
            assert_eq!(judged(&[&OWN.replace(from, to)], Profile::Domain), Verdict::NoRule(None), "{to}");
        }
        let app = "v2.30|Action=Allow|Active=TRUE|Dir=In|AppPkgId=S-1-15-2-1|LUOwn=S-1-5-21-1|Name=Calculator|";
        assert_eq!(judged(&[app], Profile::Domain), Verdict::NoRule(None));
        assert_eq!(judged(&[OWN, &app.replace("Allow", "Block")], Profile::Domain), Verdict::Open);
        let any = "v2.30|Action=Allow|Active=TRUE|Dir=In|Name=Everything|";
        assert_eq!(judged(&[any], Profile::Domain), Verdict::Open);
        assert_eq!(judged(&[&any.replace("Name", "Protocol=256|Name")], Profile::Domain), Verdict::Open);
        let near = OWN.replace("Name=", "RA4=LocalSubnet|Name=");
        assert_eq!(judged(&[&near], Profile::Domain), Verdict::Scoped("RDP".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            drop(Rule::parse(&text));
            drop(Rule::parse(&format!("v2.0|Dir=In|Action=Allow|Active=TRUE|LPort={text}")));
        }
    }
}
