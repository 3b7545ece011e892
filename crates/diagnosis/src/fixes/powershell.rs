//! Steps as lines for PowerShell: the one place where a change becomes a command. Those of Linux are in `shell.rs`.
//!
//! It lies here and not with the reports, because whoever carries changes out writes the same commands down for the
//! case that everything fails, and may not depend on reports.

use super::Fix;
use super::change::{Access, Change, Data, Look, Missing, Secured, Step, Value};
use super::given::Given;
use super::shell;

/// Returns the steps of a fix, one a line, with what is known in the places of placeholders. Sentences are comments, so
/// that all of it may be pasted.
pub fn lines(fix: &Fix, given: &Given) -> Vec<String> {
    fix.steps.iter().zip(texts(fix)).map(|(step, text)| line(step, &given.fill(&text))).collect()
}

fn line(step: &Step, text: &str) -> String {
    match step {
        Step::Ask(_) | Step::Stop(_) | Step::Decide(..) | Step::Then(..) => format!("# {text}"),
        Step::Read(_) | Step::Change(_) => text.to_owned(),
        Step::Remarked(step, _) => line(step, text),
    }
}

/// Returns the text of each step, with its placeholders.
pub fn texts(fix: &Fix) -> Vec<String> {
    let mut short = None;
    fix.steps.iter().map(|step| text(step, &mut short)).collect()
}

/// The text of a step; `short` is the registry key that is called `$k`.
fn text(step: &Step, short: &mut Option<&'static str>) -> String {
    match step {
        Step::Read(looks) => joined(looks.iter().map(|one| look(one, short))),
        Step::Change(changes) => joined(changes.iter().map(|one| command(one, *short))),
        Step::Ask(sentence) | Step::Stop(sentence) | Step::Decide(sentence, _) | Step::Then(_, sentence) => {
            (*sentence).to_owned()
        }
        Step::Remarked(step, remark) => format!("{}   # {remark}", text(step, short)),
    }
}

fn joined(commands: impl Iterator<Item = String>) -> String {
    commands.collect::<Vec<_>>().join("; ")
}

fn look(look: &Look, short: &mut Option<&'static str>) -> String {
    match look {
        Look::Name(path) => {
            *short = Some(path);
            format!("$k='{}'", drive(path))
        }
        Look::Value { key, name, rare } => {
            let quietly = if *rare { " -ErrorAction SilentlyContinue" } else { "" };
            format!("Get-ItemProperty {} {name}{quietly}", place(key, *short))
        }
        Look::Values(key, names) => {
            format!("Get-ItemProperty {} | Select-Object {}", place(key, *short), names.join(","))
        }
        Look::Line(line) => (*line).to_owned(),
    }
}

/// The path of a registry key as PowerShell has it.
fn drive(path: &str) -> String {
    path.replacen('\\', ":\\", 1)
}

fn place(key: &str, short: Option<&str>) -> String {
    if short == Some(key) { "$k".to_owned() } else { format!("'{}'", drive(key)) }
}

