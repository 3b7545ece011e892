//! HAProxy, nginx and stunnel in front of xrdp, as people put them there.

use std::fs;
use std::process::Command;

use crate::support::certificate;
use crate::support::folder::Folder;
use crate::support::server::{Process, free_port, listening};
use crate::support::xrdp::{self, Setup, Xrdp};
use crate::support::{command, programs};
use crate::table::{Row, none_wrong};

const CLOSED: &[&str] = &["closed-on-negotiation"];
const NOT_RDP: &[&str] = &["not-an-rdp-service"];
const BROKEN: &[&str] = &["broken-negotiation"];
const DROPPED: &[&str] = &["dropped-after-accept"];
const AT_TIMES: &[&str] = &["listener-overloaded"];

/// Configuration of a proxy: its words, the verdict, and the causes of which the first finding is one. FRONT is where
/// it listens, HOST where xrdp does, DEAD where nobody does, PEM certificate and key.
type Front = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// Starts xrdp and one proxy for each line, and checks it.
fn check(server: &'static str, fronts: &[Front], start: fn(&Folder, &str, u16) -> Command) {
    let folder = Folder::new();
    let identity = certificate::healthy(&folder);
    let host = Xrdp::start(&folder, &identity, &Setup::default());
    let both = [&identity.certificate, &identity.key].map(|file| fs::read_to_string(file).unwrap()).concat();
    let pem = folder.write("both.pem", &both).display().to_string();
    let dead = free_port().to_string();
    none_wrong(fronts.iter().map(|(configuration, words, verdict, one_of)| {
        let own = Folder::new();
        let words = words.replace("HOST", &format!("127.0.0.1:{}", host.port)).replace("PEM", &pem);
        let words = words.replace("DEAD", &format!("127.0.0.1:{dead}"));
        let (_front, port): (Process, u16) = listening(&own.file("front.out"), |port| {
            start(&own, &words.replace("FRONT", &format!("127.0.0.1:{port}")), port)
        });
        Row { server, configuration, verdict, one_of }.check(&own, port)
    }));
}

/// Ways to publish a host by HAProxy, and to spoil it.
const HAPROXY: &[Front] = &[
    ("mode tcp", "mode tcp\n bind FRONT\n server host HOST", "healthy", &[]),
    ("mode tcp, the server is gone", "mode tcp\n bind FRONT\n server host DEAD", "faulty", CLOSED),
    (
        "balance rdp-cookie, waits for the cookie",
        "mode tcp\n bind FRONT\n tcp-request inspect-delay 3s\n tcp-request content accept if RDP_COOKIE\n \
         tcp-request content reject\n balance rdp-cookie\n persist rdp-cookie\n server host HOST",
        "healthy",
        &[],
    ),
    ("it ends TLS itself", "mode tcp\n bind FRONT ssl crt PEM\n server host HOST", "faulty", NOT_RDP),
    ("mode http", "mode http\n bind FRONT\n server host HOST", "faulty", NOT_RDP),
    (
        "send-proxy to a host that does not know it",
        "mode tcp\n bind FRONT\n server host HOST send-proxy",
        "faulty",
        BROKEN,
    ),
    (
        "accept-proxy, and no proxy in front of it",
        "mode tcp\n bind FRONT accept-proxy\n server host HOST",
        "faulty",
        CLOSED,
    ),
    ("its one server is in maintenance", "mode tcp\n bind FRONT\n server host HOST disabled", "faulty", DROPPED),
    (
        "every other connection to a server that is gone, unchecked",
        "mode tcp\n bind FRONT\n retries 0\n balance roundrobin\n server host HOST\n server gone DEAD",
        "faulty",
        AT_TIMES,
    ),
    (
        "routes by SNI before anything was said",
        "mode tcp\n bind FRONT\n tcp-request inspect-delay 2s\n tcp-request content accept if { req.ssl_hello_type 1 }\n \
         tcp-request content reject\n server host HOST",
        "faulty",
        CLOSED,
    ),
];

#[test]
fn haproxy_in_front() {
    if !programs(&[xrdp::PROGRAMS, &["haproxy"]].concat()) {
        return;
    }
    check("HAProxy", HAPROXY, |folder, words, _| {
        let times = "defaults\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n";
        let file = folder.write("haproxy.cfg", &format!("{times}listen rdp\n {words}\n"));
        let mut haproxy = command(None, "haproxy");
        haproxy.arg("-db").arg("-f").arg(file);
        haproxy
    });
}

