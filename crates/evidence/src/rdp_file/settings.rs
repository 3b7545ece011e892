//! Settings that matter, with their defaults, and their effect on a connection.

use wire::x224::SecurityProtocols;

use super::{RdpFileRecord, same_name};
use crate::profile::ClientProfile;
use crate::target::{DEFAULT_PORT, Target, TargetError};

/// Port at which Hyper-V serves the consoles of its machines. It starts with TLS, without a negotiation.
///
/// Source: Microsoft: Azure Stack Edge, connect to the virtual machine console.
const HYPER_V_PORT: u16 = 2179;

/// Setting with a known meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Name in the file.
    pub name: &'static str,
    /// `i`, `s` or `b`.
    pub kind: char,
    /// Default of mstsc, where known.
    pub default: Option<&'static str>,
    /// True if it decides where a connection goes or whether it succeeds.
    pub decides: bool,
    /// True if its value may appear in a report.
    pub shown: bool,
    /// Source of the default.
    pub source: Origin,
}

/// Source of a piece of knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Microsoft: Supported RDP properties.
    Microsoft,
    /// Generally said; not documented by Microsoft.
    Practice,
}

const fn number(name: &'static str, default: &'static str, source: Origin) -> Known {
    Known { name, kind: 'i', default: Some(default), decides: true, shown: true, source }
}

const fn text(name: &'static str, shown: bool, source: Origin) -> Known {
    Known { name, kind: 's', default: None, decides: true, shown, source }
}

const fn aside(name: &'static str, kind: char, source: Origin) -> Known {
    Known { name, kind, default: None, decides: false, shown: kind == 'i', source }
}

/// Known settings. The value of any other is not shown, unless it is a number.
pub const KNOWN: &[Known] = &[
    text("full address", true, Origin::Microsoft),
    text("alternate full address", true, Origin::Microsoft),
    number("server port", "3389", Origin::Practice),
    number("authentication level", "3", Origin::Microsoft),
    number("enablecredsspsupport", "1", Origin::Microsoft),
    number("negotiate security layer", "1", Origin::Practice),
    number("enablerdsaadauth", "0", Origin::Microsoft),
    number("targetisaadjoined", "0", Origin::Microsoft),
    text("gatewayhostname", true, Origin::Microsoft),
    number("gatewayusagemethod", "0", Origin::Microsoft),
    number("gatewayprofileusagemethod", "0", Origin::Microsoft),
    number("gatewaycredentialssource", "0", Origin::Microsoft),
    number("gatewaybrokeringtype", "0", Origin::Practice),
    text("gatewayaccesstoken", false, Origin::Practice),
    text("kdcproxyname", true, Origin::Microsoft),
    number("rdgiskdcproxy", "0", Origin::Practice),
    number("use redirection server name", "0", Origin::Practice),
    text("loadbalanceinfo", false, Origin::Practice),
    text("pcb", false, Origin::Practice),
    number("remoteapplicationmode", "0", Origin::Microsoft),
    aside("username", 's', Origin::Microsoft),
    aside("domain", 's', Origin::Microsoft),
    aside("password 51", 'b', Origin::Practice),
    aside("prompt for credentials", 'i', Origin::Practice),
    aside("prompt for credentials on client", 'i', Origin::Practice),
    aside("promptcredentialonce", 'i', Origin::Microsoft),
    aside("administrative session", 'i', Origin::Practice),
    aside("screen mode id", 'i', Origin::Microsoft),
    aside("desktopwidth", 'i', Origin::Microsoft),
    aside("autoreconnection enabled", 'i', Origin::Microsoft),
    aside("remoteapplicationprogram", 's', Origin::Microsoft),
    aside("redirectclipboard", 'i', Origin::Microsoft),
    aside("redirectprinters", 'i', Origin::Microsoft),
    aside("redirectsmartcards", 'i', Origin::Microsoft),
    aside("redirectcomports", 'i', Origin::Microsoft),
    aside("redirectdrives", 'i', Origin::Practice),
    aside("redirectposdevices", 'i', Origin::Practice),
    aside("redirectwebauthn", 'i', Origin::Microsoft),
    aside("redirectlocation", 'i', Origin::Microsoft),
    aside("audiomode", 'i', Origin::Microsoft),
    aside("audiocapturemode", 'i', Origin::Microsoft),
    aside("use multimon", 'i', Origin::Microsoft),
    aside("drivestoredirect", 's', Origin::Microsoft),
    aside("devicestoredirect", 's', Origin::Practice),
    aside("usbdevicestoredirect", 's', Origin::Microsoft),
    aside("camerastoredirect", 's', Origin::Microsoft),
    aside("signature", 's', Origin::Practice),
    Known { shown: true, ..aside("signscope", 's', Origin::Practice) },
];

