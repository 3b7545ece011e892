//! Placeholders in commands, and what is known to stand in their places.

use evidence::{Host, Role, Target};

use crate::cause::Cause;

/// The port of Remote Desktop unless somebody has changed it.
const USUAL_PORT: u16 = 3389;

/// Each placeholder, and what stands there where nothing is known: a word in capitals, with what to replace it with.
const PLACEHOLDERS: [(&str, &str, Option<&str>); 10] = [
    ("{host}", "HOST", Some("the host's name or address")),
    ("{name}", "NAME", Some("the host's name")),
    ("{port}", "3389", None),
    ("{other_port}", "PORT", Some("the port that Remote Desktop is to use")),
    ("{side}", "Server", None),
    ("{thumbprint}", "THUMBPRINT", Some("the thumbprint of the certificate to use")),
    ("{addresses}", "ADMIN-SUBNET", Some("the addresses that may connect, such as 192.0.2.0/24")),
    // as Debian and Ubuntu call them
    ("{user}", "xrdp", None),
    ("{group}", "ssl-cert", None),
    ("{file}", "FILE.rdp", Some("the path of the .rdp file")),
];

/// Facts about the machine, and wishes, that commands are written for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    host: Option<String>,
    name: Option<String>,
    port: Option<u16>,
    client: bool,
    /// The thumbprint of the certificate to use, hexadecimal.
    pub thumbprint: Option<String>,
    /// The addresses that are to get in.
    pub addresses: Vec<String>,
    /// The `.rdp` file.
    pub file: Option<String>,
}

impl Given {
    /// Knows nothing: commands as on a page of the book.
    pub const NOTHING: Self =
        Self { host: None, name: None, port: None, client: false, thumbprint: None, addresses: Vec::new(), file: None };

    /// Takes in whom a person asked for, or where else the host is. Text from elsewhere that is no name and no address
    /// is left out: it would stand in commands that people paste.
    #[must_use]
    pub fn host(mut self, text: &str) -> Self {
        match Target::parse(text).map(|target| target.host) {
            Ok(Host::Name(name)) => (self.host, self.name) = (Some(name.clone()), Some(name)),
            Ok(Host::Address(address)) => self.host = Some(address.to_string()),
            Ok(Host::Zoned(..)) | Err(_) => {}
        }
        self
    }

    /// Takes in the port of Remote Desktop.
    #[must_use]
    pub fn port(self, port: Option<u16>) -> Self {
        Self { port: port.or(self.port), ..self }
    }

    /// Takes in which side the cause lies on.
    #[must_use]
    pub fn side_of(self, cause: &Cause) -> Self {
        Self { client: cause.role == Role::Client, ..self }
    }

    /// Returns the text with what is known in the places of its placeholders.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (placeholder, unknown, _) in PLACEHOLDERS {
            if filled.contains(placeholder) {
                let known = self.known(placeholder);
                filled = filled.replace(placeholder, known.as_deref().unwrap_or(unknown));
            }
        }
        filled
    }

    /// Lists the words in capitals that stay in these texts, because nothing is known for them.
    pub fn missing_words<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Vec<&'static str> {
        self.left(texts).into_iter().map(|(word, _)| word).collect()
    }

    /// Says what they have to be replaced with, as `ADMIN-SUBNET with the addresses that may connect`; `None` where
    /// nothing has to be.
    pub fn missing<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let words: Vec<String> = self.left(texts).iter().map(|(word, with)| format!("{word} with {with}")).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }

    fn left<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Vec<(&'static str, &'static str)> {
        let texts: Vec<&str> = texts.into_iter().collect();
        let open = |placeholder: &str| {
            texts.iter().any(|text| text.contains(placeholder)) && self.known(placeholder).is_none()
        };
        let left = PLACEHOLDERS.into_iter().filter(|(placeholder, ..)| open(placeholder));
        left.filter_map(|(_, word, with)| Some((word, with?))).collect()
    }

    fn known(&self, placeholder: &str) -> Option<String> {
        match placeholder {
            "{host}" => self.host.clone(),
            "{name}" => self.name.clone(),
            "{port}" => self.port.map(|port| port.to_string()),
            "{other_port}" => self.port.filter(|port| *port != USUAL_PORT).map(|port| port.to_string()),
            "{side}" => self.client.then(|| "Client".to_owned()),
            "{thumbprint}" => self.thumbprint.clone(),
            "{addresses}" => (!self.addresses.is_empty()).then(|| self.addresses.join("','")),
            "{file}" => self.file.clone(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{host} {name} {port} {other_port} {side} {thumbprint} {addresses} {file} @{n='x'} { $_ }";

    #[test]
    fn what_is_known_is_filled_in() {
        let unknown = "HOST NAME 3389 PORT Server THUMBPRINT ADMIN-SUBNET FILE.rdp @{n='x'} { $_ }";
        assert_eq!(Given::NOTHING.fill(TEXT), unknown);
        let named = Given::NOTHING.host("server01.corp.example").port(Some(3399));
        let known = "server01.corp.example server01.corp.example 3399 3399 Server";
        assert_eq!(named.fill("{host} {name} {port} {other_port} {side}"), known);
        let usual = Given::NOTHING.host("192.0.2.7").port(Some(3389));
        assert_eq!(usual.fill("{host} {name} {port} {other_port}"), "192.0.2.7 NAME 3389 PORT");
        let client = crate::causes::find("client-tls12-disabled").unwrap();
        assert_eq!(Given::NOTHING.side_of(client).fill("{side}"), "Client");
    }

    #[test]
    fn what_has_to_be_replaced_is_said() {
        let texts = ["Set {addresses}", "{host} {port} {side}"];
        assert_eq!(Given::NOTHING.missing_words(texts), ["HOST", "ADMIN-SUBNET"]);
        let named = Given::NOTHING.host("server01");
        let words = "ADMIN-SUBNET with the addresses that may connect, such as 192.0.2.0/24";
        assert_eq!(named.missing(texts).as_deref(), Some(words));
        assert_eq!(named.missing(["{host} {port}"]), None);
    }

    /// A name from a capture or a log may be any text.
    #[test]
    fn what_is_no_name_does_not_get_into_a_command() {
        for text in ["x; Remove-Item C:\\", "$(calc)", "a`b", "'", "\"", "fe80::1%$(calc)", "", "a b"] {
            assert_eq!(Given::NOTHING.host(text).fill("{host} {name}"), "HOST NAME", "{text}");
        }
    }
}