/// Ways to publish a host by nginx, and to spoil it.
const NGINX: &[Front] = &[
    ("stream", "stream { server { listen FRONT; proxy_pass HOST; } }", "healthy", &[]),
    ("stream, the server is gone", "stream { server { listen FRONT; proxy_pass DEAD; } }", "faulty", DROPPED),
    (
        "stream with ssl_preread",
        "stream { map $ssl_preread_server_name $to { default HOST; } server { listen FRONT; ssl_preread on; \
         proxy_pass $to; } }",
        "healthy",
        &[],
    ),
    (
        "stream that ends TLS itself",
        "stream { server { listen FRONT ssl; ssl_certificate PEM; ssl_certificate_key PEM; proxy_pass HOST; } }",
        "faulty",
        NOT_RDP,
    ),
    ("http", "http { server { listen FRONT; location / { proxy_pass http://HOST; } } }", "faulty", NOT_RDP),
    (
        "stream with proxy_protocol to a host that does not know it",
        "stream { server { listen FRONT; proxy_pass HOST; proxy_protocol on; } }",
        "faulty",
        BROKEN,
    ),
    (
        "stream with ssl_preread, and no way for who sends no name",
        "stream { map $ssl_preread_server_name $to { rdp.corp.example HOST; } server { listen FRONT; ssl_preread on; \
         proxy_pass $to; } }",
        "faulty",
        CLOSED,
    ),
    (
        "stream that lets each client have one connection",
        "stream { limit_conn_zone $binary_remote_addr zone=each:1m; server { listen FRONT; limit_conn each 1; \
         proxy_pass HOST; } }",
        "healthy",
        &[],
    ),
    (
        "stream, every other connection to a server that is gone, unchecked",
        "stream { upstream hosts { server HOST max_fails=0; server DEAD max_fails=0; } server { listen FRONT; \
         proxy_pass hosts; proxy_next_upstream off; } }",
        "faulty",
        AT_TIMES,
    ),
    ("stream that denies us", "stream { server { listen FRONT; deny all; proxy_pass HOST; } }", "faulty", DROPPED),
];

#[test]
fn nginx_in_front() {
    if !programs(&[xrdp::PROGRAMS, &["nginx"]].concat()) {
        return;
    }
    check("nginx", NGINX, |folder, words, _| {
        let at = folder.path().display();
        let module = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;";
        let head = format!("{module}\nuser root;\npid {at}/nginx.pid;\nerror_log {at}/nginx.log;\nevents {{}}\n");
        let words = words.replace("http { ", &format!("http {{ access_log off; client_body_temp_path {at}/body; "));
        let file = folder.write("nginx.conf", &format!("{head}{words}\n"));
        let mut nginx = command(None, "nginx");
        nginx.args(["-g", "daemon off;", "-p"]).arg(folder.path()).arg("-c").arg(file);
        nginx
    });
}

/// Ways to publish a host by stunnel.
const STUNNEL: &[Front] = &[
    ("server, which wraps the host in TLS", "[rdp]\naccept = FRONT\nconnect = HOST\ncert = PEM", "faulty", NOT_RDP),
    (
        "server that wants a client certificate",
        "[rdp]\naccept = FRONT\nconnect = HOST\ncert = PEM\nverifyChain = yes\nCAfile = PEM",
        "faulty",
        NOT_RDP,
    ),
    ("client, its far end is gone", "[rdp]\nclient = yes\naccept = FRONT\nconnect = DEAD", "faulty", DROPPED),
    (
        "client before a host that does not speak TLS at once",
        "[rdp]\nclient = yes\naccept = FRONT\nconnect = HOST",
        "faulty",
        DROPPED,
    ),
];

#[test]
fn stunnel_in_front() {
    if !programs(&[xrdp::PROGRAMS, &["stunnel4"]].concat()) {
        return;
    }
    check("stunnel", STUNNEL, |folder, words, _| {
        let file = folder.write("stunnel.conf", &format!("foreground = yes\npid =\n{words}\n"));
        let mut stunnel = command(None, "stunnel4");
        stunnel.arg(file);
        stunnel
    });
}

/// A tunnel of two: whoever connects to the near end meets the host.
#[test]
fn two_stunnels_make_a_tunnel() {
    if !programs(&[xrdp::PROGRAMS, &["stunnel4"]].concat()) {
        return;
    }
    let far = free_port();
    let words = format!(
        "[far]\naccept = 127.0.0.1:{far}\nconnect = HOST\ncert = PEM\n[near]\nclient = yes\naccept = FRONT\n\
         connect = 127.0.0.1:{far}"
    );
    let words: &'static str = Box::leak(words.into_boxed_str());
    check("stunnel", &[("client and server, a tunnel", words, "healthy", &[])], |folder, words, _| {
        let file = folder.write("stunnel.conf", &format!("foreground = yes\npid =\n{words}\n"));
        let mut stunnel = command(None, "stunnel4");
        stunnel.arg(file);
        stunnel
    });
}