/// Returns a change as a command; `short` is the registry key that is called `$k`.
fn command(change: &Change, short: Option<&str>) -> String {
    match change {
        Change::SetValue(value) => set(value, short),
        Change::DeleteValue { key, name, rare: false } => format!("Remove-ItemProperty {} {name}", place(key, short)),
        Change::DeleteValue { key, name, rare: true } => {
            format!("Remove-ItemProperty {} -Name {name} -ErrorAction SilentlyContinue", place(key, short))
        }
        Change::Enable { service, start } => format!("Set-Service {service} -StartupType {}", start_type(*start)),
        Change::Start(services) => format!("Start-Service {}", services.join(",")),
        Change::Stop(services) => format!("Stop-Service {} -Force", services.join(",")),
        // without -Force it refuses where another service depends on this one
        Change::Restart(service) => format!("Restart-Service {service} -Force"),
        Change::RemoveDenials(what, accounts) => {
            let accounts: Vec<_> = accounts.iter().map(|account| format!("'*{}'", account.sid())).collect();
            format!("icacls {} /remove:d {}", variable(*what), accounts.join(" "))
        }
        Change::Grant(what, grants) => {
            let grants: Vec<_> =
                grants.iter().map(|(account, access)| format!("'*{}:({})'", account.sid(), letters(*access))).collect();
            format!("icacls {} /grant {}", variable(*what), grants.join(" "))
        }
        Change::MoveKeyFiles(folder) => {
            let files = format!(r"$env:ProgramData\Microsoft\Crypto\RSA\MachineKeys\{}*", evidence::key_names::RDP_KEY);
            format!("Move-Item \"{files}\" {folder}")
        }
        Change::RemoveOwnCertificates => "Get-ChildItem 'Cert:\\LocalMachine\\Remote Desktop' | \
                                          Where-Object { $_.Subject -eq $_.Issuer } | Remove-Item"
            .to_owned(),
        Change::BindCertificate => {
            "Set-CimInstance -InputObject $l -Property @{SSLCertificateSHA1Hash='{thumbprint}'}".to_owned()
        }
        Change::OpenFirewall(rule) => format!(
            "$a=@((Get-NetFirewallRule -Name {rule} | Get-NetFirewallAddressFilter).RemoteAddress) -ne 'Any'; \
             Set-NetFirewallRule -Name {rule} -Enabled True -RemoteAddress (($a+@('{{addresses}}')) | Select-Object \
             -Unique)"
        ),
        Change::CorrectRdpSetting { name, from, to } => format!(
            "(Get-Content {{file}}) -replace '^{name}:i:{from}','{name}:i:{to}' | Set-Content {{file}} -Encoding \
             Unicode"
        ),
        Change::SignRdpFile => "rdpsign.exe /sha256 {thumbprint} {file}".to_owned(),
        Change::ForgetNames => "Clear-DnsClientCache".to_owned(),
        Change::Run(run) => run.line.to_owned(),
        Change::SetXrdp { .. }
        | Change::JoinKeyGroup
        | Change::ShareKey
        | Change::SwapXrdpFiles
        | Change::UseFittingFile
        | Change::OpenLinuxFirewall
        | Change::MakeXrdpCertificate
        | Change::SetGnome { .. }
        | Change::SwapGnomeFiles
        | Change::MakeGnomeCertificate
        | Change::RestartGnome
        | Change::RestartUnit(_) => shell::command(change),
    }
}

/// Its type is always named: without it a value of the wrong type that is there keeps that type.
fn set(value: &Value, short: Option<&str>) -> String {
    let place = place(value.key, short);
    let (data, kind) = match value.data {
        Data::Dword(number) => (number.to_string(), "DWord"),
        Data::Text(text) => (format!("'{text}'"), "String"),
        Data::Expandable(text) => (format!("'{text}'"), "ExpandString"),
    };
    let name = value.name;
    match value.missing {
        Missing::Nothing => format!("Set-ItemProperty {place} {name} {data} -Type {kind}"),
        Missing::Value => format!("New-ItemProperty {place} {name} -PropertyType {kind} -Value {data} -Force"),
        // on a key that exists, -Force would throw its values away
        Missing::Key => format!(
            "if (-not (Test-Path {place})) {{ New-Item {place} -Force | Out-Null }}; \
             Set-ItemProperty {place} {name} {data} -Type {kind}"
        ),
    }
}

fn start_type(start: u32) -> &'static str {
    if start == 2 { "Automatic" } else { "Manual" }
}

fn variable(what: Secured) -> &'static str {
    match what {
        Secured::RdpKey => "$key",
        Secured::KeyFolder => "$folder",
    }
}

fn letters(access: Access) -> &'static str {
    match access {
        Access::Full => "F",
        Access::Read => "R",
        Access::ReadWrite => "R,W",
    }
}
