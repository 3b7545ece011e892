//! Guides of the book, for a person who has a problem and no name for it. A test of the program finds each of them in
//! `docs/book`, under its title.

/// Guide in the book.
#[derive(Debug)]
pub struct Guide {
    /// Name of its page, without `.md`.
    pub id: &'static str,
    /// Heading of its page.
    pub title: &'static str,
    /// Purpose, in one line.
    pub about: &'static str,
    /// Phrases that people type, separated by commas.
    pub keywords: &'static str,
    /// Its page of the book.
    pub text: &'static str,
}

/// Every guide, in the order of the book.
pub const ALL: &[Guide] = &[
    Guide {
        id: "0x904-in-five-minutes",
        text: include_str!("../../../docs/book/0x904-in-five-minutes.md"),
        title: "0x904 in five minutes",
        about: "from the message on the screen to the cause",
        keywords: "0x904 what to do, error code 0x904 fix",
    },
    Guide {
        id: "certificate-will-not-renew",
        text: include_str!("../../../docs/book/certificate-will-not-renew.md"),
        title: "The certificate will not renew",
        about: "Windows makes and renews the certificate of Remote Desktop by itself; what to do where it does not",
        keywords: "certificate not renewing, certificate renewal failed, expired certificate not renewed, \
                   certificate does not renew automatically, remote desktop certificate expired",
    },
    Guide {
        id: "works-by-address-not-by-name",
        text: include_str!("../../../docs/book/works-by-address-not-by-name.md"),
        title: "Works by address, not by name",
        about: "the host answers to its IP address, and not to its name; the reverse as well",
        keywords: "works by ip not hostname, works by name not by ip, connect with ip but not computer name, works with ip address, not by name",
    },
    Guide {
        id: "through-a-vpn",
        text: include_str!("../../../docs/book/through-a-vpn.md"),
        title: "Through a VPN",
        about: "the connection fails, stalls or is cut only through the VPN",
        keywords: "vpn rdp, vpn disconnects, disconnects immediately over vpn, over vpn, mtu vpn",
    },
    Guide {
        id: "behind-a-gateway",
        text: include_str!("../../../docs/book/behind-a-gateway.md"),
        title: "Behind a gateway",
        about: "the way leads through an RD Gateway, a bastion or a jump host",
        keywords: "rd gateway, cant connect through gateway, remote desktop gateway, bastion, jump host",
    },
    Guide {
        id: "after-an-update",
        text: include_str!("../../../docs/book/after-an-update.md"),
        title: "After an update",
        about: "it worked until Windows, the client or a product on the way was updated",
        keywords: "after windows update, after upgrade to windows 11, upgrade broke rdp, rdp stopped working after update, update broke remote desktop, after kb, rdp wrapper, patched termsrv.dll",
    },
    Guide {
        id: "compare-two-hosts",
        text: include_str!("../../../docs/book/compare-two-hosts.md"),
        title: "Compare two hosts, or one host at two times",
        about: "what differs between a host that works and one that does not, or between last month and today",
        keywords: "compare two servers, other servers on the subnet work, works on one server but not another, \
                   what is different, one of two identical servers fails, compare reports",
    },
    Guide {
        id: "watch-a-host",
        text: include_str!("../../../docs/book/watch-a-host.md"),
        title: "Watch a host",
        about: "when it breaks every few hours, and nobody is there to see",
        keywords: "breaks every few hours, fails sometimes, intermittent, monitor a host, watch a host, \
                   connection drops from time to time, works again after a while",
    },
    Guide {
        id: "sign-rdp-files",
        text: include_str!("../../../docs/book/sign-rdp-files.md"),
        title: "Sign .rdp files",
        about: "what a client asks of .rdp files since April 2026, and how to sign one or a thousand",
        keywords: "sign rdp file, rdpsign on linux, unsigned rdp file, trusted publisher of rdp files, \
                   how to sign rdp files, unknown remote connection",
    },
    Guide {
        id: "repair-xrdp",
        text: include_str!("../../../docs/book/repair-xrdp.md"),
        title: "Repair xrdp, GNOME Remote Desktop or a Windows disk, with a way back",
        about: "what rdpdoctor fix changes on a server of Linux, what it never does, and how to get out when everything \
                fails",
        keywords: "repair xrdp, fix xrdp, xrdp ssl-cert group, repair gnome remote desktop, undo a fix",
    },
    Guide {
        id: "collect-evidence",
        text: include_str!("../../../docs/book/collect-evidence.md"),
        title: "Collect evidence",
        about: "how to bring the evidence of a machine, also of one where nothing can be copied or installed",
        keywords: "collect logs, collect evidence, send logs to support, support bundle, redact logs, anonymise logs, \
                   azure run command, collect over winrm, powershell script to collect",
    },
];
