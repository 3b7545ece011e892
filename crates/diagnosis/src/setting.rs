//! Settings in force: a policy's before the machine's own, and the versions that Schannel has switched off.

use evidence::Because;
use evidence::state::{CIPHER_POLICY, POLICY, Part, RegistryData, SCHANNEL, WINDOWS};
use wire::tls::{TlsVersion, suite};

use crate::case::{Case, Seen};
use crate::cause::Confidence;

/// First build with TLS 1.3 in Schannel: Windows Server 2022 and Windows 11.
pub(crate) const TLS13_BUILD: u32 = 20_348;
/// First build with TLS 1.3 as a preview: Windows 10 1903.
const TLS13_TRIAL_BUILD: u32 = 18_362;
/// First build with TLS 1.2 on by default: Windows 8 and Server 2012.
pub(crate) const TLS12_BUILD: u32 = 9200;

/// Setting that switches a version off for every program.
const ENABLED: &str = "Enabled = 0";

/// Number in force, and its origin.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Number; `None` where neither policy nor machine has the value.
    pub number: Option<u32>,
    /// Reason that cites it.
    pub because: Because,
    /// True if the policies were read as well, or it comes from one.
    pub settled: bool,
}

impl Setting {
    /// Returns how sure a conclusion from it can be.
    pub fn confidence(&self) -> Confidence {
        if self.settled { Confidence::Proven } else { Confidence::Likely }
    }
}

impl<'a> Case<'a> {
    /// Reads a Remote Desktop setting that a group policy can override: the one in force, if either was read.
    pub fn setting(self, path: &str, name: &str) -> Option<Setting> {
        let policy = self.number(POLICY, name);
        if let Some(Seen { value: Some(number), id }) = policy {
            let text = format!("the group policy says {name} = {number}");
            return Some(Setting { number: Some(number), because: Because { text, observation: id }, settled: true });
        }
        let own = self.number(path, name)?;
        let text = match own.value {
            Some(number) => format!("the host's own setting says {name} = {number}"),
            None => format!("{name} is not set"),
        };
        let because = Because { text, observation: own.id };
        Some(Setting { number: own.value, because, settled: policy.is_some() })
    }

    /// Reads a text value.
    pub fn text(self, path: &str, name: &str) -> Option<Seen<Option<&'a str>>> {
        let value = self.value(path, name)?;
        let text =
            value.value.and_then(|data| if let RegistryData::Text(text) = data { Some(text.as_str()) } else { None });
        Some(Seen { value: text, id: value.id })
    }

    /// Reads the Windows build number.
    pub fn build(self) -> Option<Seen<u32>> {
        let build = self.text(WINDOWS, "CurrentBuildNumber")?;
        Some(Seen { value: build.value?.trim().parse().ok()?, id: build.id })
    }

    /// Gives the reason why Schannel does not use this version, and how sure that is: switched off, or too new for this
    /// Windows. A version that is off by default is still used by a program that asks for it by name.
    pub fn schannel_lacks(self, version: TlsVersion, part: Part) -> Option<(Confidence, Because)> {
        let path = schannel(version, part);
        let value = |name| self.number(&path, name);
        let off = value("Enabled").filter(|seen| seen.value == Some(0)).map(|seen| (seen, ENABLED));
        let not_asked = || value("DisabledByDefault").filter(|seen| seen.value.is_some_and(|number| number != 0));
        let off = off.or_else(|| not_asked().map(|seen| (seen, "DisabledByDefault = 1")));
        if let Some((seen, words)) = off {
            let sure = if words == ENABLED { Confidence::Proven } else { Confidence::Likely };
            let text = format!("{version} is switched off for the {}: {words}", side(part).to_lowercase());
            return Some((sure, seen.because(text)));
        }
        // some older ones have it as a preview, where somebody has switched it on
        let tried = value("Enabled").is_some_and(|seen| seen.value.is_some());
        let has = |build: u32| build >= TLS13_BUILD || build >= TLS13_TRIAL_BUILD && tried;
        let old = |build: &Seen<u32>| version == TlsVersion::Tls13 && !has(build.value);
        let build = self.build().filter(old)?;
        Some((Confidence::Proven, build.because(format!("Windows build {} has no {version}", build.value))))
    }

    /// True if this version was switched on: both values are there and say so.
    pub fn schannel_switched_on(self, version: TlsVersion, part: Part) -> bool {
        let path = schannel(version, part);
        let value = |name| self.number(&path, name).and_then(|seen| seen.value);
        value("Enabled").is_some_and(|number| number != 0) && value("DisabledByDefault") == Some(0)
    }

    /// Reads the policy for the suites' order, which also limits them to its list, with the observation; `None` in the
    /// list for names we do not know. `None` where no policy names any.
    pub fn cipher_policy(self) -> Option<(usize, Vec<Option<u16>>)> {
        let seen = self.value(CIPHER_POLICY, "Functions")?;
        let names: Vec<String> = match seen.value? {
            RegistryData::Text(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
            RegistryData::Texts(texts) => texts.clone(),
            _ => return None,
        };
        let known = names.iter().filter(|name| !name.is_empty()).map(|name| {
            // before Windows 10 the curve was part of the name
            let plain = ["_P256", "_P384", "_P521"].iter().find_map(|curve| name.strip_suffix(curve));
            suite::code(plain.unwrap_or(name))
        });
        let known: Vec<_> = known.collect();
        (!known.is_empty()).then_some((seen.id, known))
    }

    /// Gives the reason why Schannel uses TLS 1.2: switched on, or on by default in this Windows.
    pub fn schannel_has_tls12(self, part: Part) -> Option<Because> {
        let path = schannel(TlsVersion::Tls12, part);
        let (enabled, not_asked) = (self.number(&path, "Enabled")?, self.number(&path, "DisabledByDefault")?);
        if enabled.value == Some(0) || not_asked.value.is_some_and(|number| number != 0) {
            return None;
        }
        // Remote Desktop of Windows 7 and Server 2008 R2 also needs KB3080079, which is not seen here
        let old = self.build().is_some_and(|build| build.value < TLS12_BUILD);
        if enabled.value.is_some() && not_asked.value.is_some() && !(old && part == Part::Host) {
            return Some(enabled.because("TLS 1.2 is switched on"));
        }
        let build = self.build().filter(|build| build.value >= TLS12_BUILD)?;
        Some(
            build
                .because(format!("TLS 1.2 is not switched off, and Windows build {} has it on by itself", build.value)),
        )
    }
}

/// Builds the registry key of a version.
fn schannel(version: TlsVersion, part: Part) -> String {
    format!(r"{SCHANNEL}\{version}\{}", side(part))
}

/// Names the side of a connection as Schannel does.
fn side(part: Part) -> &'static str {
    match part {
        Part::Host => "Server",
        Part::Client => "Client",
    }
}
