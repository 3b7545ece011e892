//! Real servers on loopback, ended when they are dropped.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Running server.
pub struct Server {
    pub name: &'static str,
    pub port: u16,
    children: Vec<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // it may have ended by itself
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts xrdp with TLS and a certificate of its own.
pub fn xrdp(folder: &Path) -> Result<Server> {
    let folder = folder.join("xrdp");
    std::fs::create_dir_all(&folder)?;
    certificate(&folder.join("key.pem"), &folder.join("cert.pem"))?;
    let port = free_port()?;
    let stock = std::fs::read_to_string("/etc/xrdp/xrdp.ini").context("read /etc/xrdp/xrdp.ini")?;
    let settings = [
        ("port", format!("tcp://127.0.0.1:{port}")),
        ("security_layer", "negotiate".to_owned()),
        ("certificate", folder.join("cert.pem").display().to_string()),
        ("key_file", folder.join("key.pem").display().to_string()),
        ("LogFile", folder.join("xrdp.log").display().to_string()),
    ];
    let ini = folder.join("xrdp.ini");
    std::fs::write(&ini, with_settings(&stock, &settings)).context("write xrdp.ini")?;
    let child = quiet("xrdp", &["-n", "-c", &ini.display().to_string()]).spawn().context("start xrdp")?;
    ready(Server { name: "xrdp, TLS", port, children: vec![child] })
}

/// Replaces the first line of each key.
fn with_settings(stock: &str, settings: &[(&str, String)]) -> String {
    let mut left: Vec<_> = settings.iter().collect();
    let mut lines = Vec::new();
    for line in stock.lines() {
        let key = line.split('=').next().unwrap_or_default().trim();
        match left.iter().position(|(name, _)| *name == key) {
            Some(found) => {
                let (name, value) = left.remove(found);
                lines.push(format!("{name}={value}"));
            }
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

/// Starts FreeRDP's shadow server with NLA on a screen of its own.
pub fn shadow(folder: &Path) -> Result<Server> {
    let folder = folder.join("shadow");
    let settings = folder.join(".config/freerdp/shadow");
    std::fs::create_dir_all(&settings)?;
    certificate(&settings.join("shadow.key"), &settings.join("shadow.crt"))?;
    let hash = Command::new("winpr-hash")
        .args(["-u", "bench", "-p", "bench", "-f", "sam"])
        .output()
        .context("run winpr-hash")?;
    std::fs::write(folder.join("sam"), &hash.stdout).context("write the SAM file")?;
    let display = (90..).find(|number| !Path::new(&format!("/tmp/.X{number}-lock")).exists()).unwrap_or(90);
    let display = format!(":{display}");
    let screen = quiet("Xvfb", &[&display, "-noreset", "-screen", "0", "800x600x24"]).spawn().context("start Xvfb")?;
    let port = free_port()?;
    let mut server = Server { name: "FreeRDP shadow, NLA", port, children: vec![screen] };
    let socket = format!("/tmp/.X11-unix/X{}", &display[1..]);
    wait(|| Path::new(&socket).exists(), "Xvfb")?;
    let sam = format!("/sam-file:{}", folder.join("sam").display());
    let mut command =
        quiet("freerdp-shadow-cli", &[&format!("/port:{port}"), "/bind-address:127.0.0.1", "/sec:nla", &sam]);
    command.env("HOME", &folder).env("DISPLAY", &display).env_remove("XDG_CONFIG_HOME");
    server.children.push(command.spawn().context("start freerdp-shadow-cli")?);
    ready(server)
}

fn quiet(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn certificate(key: &Path, certificate: &Path) -> Result<()> {
    let (key, certificate) = (key.display().to_string(), certificate.display().to_string());
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "180", "-subj", "/CN=SERVER01"];
    let status =
        quiet("openssl", &arguments).args(["-keyout", &key, "-out", &certificate]).status().context("run openssl")?;
    if status.success() { Ok(()) } else { bail!("openssl made no certificate") }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn ready(server: Server) -> Result<Server> {
    let port = server.port;
    wait(|| TcpStream::connect(("127.0.0.1", port)).is_ok(), server.name)?;
    Ok(server)
}

fn wait(done: impl Fn() -> bool, what: &str) -> Result<()> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > Duration::from_secs(20) {
            bail!("{what} does not start");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
