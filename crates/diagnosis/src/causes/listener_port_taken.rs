//! `listener-port-taken`: another program holds the port of Remote Desktop.

use evidence::printable::printable;
use evidence::state::{LISTENER, ListeningPort};
use evidence::{Role, Stage};

use crate::case::Case;
use crate::cause::{Cause, Confidence, Explains, Ground, Page, Proof, Severity, Shows};
use crate::linux;
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "listener-port-taken",
    title: "another program holds the port of Remote Desktop",
    stage: Stage::Host,
    severity: Severity::Blocking,
    role: Role::Host,
    codes: &[],
    proofs: &[
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::PORTS, Need::key(LISTENER)],
            holds: held_by_another,
        },
        Proof {
            shows: Shows::Presence(Confidence::Proven),
            needs: &[Need::PORTS, Need::LINUX],
            holds: linux::port_taken,
        },
        Proof { shows: Shows::Absence, needs: &[Need::PORTS, Need::key(LISTENER)], holds: held_by_the_service },
        Proof { shows: Shows::Absence, needs: &[Need::PORTS, Need::LINUX], holds: linux::port_held },
    ],
    explains: &[
        Explains { cause: "not-an-rdp-service", when: |_| true },
        Explains { cause: "closed-on-negotiation", when: |_| true },
        Explains { cause: "dropped-after-accept", when: |_| true },
        Explains { cause: "listener-silent", when: |_| true },
    ],
    page: Page {
        what_happens: "The service runs and cannot listen, because a port belongs to one program at a time. Clients \
                       reach the other program, which does not understand them: mstsc shows 0x904, or a protocol error.",
        why: "A web server, a tunnel or another server for Remote Desktop was set to the same port, often after \
              PortNumber was changed to one that somebody else uses, such as 443. Whoever starts first after a \
              restart gets it.",
        confirm: "The process that listens on the port is svchost.exe where Remote Desktop has it. Before Windows 8 \
                  it is System.",
        command: "Get-NetTCPConnection -LocalPort {port} -State Listen | Select-Object LocalAddress,OwningProcess,\
                  @{n='Process';e={(Get-Process -Id $_.OwningProcess).ProcessName}}; \
                  Get-ItemProperty 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations\\RDP-Tcp' PortNumber",
        how_to_fix: "Give the other program another port and restart Remote Desktop Services; or give Remote Desktop \
                     another port, open the firewall for it, and name it in the client (HOST:PORT).",
        references: &[
            "Microsoft: General Remote Desktop connection troubleshooting (another application uses the port)",
            "Microsoft Learn: GetExtendedTcpTable",
            "proc_net_tcp.txt of the Linux kernel, and xrdp.ini(5)",
        ],
    },
    fixes: &["find-program-on-port", "set-listener-port"],
};

/// Program in which the service runs.
const HOST: &str = "svchost.exe";
/// Name of the kernel, whose driver holds the port before Windows 8.
const KERNEL: &str = "System";
/// First build in which the service itself holds the port: Windows 8 and Server 2012.
const SERVICE_BUILD: u32 = 9200;

fn on_port(case: Case<'_>) -> Option<Vec<crate::case::Seen<&ListeningPort>>> {
    let port = case.number(LISTENER, "PortNumber")?.value?;
    // one that serves its own machine alone leaves the port to others, as the relay of Linux in Windows does
    let listens = |one: &ListeningPort| u32::from(one.port) == port && !one.is_local();
    Some(case.ports().filter(|seen| listens(seen.value)).collect())
}

fn is(port: &ListeningPort, name: &str) -> bool {
    port.process.as_deref().is_some_and(|process| process.eq_ignore_ascii_case(name))
}

fn held_by_another(case: Case<'_>) -> Option<Ground> {
    let listening = on_port(case)?;
    if listening.iter().any(|seen| is(seen.value, HOST)) {
        return None;
    }
    let old = case.build().is_none_or(|build| build.value < SERVICE_BUILD);
    let other = |port: &ListeningPort| port.process.is_some() && !(old && is(port, KERNEL));
    let seen = listening.into_iter().find(|seen| other(seen.value) && !case.answered_since(seen.id))?;
    let name = printable(seen.value.process.as_deref()?);
    let process = seen.value.pid.map_or(String::new(), |pid| format!(" (process {pid})"));
    let text = format!("{name}{process} listens on port {}, which is that of Remote Desktop", seen.value.port);
    let setting = case.key(LISTENER)?.because(format!("the listener RDP-Tcp says PortNumber = {}", seen.value.port));
    Some(Ground::on(vec![seen.because(text), setting]))
}

fn held_by_the_service(case: Case<'_>) -> Option<Ground> {
    let held = on_port(case)?.iter().any(|seen| is(seen.value, HOST));
    let runs = case.service("TermService").is_some_and(|seen| seen.value.running == Some(true));
    (held && runs).then(Ground::nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, host, machine};
    use evidence::fact::Fact;
    use evidence::sketch::listening;
    use evidence::state::{RegistryData, Service, WINDOWS};

    fn on(sketch: Sketch) -> Sketch {
        let build = RegistryData::Text("20348".to_owned());
        sketch.dword(LISTENER, "PortNumber", 3389).value(WINDOWS, "CurrentBuildNumber", build)
    }

    fn taken() -> Expect {
        Expect::Present(Severity::Blocking, Confidence::Proven)
    }

    #[test]
    fn present() {
        on(machine()).recorded(listening(3389, "0.0.0.0", Some("server.exe"))).check(&CAUSE, taken());
        // the web server in the kernel
        on(machine()).recorded(listening(3389, "::", Some("System"))).check(&CAUSE, taken());
    }

    #[test]
    fn near_miss_the_driver_of_old_windows_holds_it() {
        let old = machine().dword(LISTENER, "PortNumber", 3389).recorded(listening(3389, "::", Some("System")));
        old.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_the_service_holds_it() {
        let name = "TermService".to_owned();
        let service = Service { name, exists: true, start: Some(3), running: Some(true), image: None, account: None };
        let sound = || on(machine()).recorded(listening(3389, "0.0.0.0", Some("svchost.exe")));
        sound().recorded(Fact::Service(service)).check(&CAUSE, Expect::Absent);
        sound().recorded(listening(3389, "::", Some("other.exe"))).check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn near_miss_for_its_own_machine_on_another_port_or_by_nobody_known() {
        for other in [
            listening(3389, "127.0.0.1", Some("wslrelay.exe")),
            listening(3390, "0.0.0.0", Some("server.exe")),
            listening(3389, "0.0.0.0", None),
        ] {
            on(machine()).recorded(other).check(&CAUSE, Expect::Unknown);
        }
    }

    #[test]
    fn near_miss_it_answers() {
        let answers = on(host("192.0.2.7").nla()).recorded(listening(3389, "0.0.0.0", Some("server.exe")));
        answers.check(&CAUSE, Expect::Unknown);
    }

    #[test]
    fn unseen() {
        machine().check(&CAUSE, Expect::Unknown);
        on(machine()).check(&CAUSE, Expect::Unknown);
        machine().recorded(listening(3389, "::", Some("server.exe"))).check(&CAUSE, Expect::Unknown);
    }
}
