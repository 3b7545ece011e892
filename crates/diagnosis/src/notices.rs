//! Notices about what a current client will say of a file.

use evidence::fact::Fact;
use evidence::rdp_file::{Gateway, GatewayUse, RdpFileRecord, RdpSettings, RdpSignature, Routing};
use evidence::{Because, Evidence};

/// Tells what mstsc with the updates of April 14, 2026 (CVE-2026-26151) says of each file.
///
/// Widely reported but not tried on a machine, and the words say so.
///
/// Also tells where the file sends the client, if that is a gateway: unless `way_told`, because the report is about
/// that way.
pub fn notices(evidence: &Evidence, way_told: bool) -> Vec<Because> {
    let files = evidence.observations.iter().filter_map(|seen| match &seen.fact {
        Fact::RdpFile(file) => Some((seen.id, file)),
        _ => None,
    });
    let texts = files.flat_map(|(id, file)| {
        let way = gateway(file).filter(|_| !way_told);
        way.into_iter().chain(credssp(file)).chain([notice(file)]).map(move |text| Because { text, observation: id })
    });
    texts.collect()
}

/// Tells which words of the client's `.rdp` file, by which it is led to its target, were not sent for sure as it sends
/// them.
pub fn routing(evidence: &Evidence, routing: &Routing) -> Vec<Because> {
    let observation = evidence.observations.iter().last().map_or(0, |seen| seen.id);
    let unsendable = routing.unsendable.iter().map(|name| {
        format!(
            "{name} of the .rdp file was not sent: it is too long for a request, or has characters that a request \
             cannot hold. Whoever is led by it may meet another host than the one that was asked."
        )
    });
    let ambiguous = routing.ambiguous.iter().map(|name| {
        format!(
            "{name} stands in the .rdp file more than once, with different values: the first one was sent, and which \
             one the client sends is not documented."
        )
    });
    unsendable.chain(ambiguous).map(|text| Because { text, observation }).collect()
}

fn gateway(file: &RdpFileRecord) -> Option<String> {
    let Gateway { host, usage } = RdpSettings(file).gateway()?;
    let which = host.map_or("a gateway that it does not name".to_owned(), |host| format!("the gateway {host}"));
    let when = match usage {
        GatewayUse::Always => "",
        GatewayUse::IfDirectFails => " wherever it does not reach the host directly",
    };
    let told = "a fault on that way is not among those that this report looks for";
    Some(format!("{} sends the client through {which}{when}: {told}.", file.name))
}

/// Whether that is a fault depends on the host, which may not have been asked.
fn credssp(file: &RdpFileRecord) -> Option<String> {
    let told = "a host that requires Network Level Authentication, as Windows does by default, refuses such a client";
    let off = RdpSettings(file).without_credssp();
    off.then(|| format!("{} switches CredSSP off (enablecredsspsupport:i:0): {told}.", file.name))
}

fn notice(file: &RdpFileRecord) -> String {
    const ALL: &str = "leaves every redirection off until the person allows it";
    const SINCE: &str = "as is reported of mstsc since the updates of April 2026 (CVE-2026-26151)";
    let unknown = "mstsc says \"Caution: Unknown remote connection\"";
    let said = match &file.signature {
        RdpSignature::Unsigned => format!("is not signed: {unknown}"),
        RdpSignature::Valid(signer) => format!(
            "is signed by {} (certificate until {}): mstsc names this publisher and asks whether to trust it; where the \
             client does not trust the certificate, which cannot be seen from here, it says \"Caution: Unknown remote connection\"",
            signer.subject,
            signer.not_after.get(..10).unwrap_or(&signer.not_after),
        ),
        RdpSignature::Broken { .. } => format!("has a signature that does not fit: {unknown}"),
        RdpSignature::Unverifiable { why } => {
            format!("has a signature that could not be verified here ({why}): mstsc names the publisher or warns")
        }
    };
    let outside = match &file.signature {
        RdpSignature::Valid(signer) if !signer.outside.is_empty() => {
            format!(" Not signed, and so open to anybody's change: {}.", signer.outside.join(", "))
        }
        _ => String::new(),
    };
    format!("{} {said}, and {ALL}, {SINCE}.{outside}", file.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::client;

    /// Whoever was asked may be another host.
    #[test]
    fn what_was_not_sent_for_sure_is_told_and_takes_health_away() {
        use crate::report::Verdict;
        use crate::sketch::host;
        use wire::tls::TlsVersion;
        let told = |change: fn(&mut Routing)| {
            let report = host("192.0.2.7").nla().tls_up(TlsVersion::Tls13).routing(change).diagnose();
            (report.verdict, report.notices.iter().map(|told| told.text.clone()).collect::<String>())
        };
        let (verdict, text) = told(|routing| routing.unsendable = vec!["loadbalanceinfo"]);
        assert!(verdict == Verdict::Undetermined && text.contains("loadbalanceinfo of the .rdp file was not sent"));
        let (verdict, text) = told(|routing| routing.ambiguous = vec!["pcb"]);
        assert!(verdict == Verdict::Undetermined && text.contains("the first one was sent"), "{text}");
        let (verdict, text) = told(|routing| routing.user = Some("alice".to_owned()));
        assert!(verdict == Verdict::Healthy && text.is_empty(), "{text}");
    }

    #[test]
    fn every_file_has_a_notice() {
        let with = |signature| client("192.0.2.7").rdp_file("full address:s:server", signature);
        let text = |signature| notices(with(signature).evidence(), false)[0].text.clone();
        assert!(text(RdpSignature::Unsigned).contains("Unknown remote connection"));
        assert!(text(RdpSignature::Broken { missing: vec![] }).contains("does not fit"));
        assert!(text(RdpSignature::Unverifiable { why: "no Base64".to_owned() }).contains("(no Base64)"));
        assert!(notices(client("192.0.2.7").evidence(), false).is_empty());
    }

    #[test]
    fn credssp_that_is_off_is_told() {
        let texts = |text: &str| notices(client("192.0.2.7").rdp_file(text, RdpSignature::Unsigned).evidence(), false);
        let off = texts("full address:s:server\nenablecredsspsupport:i:0");
        assert!(off.len() == 2 && off[0].text.contains("switches CredSSP off"), "{off:?}");
        assert_eq!(texts("full address:s:server\nenablecredsspsupport:i:1").len(), 1);
    }

    /// The direct way was not looked at, and says nothing about the client's own.
    #[test]
    fn a_gateway_is_named() {
        let with = |usage| {
            let text = format!(
                "full address:s:server\ngatewayhostname:s:gateway.corp.example\ngatewayusagemethod:i:{usage}\n"
            );
            client("192.0.2.7").rdp_file(&text, RdpSignature::Unsigned)
        };
        let first = |usage| notices(with(usage).evidence(), false)[0].text.clone();
        assert!(
            first(1).contains("server.rdp sends the client through the gateway gateway.corp.example: a fault"),
            "{}",
            first(1)
        );
        assert!(first(2).contains("wherever it does not reach the host directly"), "{}", first(2));
        assert!(!first(0).contains("gateway"), "{}", first(0));
        assert_eq!(notices(with(1).evidence(), true).len(), 1);
    }
}
