//! Removes passwords from a state that keeps its names.

/// Parts of the names of values and fields that hold secrets. Numbers stay: they are switches, such as
/// `fPromptForPassword`.
const SECRET: [&str; 4] = ["password", "passwd", "secret", "token"];

/// True if a value or field of this name holds a secret.
pub(crate) fn secret(name: &str) -> bool {
    SECRET.iter().any(|part| name.to_ascii_lowercase().contains(part))
}

#[cfg(test)]
mod tests {
    use crate::state::{RegistryData, RegistryKey, Service, State};

    fn service(image: &str) -> Service {
        let (name, image) = ("TermService".to_owned(), Some(image.to_owned()));
        Service { name, exists: true, start: Some(2), running: None, image, account: None }
    }

    #[test]
    fn secrets_go_and_settings_stay() {
        let text = |text: &str| RegistryData::Text(text.to_owned());
        let values = [
            ("Password", text("hunter2")),
            ("fPromptForPassword", RegistryData::Dword(1)),
            ("DefaultPassword", RegistryData::Binary("6869".to_owned())),
            ("PortNumber", RegistryData::Dword(3389)),
            ("Comment", text("by alice")),
        ];
        let values = values.into_iter().map(|(name, data)| (name.to_owned(), data)).collect();
        let key = RegistryKey { path: crate::state::LISTENER.to_owned(), exists: true, values };
        let images =
            [r"%SystemRoot%\System32\svchost.exe -k termsvcs", r#""C:\a b\agent.exe" /password:hunter2"#, "no"];
        let services = images.map(service).to_vec();
        let state = State { registry: vec![key], services, computer: Some("SRV".to_owned()), ..State::default() };
        let told = state.clone().without_secrets();
        assert!(!format!("{told:?}").contains("hunter2") && format!("{told:?}").contains("by alice"), "{told:?}");
        assert_eq!(told.registry[0].values["fPromptForPassword"], RegistryData::Dword(1));
        assert_eq!(told.registry[0].values["DefaultPassword"], RegistryData::Binary(String::new()));
        let kept = told.services.iter().map(|service| service.image.clone().unwrap()).collect::<Vec<_>>();
        assert_eq!(kept, [images[0], r#""C:\a b\agent.exe" (redacted)"#, "no"]);
        assert_eq!(told.clone().without_secrets(), told);
    }
}
