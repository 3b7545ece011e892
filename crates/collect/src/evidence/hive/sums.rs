//! Check sums of a hive and of its transaction logs.

/// Start values of both check sums.
const SEED: (u32, u32) = (0x7A4E_55C5, 0x82EF_4D88);

/// Computes the check sum: all numbers of the base block but the last one, combined by exclusive or.
pub(super) fn check_sum(block: &[u8]) -> u32 {
    let numbers = block.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    match numbers.fold(0, |sum, number| sum ^ number) {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    }
}

/// Computes the check sum of log entries, Marvin32.
pub(super) fn marvin32(data: &[u8]) -> u64 {
    let (mut low, mut high) = SEED;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        low = low.wrapping_add(u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
        (low, high) = mix(low, high);
    }
    let last = chunks.remainder().iter().rev().fold(0x80, |word: u32, byte| word << 8 | u32::from(*byte));
    low = low.wrapping_add(last);
    (low, high) = mix(low, high);
    (low, high) = mix(low, high);
    u64::from(high) << 32 | u64::from(low)
}

fn mix(low: u32, high: u32) -> (u32, u32) {
    let (low, high) = (low.rotate_left(20).wrapping_add(high ^ low), high ^ low);
    let (low, high) = (low, high.rotate_left(9) ^ low);
    let (low, high) = (low.rotate_left(27).wrapping_add(high), high);
    (low, high.rotate_left(19))
}
