//! Lines of a transcript about the routers on the way: SYNs that may pass only so many of them, and what came of each.
//!
//! ```text
//! hops 2.310000 192.0.2.7:3389 0.052000 1 expired 198.51.100.1 2 unreachable 198.51.100.5 3 13 3 silent
//! ```
//!
//! The seconds since the beginning of the transcript, the address, how long all took, and for each SYN its time to live
//! and the answer: who said that it expired, or who that there is no way, with type and code of the ICMP message.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::line::{Line, seconds};
use crate::hops::{HopAnswer, HopTry};
use crate::redaction::Names;

/// Most SYNs that are read: a probe sends 31.
const MANY: usize = 64;

/// SYNs that may pass only so many routers, and what came of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopsRecord {
    /// When the first was sent, since the beginning of the transcript.
    pub start: Duration,
    /// How long all took.
    pub took: Duration,
    /// Address that they were sent to.
    pub address: SocketAddr,
    /// Each of them, in the order in which they were sent.
    pub tries: Vec<HopTry>,
}

impl HopsRecord {
    /// Connections that were accepted.
    pub fn accepted(&self) -> usize {
        self.tries.iter().filter(|seen| seen.answer == HopAnswer::Accepted).count()
    }

    pub(super) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "hops {} {} {}", seconds(self.start), self.address, seconds(self.took))?;
        for HopTry { hops, answer } in &self.tries {
            write!(out, " {hops} {}", answer.word())?;
            match answer {
                HopAnswer::Expired(from) => write!(out, " {from}")?,
                HopAnswer::Unreachable { from, kind, code } => write!(out, " {from} {kind} {code}")?,
                HopAnswer::Accepted | HopAnswer::Refused | HopAnswer::Silent => {}
            }
        }
        writeln!(out)
    }

    pub(super) fn read(words: &mut Line<'_>) -> Result<Self, &'static str> {
        let (start, address, took) = (words.seconds("start")?, words.parse("address")?, words.seconds("time")?);
        let mut tries = Vec::new();
        while let Some(hops) = words.0.next() {
            if tries.len() >= MANY {
                return Err("number of hops");
            }
            let hops = hops.parse().map_err(|_| "time to live")?;
            tries.push(HopTry { hops, answer: read_answer(words)? });
        }
        Ok(Self { start, took, address, tries })
    }

    pub(super) fn renamed(&self, names: &mut Names) -> Self {
        let rename = |seen: &HopTry| {
            let answer = match seen.answer {
                HopAnswer::Expired(from) => HopAnswer::Expired(names.address(from)),
                HopAnswer::Unreachable { from, kind, code } => {
                    HopAnswer::Unreachable { from: names.address(from), kind, code }
                }
                other => other,
            };
            HopTry { answer, ..*seen }
        };
        let tries = self.tries.iter().map(rename).collect();
        Self { tries, address: names.socket(self.address), ..*self }
    }
}

fn read_answer(words: &mut Line<'_>) -> Result<HopAnswer, &'static str> {
    Ok(match words.next("hop answer")? {
        "expired" => HopAnswer::Expired(words.parse("router")?),
        "accepted" => HopAnswer::Accepted,
        "refused" => HopAnswer::Refused,
        "unreachable" => HopAnswer::Unreachable {
            from: words.parse("router")?,
            kind: words.parse("type")?,
            code: words.parse("code")?,
        },
        "silent" => HopAnswer::Silent,
        _ => return Err("hop answer"),
    })
}

#[cfg(test)]
mod tests {
    use crate::transcript::{Record, Transcript};

    const TEXT: &str = "rdpdoctor transcript 3\nat 2026-11-30T09:00:00Z\ntool x\ntarget 10.20.30.9 3389\n";
    const LINE: &str = "hops 2.310000 10.20.30.9:3389 0.052000 1 expired 10.20.30.1 2 unreachable 10.20.31.1 3 13 3 \
                        silent 4 refused 5 accepted\n";

    fn read(line: &str) -> Option<Transcript> {
        format!("{TEXT}{line}").parse().ok()
    }

    #[test]
    fn a_line_survives_and_loses_its_addresses() {
        let transcript = read(LINE).unwrap();
        assert_eq!(transcript.to_string(), format!("{TEXT}{LINE}"));
        let [Record::Hops(hops)] = &transcript.records[..] else { panic!("{transcript}") };
        assert_eq!((hops.tries.len(), hops.accepted()), (5, 1));
        let redacted = transcript.redacted();
        assert!(!redacted.to_string().contains("10.20.3"), "{redacted}");
        let [Record::Hops(hops)] = &redacted.records[..] else { panic!("{redacted}") };
        assert_eq!(hops.tries.iter().map(|seen| seen.hops).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn half_a_line_is_refused() {
        for end in
            ["1", "1 expired", "1 expired router", "256 silent", "1 unreachable 10.0.0.1 3", "1 lost", "-1 silent"]
        {
            assert_eq!(read(&format!("hops 2.310000 10.20.30.9:3389 0.052000 {end}\n")), None, "{end}");
        }
        let many = "1 silent ".repeat(65);
        assert_eq!(read(&format!("hops 2.310000 10.20.30.9:3389 0.052000 {many}\n")), None);
        assert!(read("hops 2.310000 10.20.30.9:3389 0.052000\n").is_some());
    }
}
