use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use super::*;

/// Root of a machine with Linux, removed with this value.
struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("rdpdoctor-linux-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let root = Self(root);
        root.write("etc/hostname", "desk\n");
        root.write("proc/net/tcp", &table(&[]));
        root.process(1, "init", &[]);
        root
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds a process that holds these sockets.
    fn process(&self, pid: u32, name: &str, sockets: &[u64]) {
        self.write(&format!("proc/{pid}/comm"), &format!("{name}\n"));
        let folder = self.0.join(format!("proc/{pid}/fd"));
        fs::create_dir_all(&folder).unwrap();
        for (number, inode) in sockets.iter().enumerate() {
            symlink(format!("socket:[{inode}]"), folder.join(number.to_string())).unwrap();
        }
    }

    fn with_xrdp(name: &str) -> Self {
        let root = Self::new(name);
        root.write(
            "etc/xrdp/xrdp.ini",
            "; xrdp.ini\n[Globals]\nport=3389\nsecurity_layer=tls\n[Logging]\nLogFile=own.log\n",
        );
        root
    }

    fn read(&self) -> State {
        let host = Host { root: self.0.clone(), uid: 0 };
        read(&host, "2026-11-21T09:00:00Z".to_owned(), Duration::from_mins(1))
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Table of the kernel with these sockets: local address, state and number.
fn table(sockets: &[(&str, &str, u64)]) -> String {
    let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let line = |(local, state, inode): &(&str, &str, u64)| {
        format!("   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0  0 {inode} 1 0 100 0\n")
    };
    [head.to_owned()].into_iter().chain(sockets.iter().map(line)).collect()
}

fn native(bytes: [u8; 4]) -> String {
    format!("{:08X}", u32::from_ne_bytes(bytes))
}

#[test]
fn ports_with_their_processes() {
    let root = Root::with_xrdp("ports");
    let (local, all) = (format!("{}:0D3D", native([127, 0, 0, 1])), format!("{}:0D3D", native([0; 4])));
    root.write("proc/net/tcp", &table(&[(&all, "0A", 7), (&local, "01", 8)]));
    let six = format!("{0}{0}{0}{1}:0016", native([0; 4]), native([0, 0, 0, 1]));
    root.write("proc/net/tcp6", &table(&[(&six, "0A", 9)]));
    root.process(70, "nginx", &[7, 8]);
    let told: Vec<_> = root.read().ports.into_iter().map(|one| (one.port, one.address, one.process, one.pid)).collect();
    let nginx = (3389, "0.0.0.0".to_owned(), Some("nginx".to_owned()), Some(70));
    assert_eq!(told, [(22, "::1".to_owned(), None, None), nginx], "whose socket cannot be seen has no process");
}

/// An xrdp that root started by hand reads every key, whatever its unit says.
#[test]
fn the_account_of_the_process_counts() {
    for (number, known) in [("64102", Some("xrdp")), ("0", None)] {
        let root = Root::with_xrdp(&format!("account-{number}"));
        root.write("etc/passwd", "root:x:0:0::/:/bin/sh\nxrdp:x:64102:64105::/:/bin/false\n");
        root.write("etc/group", "xrdp:x:64105:\n");
        root.write("lib/systemd/system/xrdp.service", "[Service]\nUser=xrdp\n");
        root.write("proc/net/tcp", &table(&[("00000000:0D3D", "0A", 7)]));
        root.process(70, "xrdp", &[7]);
        // its script may still wait in the background
        root.process(71, "xrdp", &[]);
        root.write("proc/71/status", "Name:\txrdp\nState:\tS (sleeping)\nUid:\t0\t0\t0\t0\n");
        root.write("proc/70/status", &format!("Name:\txrdp\nState:\tS (sleeping)\nUid:\t0\t{number}\t0\t0\n"));
        let state = root.read();
        assert_eq!(state.xrdp[0].user.as_deref(), known, "{number}");
        assert_eq!(state.xrdp[0].file_readable.is_some(), known.is_some(), "{number}");
    }
}

#[test]
fn services_are_told_where_xrdp_is_installed() {
    let running = |root: &Root| root.read().services.iter().map(|service| service.running).collect::<Vec<_>>();
    let root = Root::with_xrdp("services");
    assert_eq!(running(&root), [Some(false), Some(false)]);
    root.process(80, "xrdp", &[]);
    assert_eq!(running(&root), [Some(true), Some(false)]);
    // one that has ended, and one in a container
    root.write("proc/self/status", "Name:\trdpdoctor\nState:\tR (running)\nNSpid:\t90\n");
    for (status, runs) in [
        ("Name:\txrdp\nState:\tS (sleeping)\nNSpid:\t80\n", true),
        ("Name:\txrdp\nState:\tZ (zombie)\nNSpid:\t80\n", false),
        ("Name:\txrdp\nState:\tS (sleeping)\nNSpid:\t80\t7\n", false),
    ] {
        root.write("proc/80/status", status);
        assert_eq!(running(&root), [Some(runs), Some(false)], "{status}");
    }
    // the script that starts it bears its name
    root.write("proc/80/status", "Name:\txrdp\nState:\tS (sleeping)\nNSpid:\t80\n");
    for (line, runs) in [("/bin/sh\0/etc/init.d/xrdp\0start\0", false), ("/usr/sbin/xrdp\0--nodaemon\0", true)] {
        root.write("proc/80/cmdline", line);
        assert_eq!(running(&root), [Some(runs), Some(false)], "{line}");
    }
    // an account from which the processes of others are hidden
    fs::remove_file(root.0.join("proc/1/comm")).unwrap();
    assert_eq!(running(&root), [None, None]);
    assert!(root.read().unread.iter().any(|unread| unread.what == "the processes of xrdp"));
    assert_eq!(running(&Root::new("no-services")), []);
}

#[test]
fn settings_and_logs_are_of_one_machine() {
    let root = Root::with_xrdp("one");
    root.write("var/log/own.log", "[20261120-08:01:04] [ERROR] Cannot read private key file /etc/xrdp/key.pem\n");
    let state = root.read();
    assert_eq!((state.computer.as_deref(), state.xrdp.len(), state.events.len()), (Some("desk"), 1, 1));
    assert_eq!(state.taken_at.as_deref(), Some("2026-11-21T09:00:00Z"));
    let disk = fs::metadata(&root.0).unwrap().dev();
    assert!(disk > 0 && state.volumes.iter().all(|volume| volume.size > 0));
}

#[test]
fn a_machine_without_a_server_says_so() {
    let root = Root::new("none");
    let told = root.read().unread;
    assert!(told.iter().any(|unread| unread.what == "a server for RDP"), "{told:?}");
}

#[test]
fn a_program_that_hangs_or_fails_is_given_up() {
    let shell = |text: &str| printed(Command::new("sh").args(["-c", text]));
    assert_eq!(shell("echo told").unwrap(), b"told\n");
    assert_eq!(shell("exit 3").unwrap(), b"");
    assert!(shell("echo part; exit 3").is_err());
    let began = std::time::Instant::now();
    let late = shell("exec sleep 60").unwrap_err().to_string();
    assert!(late.contains("did not answer within") && began.elapsed() < Duration::from_secs(20), "{late}");
    assert_eq!(printed(&mut Command::new("/nowhere/rdpdoctor")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn the_port_of_gnome_stands_on_its_command_line() {
    let daemon = "/usr/libexec/gnome-remote-desktop-daemon";
    assert_eq!(port_of(&[daemon, "--headless"]), 3389);
    assert_eq!(port_of(&[daemon, "--rdp-port", "3399", "--headless"]), 3399);
    assert_eq!(port_of(&[daemon, "--rdp-port=3398"]), 3398);
    assert_eq!(port_of(&[daemon, "--rdp-port"]), 3389);
}
