//! Reports as the sources of `gpresult.rs` have them, and what is read of each.

use std::io::Cursor;

use super::*;

fn wide(text: &str) -> Vec<u8> {
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// The values that a report gives, as UTF-8 and as the UTF-16 that `gpresult` writes.
fn told(report: &str) -> Result<Vec<(String, RegistryData)>, String> {
    let read = |bytes: Vec<u8>| {
        assert!(recognises(&bytes[..bytes.len().min(4096)]));
        let pieces = read(&mut Cursor::new(bytes), "report").map_err(|error| error.to_string())?;
        let [Piece::State(state)] = &pieces[..] else { panic!("{pieces:?}") };
        let keys = state.registry.iter();
        let last = |path: &str| path.rsplit('\\').next().unwrap_or_default().to_owned();
        Ok(keys
            .flat_map(|key| {
                key.values.iter().map(move |(name, data)| (format!("{}/{name}", last(&key.path)), data.clone()))
            })
            .collect())
    };
    let told = read(report.as_bytes().to_vec());
    assert_eq!(told, read(wide(report)));
    told
}

fn number(name: &str, number: u32) -> (String, RegistryData) {
    (name.to_owned(), RegistryData::Dword(number))
}

fn rsop(results: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-16\"?><Rsop xmlns=\"{NAMESPACE}\" \
         xmlns:q1=\"http://www.microsoft.com/GroupPolicy/Settings/Registry\">{results}</Rsop>"
    )
}

fn policy(name: &str, state: &str, more: &str) -> String {
    format!(
        "<q1:Policy><GPO><Identifier>{{1}}</Identifier><Name>Default</Name></GPO><Precedence>1</Precedence><q1:Name>{name}</q1:Name>\
         <q1:State>{state}</q1:State><q1:Explain>Text</q1:Explain>{more}</q1:Policy>"
    )
}

const RAW: &str = r"<q1:RegistrySetting><GPO><Name>x</Name></GPO><q1:KeyPath>Software\Policies\Microsoft\Windows NT\Terminal Services</q1:KeyPath>
    <q1:AdmSetting>false</q1:AdmSetting><q1:Value><q1:Name>SecurityLayer</q1:Name><q1:Number>0</q1:Number></q1:Value></q1:RegistrySetting>";

#[test]
fn the_xml_is_read_as_the_registry_has_it() {
    let choice = "<q1:DropDownList><q1:Name>Protection Level:</q1:Name><q1:State>Enabled</q1:State><q1:Value><q1:Name>Vulnerable\
                  </q1:Name></q1:Value></q1:DropDownList>";
    let policies = [
        policy("Allow users to connect remotely by using Remote Desktop Services", "Disabled", ""),
        policy("Encryption Oracle Remediation", "Enabled", choice),
        policy("Another policy", "Enabled", ""),
        RAW.to_owned(),
    ];
    let results = format!("<ComputerResults><ExtensionData>{}</ExtensionData></ComputerResults>", policies.concat());
    let user = format!("<UserResults>{}</UserResults>", RAW.replace(">0<", ">2<"));
    let expected = [
        number("Parameters/AllowEncryptionOracle", 2),
        number("Terminal Services/SecurityLayer", 0),
        number("Terminal Services/fDenyTSConnections", 1),
    ];
    assert_eq!(told(&rsop(&format!("{results}{user}"))).unwrap(), expected);
    assert_eq!(told(&rsop(&format!("{user}{results}"))).unwrap(), expected);
}

/// Elements and their order are those of a report in a public repository.
#[test]
fn fips_mode_is_taken_from_the_security_options() {
    let option = |path: &str, number: u32| {
        format!(
            "<q1:SecurityOptions><GPO><Identifier>{{1}}</Identifier></GPO><Precedence>1</Precedence>\
             <q1:KeyName>MACHINE\\System\\CurrentControlSet\\{path}</q1:KeyName><q1:SettingNumber>{number}</q1:SettingNumber>\
             <q1:Display><q1:Name>Text</q1:Name><q1:Units /><q1:DisplayBoolean>true</q1:DisplayBoolean></q1:Display>\
             </q1:SecurityOptions>"
        )
    };
    let options = [
        option("Control\\Lsa\\NoLMHash", 1),
        option("Control\\Lsa\\FIPSAlgorithmPolicy\\Enabled", 1),
        "<q1:SecurityOptions><q1:SystemAccessPolicyName>LSAAnonymousNameLookup</q1:SystemAccessPolicyName>\
         <q1:SettingNumber>0</q1:SettingNumber></q1:SecurityOptions>"
            .to_owned(),
    ];
    let results = format!("<ComputerResults><ExtensionData>{}</ExtensionData></ComputerResults>", options.concat());
    assert_eq!(told(&rsop(&results)).unwrap(), [number("FIPSAlgorithmPolicy/Enabled", 1)]);
}

