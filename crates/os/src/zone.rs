//! Time zone of the machine (localtime(3)), as `TZ` or /etc/localtime say it.

use std::mem::MaybeUninit;

/// Returns how many seconds the machine's clocks on the wall are before UTC at this Unix time.
pub fn offset_at(unix: i64) -> Option<i32> {
    #[allow(clippy::useless_conversion)] // a system of 32 bits has a shorter time
    let unix: libc::time_t = unix.try_into().ok()?;
    let mut broken = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both outlive the call; nothing of this program changes the environment, which is read
    let told = unsafe { libc::localtime_r(&raw const unix, broken.as_mut_ptr()) };
    if told.is_null() {
        return None;
    }
    // SAFETY: it was filled, as no null was returned
    let broken = unsafe { broken.assume_init() };
    broken.tm_gmtoff.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_within_a_day() {
        for unix in [0, 1_795_992_297, -1, 4_000_000_000] {
            assert!(offset_at(unix).unwrap().abs() <= 26 * 3600);
        }
        assert_eq!(offset_at(i64::MAX), None, "a year that no calendar has");
    }
}
