//! Readings of one number: as itself, or as another code wrapped in an HRESULT.

use super::{Entry, Form, families, find};

/// Bit that marks an HRESULT made of an NTSTATUS (`FACILITY_NT_BIT`).
const NT_BIT: u32 = 0x1000_0000;

/// A code that a number can stand for, and how it was read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The code.
    pub entry: Entry,
    /// How the number was unwrapped, where it is not the code's own.
    pub read_as: Option<String>,
}

/// Lists every code that this number can stand for, by family; a direct match comes before an unwrapped one.
/// Lists whose numbers need a name beside them stay out, but for numbers that no other list could have.
pub fn readings(number: u32) -> Vec<Reading> {
    let lists = families().iter().filter(|family| !family.named || family.form == Form::Hex8);
    let own = lists.filter_map(|family| find(&family.id, number));
    let mut readings: Vec<Reading> = own.map(|entry| Reading { entry, read_as: None }).collect();
    let mut read = |family: &str, inner: u32, words: String| {
        // a number with a row of its own needs no unwrapping
        let plain = readings.iter().any(|reading| reading.read_as.is_none() && reading.entry.family.id == family);
        if let (Some(entry), false) = (find(family, inner), plain) {
            readings.push(Reading { entry, read_as: Some(words) });
        }
    };
    let low = number & 0xFFFF;
    match number >> 16 {
        0x8007 => {
            read("win32", low, format!("HRESULT of the Windows error {low}"));
            read("proxy", low, format!("HRESULT of 0x{low:X}"));
        }
        // the class of the reasons that the server sends, in the errors of FreeRDP
        1 => read("errinfo", low, format!("FreeRDP's class 1 and 0x{low:X}")),
        0xC007 => read("win32", low, format!("NTSTATUS of the Windows error {low}")),
        0 => read("proxy", 0x8007_0000 | number, format!("short for 0x{:X}", 0x8007_0000 | number)),
        _ => {}
    }
    if number >> 28 == 0xD {
        let status = number & !NT_BIT;
        read("ntstatus", status, format!("HRESULT of the NTSTATUS 0x{status:08X}"));
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(number: u32) -> Vec<String> {
        readings(number).iter().map(|reading| reading.entry.id()).collect()
    }

    #[test]
    fn an_ntstatus_is_known_in_the_form_of_an_hresult() {
        assert_eq!(ids(0xC000_006D), ["ntstatus/0xC000006D"]);
        assert_eq!(ids(0xD000_006D), ["ntstatus/0xC000006D"]);
        assert_eq!(readings(0xD000_006D)[0].read_as.as_deref(), Some("HRESULT of the NTSTATUS 0xC000006D"));
    }

    #[test]
    fn a_windows_error_is_known_in_the_form_of_an_hresult() {
        assert_eq!(ids(0x8007_0013), ["win32/19"]);
        assert_eq!(ids(0x8007_274C), ["win32/10060"]);
        assert_eq!(ids(0x8007_59DD), ["proxy/0x800759DD"]);
        assert_eq!(ids(0x59DD), ["proxy/0x800759DD"]);
        assert_eq!(ids(0x8007_59E6), ["proxy/0x59E6"]);
        assert_eq!(ids(0xDEAD_BEEF), [""; 0]);
        assert_eq!(ids(0x0001_0009), ["errinfo/0x9"]);
        assert_eq!(ids(0x0002_0008), ["freerdp/0x00020008"]);
        assert!(!ids(111).iter().any(|id| id == "errno/111"), "a bare number is no system error");
    }
}