/// Finds the known setting of this name.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| same_name(known.name, name))
}

pub(super) fn is_known(name: &str) -> bool {
    known(name).is_some()
}

/// Condition for going through a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayUse {
    /// Always (`gatewayusagemethod` 1).
    Always,
    /// If it cannot reach the host directly (2).
    IfDirectFails,
}

/// Gateway that a file sends the client through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Name; `None` if the file leaves it to the administrator's settings.
    pub host: Option<String>,
    /// Condition for going through it.
    pub usage: GatewayUse,
}

/// Settings of a file as a client obeys them, as far as that is known: the first line of a name counts.
#[derive(Debug, Clone, Copy)]
pub struct RdpSettings<'a>(pub &'a RdpFileRecord);

impl<'a> RdpSettings<'a> {
    /// Returns the text of a setting that is present, not empty and may be shown.
    pub fn text(self, name: &str) -> Option<&'a str> {
        let mut lines = self.0.settings.iter().filter(|setting| same_name(&setting.name, name));
        lines.next()?.value.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Returns the number of a setting: the file's own, or the default.
    pub fn number(self, name: &str) -> Option<i64> {
        let written = self.text(name).and_then(|text| text.parse().ok());
        written.or_else(|| known(name)?.default?.parse().ok())
    }

    /// Returns the address as written, with the setting's name: `alternate full address` goes before `full address`, as
    /// FreeRDP has it of mstsc (client/common/file.c); files of a farm name the collection in the other.
    pub fn address(self) -> Option<(&'static str, &'a str)> {
        let named = |name| Some((name, self.text(name)?));
        named("alternate full address").or_else(|| named("full address"))
    }

    /// Returns where the connection goes. The address's own port wins; `server port` fills in where it has none.
    pub fn target(self) -> Option<Result<Target, TargetError>> {
        let (_, address) = self.address()?;
        Some(Target::parse(address).and_then(|target| {
            if target.port != DEFAULT_PORT || address.ends_with(":3389") {
                return Ok(target);
            }
            let port = self.number("server port").and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
            let wrong = || TargetError::Port(self.text("server port").unwrap_or_default().to_owned());
            Ok(Target { port: port.ok_or_else(wrong)?, ..target })
        }))
    }

