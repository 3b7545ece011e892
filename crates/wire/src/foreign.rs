//! Names the service that answered where Remote Desktop was expected.

/// A service that is not Remote Desktop, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignService {
    /// RFC 4253 section 4.2: `SSH-`.
    Ssh,
    /// RFC 9112: `HTTP/`.
    Http,
    /// RFC 6143 section 7.1.1: `RFB `.
    Vnc,
    /// RFC 5321 section 4.2: a `220 ` greeting that says SMTP or ESMTP.
    Smtp,
    /// RFC 959: another `220` greeting.
    Ftp,
    /// RFC 8446 section 5.1: a TLS record instead of a TPKT.
    Tls,
    /// RFC 9051 or RFC 1939: `* OK` or `+OK`.
    Mail,
    /// The Telnet option negotiation of RFC 854.
    Telnet,
}

impl ForeignService {
    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssh => "SSH",
            Self::Http => "HTTP",
            Self::Vnc => "VNC",
            Self::Smtp => "SMTP",
            Self::Ftp => "FTP",
            Self::Tls => "TLS",
            Self::Mail => "IMAP or POP3",
            Self::Telnet => "Telnet",
        }
    }

    /// Recognises the first bytes of an answer.
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        let greeting =
            String::from_utf8_lossy(bytes.get(..bytes.len().min(256)).unwrap_or_default()).to_ascii_uppercase();
        Some(match bytes {
            [b'S', b'S', b'H', b'-', ..] => Self::Ssh,
            [b'H', b'T', b'T', b'P', b'/', ..] => Self::Http,
            [b'R', b'F', b'B', b' ', ..] => Self::Vnc,
            [b'2', b'2', b'0', b' ' | b'-', ..] if greeting.contains("SMTP") => Self::Smtp,
            [b'2', b'2', b'0', b' ' | b'-', ..] => Self::Ftp,
            [b'*', b' ', b'O', b'K', ..] | [b'+', b'O', b'K', ..] => Self::Mail,
            [0x15 | 0x16, 3, 0..=4, ..] => Self::Tls,
            [0xFF, 0xFB..=0xFE, ..] => Self::Telnet,
            _ if greeting.starts_with("<!DOCTYPE HTML") || greeting.starts_with("<HTML") => Self::Http,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_neighbours_are_named() {
        for (bytes, service) in [
            (&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], ForeignService::Ssh),
            (b"HTTP/1.1 400 Bad Request\r\n", ForeignService::Http),
            (b"<html><head>", ForeignService::Http),
            (b"RFB 003.008\n", ForeignService::Vnc),
            (b"220 mail.example ESMTP Postfix\r\n", ForeignService::Smtp),
            (b"220 (vsFTPd 3.0.3)\r\n", ForeignService::Ftp),
            (&[0x15, 3, 1, 0, 2, 2, 70], ForeignService::Tls),
            (b"+OK ready", ForeignService::Mail),
            (&[0xFF, 0xFD, 0x18], ForeignService::Telnet),
        ] {
            assert_eq!(ForeignService::recognise(bytes), Some(service));
        }
        assert_eq!(ForeignService::recognise(&[3, 0, 0, 19]), None);
        assert_eq!(ForeignService::recognise(b""), None);
    }
}
