//! Properties of a ClientHello that belong to the program that sends it, whatever it offers.

/// Manner of writing a ClientHello. Some hosts, and boxes on the way, look at no more than that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HelloStyle {
    /// None in particular: a record of version 3.1 and few extensions.
    #[default]
    Plain,
    /// Schannel's, as mstsc uses it: the record has the version of the hello; a session ticket is asked for, and secure
    /// renegotiation is announced by an extension (captures of mstsc on Windows 10).
    Schannel,
    /// OpenSSL's, as FreeRDP uses it: a record of version 3.1, secure renegotiation is announced by a suite that is
    /// none.
    OpenSsl,
}

impl HelloStyle {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Schannel, Self::OpenSsl];

    /// The name in transcripts and profiles.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Schannel => "schannel",
            Self::OpenSsl => "openssl",
        }
    }

    /// Reads what [`HelloStyle::name`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.name() == text)
    }
}

/// The manner of a client, and whom it asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HelloShape {
    /// Manner of writing it.
    pub style: HelloStyle,
    /// `server_name` (RFC 6066 section 3); `None` where an address was typed.
    pub server_name: Option<String>,
}

/// Which name a hello asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum NameSent {
    /// The one that was typed, as a client does; none where that was an address.
    #[default]
    Typed,
    /// None at all.
    None,
    /// One that nobody has: it shows whether a host wants any.
    Invented,
}

/// The invented name: RFC 6761 section 6.4 keeps it from ever being anybody's.
pub const INVENTED_NAME: &str = "host.invalid";

impl HelloShape {
    /// The name that a hello with this choice asks for.
    pub fn name(&self, sent: NameSent) -> Option<&str> {
        match sent {
            NameSent::Typed => self.server_name.as_deref(),
            NameSent::None => None,
            NameSent::Invented => Some(INVENTED_NAME),
        }
    }
}
