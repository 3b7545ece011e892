//! `rdp-file-signature-broken`: the signature of an `.rdp` file does not cover its settings.

use evidence::rdp_file::{RdpFileRecord, RdpSignature};
use evidence::{Because, Role, Stage};

use crate::case::{Case, Seen};
use crate::cause::{Cause, Confidence, Ground, Page, Proof, Severity, Shows};
use crate::need::Need;

pub const CAUSE: Cause = Cause {
    id: "rdp-file-signature-broken",
    title: "the signature of the .rdp file does not cover its settings",
    stage: Stage::Client,
    severity: Severity::Degrading,
    role: Role::Client,
    codes: &[],
    proofs: &[
        Proof { shows: Shows::Presence(Confidence::Proven), needs: &[Need::RDP_FILE], holds: broken },
        Proof { shows: Shows::Absence, needs: &[Need::RDP_FILE], holds: sound },
    ],
    explains: &[],
    page: Page {
        what_happens: "mstsc treats the file as one of an unknown publisher, or refuses it where a policy allows signed files \
                       only: \"Caution: Unknown remote connection\" instead of the publisher's name.",
        why: "Somebody changed, added or removed a setting after the file was signed: by hand, by a script, or by \
              saving it in mstsc. A second line for a signed setting is just as bad: which of the two a client obeys \
              is not documented. The form of the signature is not published either; what is checked here is inferred \
              from programs whose signatures mstsc accepts. Whether the signer is trusted is not checked.",
        confirm: "Compare it with a new copy from its publisher: a line that differs was changed after the signing.",
        command: "Select-String -Path FILE.rdp -Pattern '^(signscope|signature|full address|alternate full address|server port|\
                  gateway)' | Select-Object LineNumber,Line",
        how_to_fix: "Download the file again from where it was published, or correct it and sign it again. Do not \
                     edit a signed file without signing it again.",
        references: &[
            "Microsoft: rdpsign",
            "Microsoft: Supported RDP properties with Remote Desktop Services",
            "RFC 5652 (Cryptographic Message Syntax)",
        ],
    },
    fixes: &["fetch-rdp-file-again", "sign-rdp-file"],
};

fn broken(case: Case<'_>) -> Option<Ground> {
    let (confidence, because) = case.rdp_files().find_map(fault)?;
    Some(Ground::on(vec![because]).confidence(confidence))
}

/// Names the fault of a file's signature.
fn fault(seen: Seen<&RdpFileRecord>) -> Option<(Confidence, Because)> {
    let name = &seen.value.name;
    let (confidence, text) = match &seen.value.signature {
        RdpSignature::Broken { missing } if missing.is_empty() => {
            (Confidence::Likely, format!("{name}: the signed settings are not those that were signed"))
        }
        RdpSignature::Broken { missing } => {
            (Confidence::Proven, format!("{name}: {} was signed and is not there any more", missing.join(", ")))
        }
        RdpSignature::Valid(signer) if !signer.contradicted.is_empty() => {
            let which = signer.contradicted.join(", ");
            (Confidence::Likely, format!("{name}: a further line, which is not signed, contradicts {which}"))
        }
        _ => return None,
    };
    Some((confidence, seen.because(text)))
}

fn sound(case: Case<'_>) -> Option<Ground> {
    let known = |seen: Seen<&RdpFileRecord>| {
        let words = match &seen.value.signature {
            RdpSignature::Unsigned => "is not signed".to_owned(),
            RdpSignature::Valid(signer) => format!("has a valid signature of {}", signer.subject),
            RdpSignature::Broken { .. } | RdpSignature::Unverifiable { .. } => return None,
        };
        Some(seen.because(format!("{} {words}", seen.value.name)))
    };
    case.rdp_files().map(known).collect::<Option<Vec<_>>>().map(Ground::on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{Expect, Sketch, client};
    use evidence::rdp_file::Signer;

    fn signed(signature: RdpSignature) -> Sketch {
        client("192.0.2.7").rdp_file("full address:s:server", signature)
    }

    fn valid(contradicted: &[&str]) -> RdpSignature {
        RdpSignature::Valid(Signer {
            subject: "CN=Corp Publisher".to_owned(),
            issuer: "CN=Corp Publisher".to_owned(),
            not_before: "2026-01-01T00:00:00Z".to_owned(),
            not_after: "2027-01-01T00:00:00Z".to_owned(),
            scope: vec!["full address".to_owned()],
            outside: Vec::new(),
            contradicted: contradicted.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    #[test]
    fn present() {
        let likely = Expect::Present(Severity::Degrading, Confidence::Likely);
        signed(RdpSignature::Broken { missing: vec![] }).check(&CAUSE, likely);
        let missing = vec!["server port".to_owned()];
        signed(RdpSignature::Broken { missing })
            .check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Proven));
    }

    #[test]
    fn a_second_line_contradicts_a_signed_one() {
        signed(valid(&["full address"])).check(&CAUSE, Expect::Present(Severity::Degrading, Confidence::Likely));
    }

    #[test]
    fn near_miss_signed_or_not_signed_at_all() {
        signed(valid(&[])).check(&CAUSE, Expect::Absent);
        signed(RdpSignature::Unsigned).check(&CAUSE, Expect::Absent);
    }

    #[test]
    fn unseen() {
        client("192.0.2.7").check(&CAUSE, Expect::Unknown);
        signed(RdpSignature::Unverifiable { why: "RSA-PSS".to_owned() }).check(&CAUSE, Expect::Unknown);
    }
}