/// The first report of a machine without the rights of an administrator.
#[test]
fn a_report_of_the_user_alone_says_so() {
    assert!(told(&rsop("<UserResults></UserResults>")).unwrap_err().starts_with("it has no policies of the computer"));
    assert_eq!(told(&rsop("<ComputerResults></ComputerResults>")).unwrap(), []);
}

#[test]
fn the_html_is_read_by_its_cells() {
    let cell = |text: &str| format!("<td scope=\"row\">{text}</td>");
    let row = |cells: &[&str]| format!("<tr>{}</tr>\r\n", cells.iter().map(|text| cell(text)).collect::<String>());
    let anchor = "<a class=\"explainlink\" explainText=\"Disabled &lt;br/&gt;\">Require user authentication for remote connections by \
                  using Network Level Authentication</a>";
    let report = |last: &str| {
        format!(
            "<html dir=\"ltr\" {HTML}Initialized=\"false\"><head><title>PC</title></head>{}{}{}{}{}{}{}{last}",
            "<div>Computer Details</div>",
            row(&[anchor, "Enabled", "Default Domain Policy"]),
            row(&["Encryption Oracle Remediation", "Enabled", "Local Group Policy"]),
            row(&["Protection Level:", "Force Updated Clients"]),
            row(&["Server authentication certificate template", "Enabled", "Default Domain Policy"]),
            row(&["Certificate Template Name", "RDP"]),
            row(&["Another policy", "Disabled", "x"]),
        )
    };
    let template = ("Terminal Services/CertTemplateName".to_owned(), RegistryData::Text("RDP".to_owned()));
    let enabled = [number("Parameters/AllowEncryptionOracle", 0), template];
    let expected = [enabled.as_slice(), &[number("Terminal Services/UserAuthentication", 1)]].concat();
    let user = format!(
        "<div>User Details</div>{}",
        row(&["Allow users to connect remotely by using Remote Desktop Services", "Disabled", "x"])
    );
    assert_eq!(told(&report("")).unwrap(), expected);
    assert_eq!(told(&report(&user)).unwrap(), expected);
    assert!(told(&format!("<html {HTML}=\"x\">{user}")).is_err());
}

/// The form of a row as scripts in public repositories read it: names and a description in attributes, which has tags
/// and signs of its own, and the choices in a table below.
#[test]
fn a_description_in_the_html_hides_no_policy() {
    let name = "Require use of specific security layer for remote (RDP) connections";
    let link = format!(
        "<span class=\"explainlink\" tabindex=\"0\" gpmc_settingName=\"{name}\" gpmc_settingPath=\"Computer \
         Configuration/Policies\" gpmc_settingDescription=\"Sets the layer.<br/><br/>Enabled: A -> B\" \
         gpmc_supported=\"At least Windows Vista\">{name}</span>"
    );
    let choice = "<table class=\"subtable_frame\"><tr><td>Security Layer</td><td>SSL (TLS 1.0)</td></tr></table>";
    let report = format!(
        "<html {HTML}=\"x\"><span class=\"sectionTitle\">Computer Details</span><table><tr><td>{link}</td><td>Enabled</td>\
         <td>Default</td></tr><tr><td colspan=\"4\">{choice}</td></tr></table>"
    );
    assert_eq!(told(&report).unwrap(), [number("Terminal Services/SecurityLayer", 2)]);
}

#[test]
fn the_text_is_read_by_its_folders() {
    let head = "\r\nMicrosoft (R) Windows (R) Operating System Group Policy Result tool v2.0\r\n\r\nRSOP data for CORP\\u1 on PC1 : Logging \
                Mode\r\n\r\nCOMPUTER SETTINGS\r\n------------------\r\n";
    let setting = |value: &str, bytes: &str| {
        format!(
            "            GPO: Default\r\n                Folder Id: SOFTWARE\\Policies\\Microsoft\\Windows NT\\Terminal Services\\{value}\r\n                \
             Value:       {bytes}\r\n                State:       Enabled\r\n"
        )
    };
    let settings = [
        "        Administrative Templates\r\n        ------------------------\r\n".to_owned(),
        setting("fDenyTSConnections", "1, 0, 0, 0"),
        setting("CertTemplateName", "82, 0, 68, 0, 80, 0, 0, 0"),
        "USER SETTINGS\r\n--------------\r\n".to_owned(),
        setting("UserAuthentication", "0, 0, 0, 0"),
    ];
    let name = ("Terminal Services/CertTemplateName".to_owned(), RegistryData::Text("RDP".to_owned()));
    let expected = [name, number("Terminal Services/fDenyTSConnections", 1)];
    assert_eq!(told(&format!("{head}{}", settings.concat())).unwrap(), expected);
    assert!(told(head).unwrap_err().starts_with("it names policies, and not what they set"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text: String) {
        for head in [NAMESPACE, HTML, "Group Policy Result tool\nCOMPUTER SETTINGS\nAdministrative Templates\n"] {
            let _ = read(&mut Cursor::new(format!("{head}{text}")), "x");
        }
        let _ = read(&mut Cursor::new(rsop(&format!("<ComputerResults>{text}</ComputerResults>"))), "x");
    }
}
