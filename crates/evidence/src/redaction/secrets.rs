//! Removes passwords from a state that keeps its names.

use super::{IMAGES, REDACTED};
use crate::state::{RegistryData, Service, State};

/// Parts of the names of values and fields that hold secrets. Numbers stay: they are switches, such as
/// `fPromptForPassword`.
const SECRET: [&str; 4] = ["password", "passwd", "secret", "token"];

impl State {
    /// Removes secrets: passwords in the registry and in entries of logs, and the arguments of services. Windows has
    /// none in the keys that are read, but a state written by hand may.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        let secret = |name: &str| SECRET.iter().any(|part| name.to_ascii_lowercase().contains(part));
        for key in &mut self.registry {
            for (_, data) in key.values.iter_mut().filter(|(name, _)| secret(name)) {
                blank(data);
            }
        }
        for event in &mut self.events {
            for (_, value) in event.data.iter_mut().filter(|(name, value)| secret(name) && !value.is_empty()) {
                REDACTED.clone_into(value);
            }
        }
        self.services.iter_mut().for_each(without_arguments);
        self
    }
}

fn blank(data: &mut RegistryData) {
    match data {
        RegistryData::Dword(_) | RegistryData::Qword(_) => {}
        RegistryData::Text(text) if text.is_empty() => {}
        RegistryData::Text(text) => REDACTED.clone_into(text),
        RegistryData::Texts(texts) => texts.iter_mut().for_each(|text| REDACTED.clone_into(text)),
        RegistryData::Binary(hex) => hex.clear(),
    }
}

/// Removes arguments, except of Windows' own programs, which name a group of services (`-k termsvcs`).
fn without_arguments(service: &mut Service) {
    let Some(image) = &mut service.image else { return };
    let Some(end) = image.to_ascii_lowercase().find(".exe").map(|at| at + 4) else { return };
    let end = end + usize::from(image.get(end..).is_some_and(|rest| rest.starts_with('"')));
    let own = IMAGES.iter().any(|known| image.get(..end).is_some_and(|program| program.eq_ignore_ascii_case(known)));
    let group = || image.get(end..).unwrap_or_default().split_whitespace().all(|word| word.len() <= 40);
    if !own && image.len() > end || !group() {
        image.truncate(end);
        image.push(' ');
        image.push_str(REDACTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::RegistryKey;

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