    /// Returns the number in `server port`, where it is no port.
    pub fn wrong_port(self) -> Option<&'a str> {
        let port = self.text("server port")?;
        let number = port.parse::<i64>().ok()?;
        (!(1..=i64::from(u16::MAX)).contains(&number)).then_some(port)
    }

    /// True if it leads to the console of a Hyper-V machine: by its port, or by the machine named to the host first.
    pub fn hyper_v_console(self) -> bool {
        let told_first = self.0.settings.iter().any(|setting| same_name(&setting.name, "pcb"));
        told_first || matches!(self.target(), Some(Ok(target)) if target.port == HYPER_V_PORT)
    }

    /// True if CredSSP is switched off: such a client cannot meet a host that requires Network Level Authentication.
    pub fn without_credssp(self) -> bool {
        self.number("enablecredsspsupport") == Some(0)
    }

    /// True if the user that it names is a Microsoft Entra one.
    pub fn names_entra_user(self) -> bool {
        self.text("username").is_some_and(|user| user == super::ENTRA)
    }

    /// True if the client does not negotiate but starts with TLS.
    pub fn without_negotiation(self) -> bool {
        self.number("negotiate security layer") == Some(0)
    }

    /// True if the client refuses a host whose certificate it does not trust.
    pub fn requires_trust(self) -> bool {
        self.number("authentication level") == Some(1)
    }

    /// Returns the gateway that the client goes through; `None` if the file asks for none.
    pub fn gateway(self) -> Option<Gateway> {
        let usage = match self.number("gatewayusagemethod") {
            Some(1) => GatewayUse::Always,
            Some(2) => GatewayUse::IfDirectFails,
            _ => return None,
        };
        Some(Gateway { host: self.text("gatewayhostname").map(crate::printable::printable), usage })
    }

    /// Returns the profile, changed by what the file tells the client.
    pub fn applied_to(self, profile: ClientProfile) -> ClientProfile {
        let mut protocols = profile.protocols;
        if self.without_credssp() && protocols.credssp() {
            protocols = SecurityProtocols::SSL;
        }
        if self.number("enablerdsaadauth") == Some(1) {
            protocols = protocols.with(SecurityProtocols::RDSAAD);
        }
        let name = format!("{} with {}", profile.name, crate::printable::printable(&self.0.name));
        ClientProfile { name, protocols, ..profile }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RdpFile;
    use super::*;

    fn record(text: &str) -> RdpFileRecord {
        RdpFileRecord::of("x.rdp", &RdpFile::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_address_and_the_port_make_the_target() {
        for (text, target) in [
            ("full address:s:server", "server:3389"),
            ("full address:s: server ", "server:3389"),
            ("full address:s:server\nserver port:i:3390", "server:3390"),
            ("full address:s:server:3391\nserver port:i:3390", "server:3391"),
            ("full address:s:server:3389\nserver port:i:3390", "server:3389"),
            ("full address:s:2001:db8::7", "[2001:db8::7]:3389"),
            ("full address:s:[2001:db8::7]:3390", "[2001:db8::7]:3390"),
            ("full address:s:\nalternate full address:s:other", "other:3389"),
            ("full address:s:one\nalternate full address:s:other", "other:3389"),
            ("full address:s:one\nalternate full address:s:", "one:3389"),
        ] {
            let record = record(text);
            assert_eq!(RdpSettings(&record).target().unwrap().unwrap().to_string(), target, "{text}");
        }
        for wrong in ["full address:s:a b", "full address:s:server:99999", "full address:s:server\nserver port:i:0"] {
            assert!(RdpSettings(&record(wrong)).target().unwrap().is_err(), "{wrong}");
        }
        assert!(RdpSettings(&record("server port:i:3390")).target().is_none());
    }

    #[test]
    fn a_console_of_hyper_v_is_known() {
        let console = |text: &str| RdpSettings(&record(text)).hyper_v_console();
        assert!(console("full address:s:server\nserver port:i:2179"));
        assert!(console("full address:s:server:2179"));
        assert!(console("full address:s:server\npcb:s:6a3c2f1e-1111-2222-3333-444455556666;EnhancedMode=0"));
        assert!(!console("full address:s:server\nserver port:i:3389"));
    }

    #[test]
    fn the_client_offers_what_the_file_lets_it_offer() {
        let with = |text: &str| {
            let profile = ClientProfile::find("mstsc-11").unwrap();
            RdpSettings(&record(text)).applied_to(profile).protocols
        };
        let usual = ClientProfile::find("mstsc-11").unwrap().protocols;
        assert_eq!(with("enablecredsspsupport:i:1"), usual);
        assert_eq!(with("screen mode id:i:2"), usual);
        assert_eq!(with("enablecredsspsupport:i:0"), SecurityProtocols::SSL);
        assert_eq!(with("enablerdsaadauth:i:1"), usual.with(SecurityProtocols::RDSAAD));
    }

    #[test]
    fn every_default_is_of_its_kind() {
        for known in KNOWN {
            let number = known.default.is_none_or(|default| default.parse::<i64>().is_ok());
            assert!(number && known.name == known.name.to_lowercase(), "{}", known.name);
            assert!(known.default.is_none() || known.kind == 'i', "{}", known.name);
        }
    }
}
