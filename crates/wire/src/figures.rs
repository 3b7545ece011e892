//! Figures that an operating system keeps of a TCP connection.

use std::fmt;

use crate::transcript::line::Line;

/// Declares the figures: field, word in a transcript, and place in Linux' `struct tcp_info` (linux/tcp.h).
macro_rules! figures {
    ($($(#[$doc:meta])* $field:ident $word:literal: $kind:ty, $place:literal;)*) => {
        /// Figures that an operating system keeps of one TCP connection, as they were just before it was closed.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct TcpFigures {
            /// SYNs that were sent again before the connection was there. They are among `again`.
            pub syn_again: u64,
            /// Time from SYN to SYN-ACK in microseconds; 0 where a SYN was sent again.
            pub syn_rtt: u64,
            $($(#[$doc])* pub $field: u64,)*
        }

        impl TcpFigures {
            /// Reads them from a `struct tcp_info` of Linux 5.4 or newer, in the byte order of the machine; `None` for
            /// a shorter one.
            pub fn of_linux(info: &[u8]) -> Option<Self> {
                Some(Self { syn_again: 0, syn_rtt: 0, $($field: number::<{ size_of::<$kind>() }>(info, $place)?,)* })
            }

            /// Iterates over their names, as in a transcript, and values.
            pub fn words(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [("syn-again", self.syn_again), ("syn-rtt", self.syn_rtt), $(($word, self.$field),)*].into_iter()
            }

            fn place(&mut self, word: &str) -> Option<&mut u64> {
                match word {
                    "syn-again" => Some(&mut self.syn_again),
                    "syn-rtt" => Some(&mut self.syn_rtt),
                    $($word => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

figures! {
    /// Bytes of data that one of our segments holds at most (`tcpi_snd_mss`).
    segment "segment": u32, 16;
    /// Segments that were sent and not acknowledged (`tcpi_unacked`).
    unacknowledged "unacknowledged": u32, 24;
    /// Time-outs one after the other behind which nothing was acknowledged yet (`tcpi_retransmits`).
    timeouts "timeouts": u8, 2;
    /// Segments that were sent again and not acknowledged (`tcpi_retrans`).
    outstanding "outstanding": u32, 36;
    /// Segments that are held for lost (`tcpi_lost`).
    lost "lost": u32, 32;
    /// Largest packet in bytes that the system sends on this path (`tcpi_pmtu`).
    path_mtu "path-mtu": u32, 60;
    /// Smoothed round trip time in microseconds (`tcpi_rtt`).
    rtt "rtt": u32, 68;
    /// Mean deviation of the round trip time in microseconds (`tcpi_rttvar`).
    rtt_variation "rtt-variation": u32, 72;
    /// Segments that were sent again (`tcpi_total_retrans`).
    again "again": u32, 100;
    /// Bytes that were acknowledged; the SYN counts as one (`tcpi_bytes_acked`).
    acknowledged "acknowledged": u64, 120;
    /// Smallest round trip time in microseconds (`tcpi_min_rtt`).
    rtt_least "rtt-least": u32, 148;
    /// Segments with data that came (`tcpi_data_segs_in`).
    received "received": u32, 152;
    /// Segments with data that were sent, each time counted (`tcpi_data_segs_out`).
    sent "sent": u32, 156;
    /// Rate in bytes per second at which our data went through (`tcpi_delivery_rate`).
    delivery_rate "delivery-rate": u64, 160;
    /// Segments of ours that came twice, by the other side's own word (`tcpi_dsack_dups`, RFC 2883): it was the
    /// acknowledgement that was lost or late.
    needless "needless": u32, 216;
    /// Times that our segments were seen to overtake each other (`tcpi_reord_seen`).
    reordered "reordered": u32, 220;
    /// Segments that came before others that belong before them (`tcpi_rcv_ooopack`).
    out_of_order "out-of-order": u32, 224;
}

/// Reads the number of `SIZE` bytes, 1, 4 or 8, at a place.
fn number<const SIZE: usize>(info: &[u8], place: usize) -> Option<u64> {
    let bytes = info.get(place..)?;
    match SIZE {
        1 => bytes.first().map(|byte| u64::from(*byte)),
        8 => bytes.first_chunk().map(|eight| u64::from_ne_bytes(*eight)),
        _ => bytes.first_chunk().map(|four| u64::from(u32::from_ne_bytes(*four))),
    }
}

impl TcpFigures {
    /// Writes them as words of a transcript; zeros are left out.
    pub(crate) fn write(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("figures")?;
        self.words().filter(|(_, value)| *value > 0).try_for_each(|(word, value)| write!(out, " {word}={value}"))
    }

    /// Reads these words.
    pub(crate) fn read(words: &mut Line<'_>) -> Result<Self, &'static str> {
        let mut figures = Self::default();
        for word in words.rest() {
            let (name, value) = word.split_once('=').ok_or("figure")?;
            *figures.place(name).ok_or("figure")? = value.parse().map_err(|_| "figure")?;
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_from_their_places() {
        let mut info = vec![0; 232];
        info[100..104].copy_from_slice(&7_u32.to_ne_bytes());
        info[2] = 2;
        info[120..128].copy_from_slice(&(1_u64 << 40).to_ne_bytes());
        info[224..228].copy_from_slice(&3_u32.to_ne_bytes());
        let expected =
            TcpFigures { again: 7, timeouts: 2, acknowledged: 1 << 40, out_of_order: 3, ..TcpFigures::default() };
        assert_eq!(TcpFigures::of_linux(&info), Some(expected));
        for length in 0..228 {
            assert_eq!(TcpFigures::of_linux(&info[..length]), None, "{length}");
        }
    }
}
