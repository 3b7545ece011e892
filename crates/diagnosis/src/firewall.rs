//! Rules of the Windows firewall as the registry keeps them, and whether they let a port in.
//!
//! Source: [MS-GPFAS] 2.2.2 (`v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|…`).

/// `Protocol` of TCP.
const TCP: u32 = 6;
/// How the fields begin that limit a rule to some addresses, ports, interfaces or users.
const SCOPES: [&str; 7] = ["RA4", "RA6", "LA4", "LA6", "RPort", "IF", "RUAuth"];
/// How the fields begin that ask for IPsec; some have the version of the form behind them.
const SECURE: [&str; 3] = ["Security", "AuthByPassOut", "RMAuth"];
/// The fields of rules for apps, which never are Remote Desktop's service.
const APPS: [&str; 3] = ["AppPkgId", "LUOwn", "PFN"];

/// The kind of network that a machine takes itself to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Its own domain.
    Domain,
    /// One that somebody called private.
    Private,
    /// Any other.
    Public,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Domain, Self::Private, Self::Public];

    /// The word in a rule.
    pub fn word(self) -> &'static str {
        match self {
            Self::Domain => "Domain",
            Self::Private => "Private",
            Self::Public => "Public",
        }
    }
}

/// What a rule does with what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It lets it in.
    Allow,
    /// It lets it in if IPsec protects it.
    AllowSecure,
    /// It keeps it out.
    Block,
}

/// A rule for what comes in, as far as it decides about a TCP port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name: in most rules a reference to a text of Windows.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// It is switched on.
    pub active: bool,
    profiles: Vec<String>,
    ports: Vec<String>,
    protocol: Option<u32>,
    /// It is limited to some addresses, interfaces or users.
    pub scoped: bool,
    /// It is for an app from the store, of which Windows has hundreds, without a port.
    of_an_app: bool,
    /// `Svc` and `App`, lower case.
    service: Option<String>,
    program: Option<String>,
}

impl Rule {
    /// Reads a value; `None` if it is no rule for what comes in.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<(&str, &str)> = text.split('|').filter_map(|field| field.split_once('=')).collect();
        let all = |name: &'static str| {
            fields.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
        };
        let one = |name: &'static str| all(name).next();
        if !text.starts_with('v') || !one("Dir")?.eq_ignore_ascii_case("In") {
            return None;
        }
        // ByPass lets protected connections past rules that block: not what an ordinary client does
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
            scoped: fields.iter().any(|(key, _)| SCOPES.iter().any(|scope| starts(key, scope))),
            of_an_app: fields.iter().any(|(key, _)| APPS.iter().any(|name| starts(key, name))),
            service: one("Svc").map(str::to_ascii_lowercase),
            program: one("App").map(str::to_ascii_lowercase),
        })
    }

    /// True if it is on and covers connections to this TCP port of Remote Desktop in this kind of network.
    pub fn covers(&self, port: u16, profile: Profile) -> bool {
        let here =
            self.profiles.is_empty() || self.profiles.iter().any(|word| word.eq_ignore_ascii_case(profile.word()));
        let protocol = self.protocol.is_none_or(|number| number == TCP);
        let service = self.service.as_deref().is_none_or(|name| name == "termservice" || name == "*");
        let host = |program: &str| program == "system" || program.ends_with("\\svchost.exe");
        let program = self.program.as_deref().is_none_or(host);
        self.active && here && protocol && service && program && !self.of_an_app && self.port(port)
    }

    fn port(&self, port: u16) -> bool {
        let within = |text: &String| match text.split_once('-') {
            Some((from, to)) => match (from.parse::<u16>(), to.parse::<u16>()) {
                (Ok(from), Ok(to)) => (from..=to).contains(&port),
                _ => false,
            },
            None => text.parse() == Ok(port),
        };
        self.ports.is_empty() || self.ports.iter().any(within)
    }
}

/// True if the name of a field begins like this, whatever the case.
fn starts(key: &str, with: &str) -> bool {
    key.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// What rules mean for a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is let in.
    Open,
    /// It is let in from some addresses, or for some.
    Scoped(String),
    /// A rule keeps it out; its name.
    Blocked(String),
    /// No rule that is on lets it in; the name of one that would if it were on, or did not ask for IPsec.
    NoRule(Option<String>),
}

/// What these rules mean for this TCP port of Remote Desktop in this kind of network. A rule that blocks beats those that allow.
pub fn judge(rules: &[Rule], port: u16, profile: Profile) -> Verdict {
    let covering = || rules.iter().filter(|rule| rule.covers(port, profile));
    if let Some(rule) = covering().find(|rule| rule.action == Action::Block && !rule.scoped) {
        return Verdict::Blocked(rule.name.clone());
    }
    let partly = covering().find(|rule| rule.action == Action::Block);
    let allows = || covering().filter(|rule| rule.action == Action::Allow);
    if let Some(rule) = partly.filter(|_| allows().next().is_some()) {
        return Verdict::Scoped(rule.name.clone());
    }
    if allows().any(|rule| !rule.scoped) {
        return Verdict::Open;
    }
    match allows().next() {
        Some(rule) => Verdict::Scoped(rule.name.clone()),
        None => Verdict::NoRule(nearest(rules, port, profile)),
    }
}

/// A rule that names this very port and lets nothing in.
fn nearest(rules: &[Rule], port: u16, profile: Profile) -> Option<String> {
    let named = |rule: &&Rule| !rule.ports.is_empty() && rule.port(port) && rule.action != Action::Block;
    let on = |rule: &Rule| Rule { active: true, ..rule.clone() }.covers(port, profile);
    rules.iter().filter(named).find(|rule| on(rule)).map(|rule| match rule.action {
        Action::AllowSecure if rule.active => format!("{} asks for IPsec", rule.name),
        _ => format!("{} is off", rule.name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\system32\svchost.exe|Svc=termservice|Name=RDP|";

    fn judged(rules: &[&str], profile: Profile) -> Verdict {
        let rules: Vec<_> = rules.iter().filter_map(|text| Rule::parse(text)).collect();
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
        for field in ["Security=Authenticate", "Security2_9=An-NoEncap", "RMauth=O:LSD:(A;;CC;;;S-1-5-11)"] {
            let secure = OWN.replace("Name=", &format!("{field}|Name="));
            let asks = Verdict::NoRule(Some("RDP asks for IPsec".to_owned()));
            assert_eq!(judged(&[&secure], Profile::Domain), asks, "{field}");
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
