//! The messages of the specification's example, the laws, and what cannot be.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

/// The Connect Response of [MS-RDPBCGR] 4.1.4 up to its network data, with the methods of 128 bits and no certificate.
const EXAMPLE: &str = "0300006c02f0807f66620a01000201003\
    01a020122020103020100020101020100020101020300fff8020102043e\
    000500147c00012a14760a01010001c0004d63446e28\
    010c0c000400080000000000030c1000eb030300ec03ed03ee030000020c0c000200000002000000";

fn example() -> Vec<u8> {
    crate::hex::decode(EXAMPLE).unwrap()
}

fn response(frame: &[u8]) -> ConnectResponse {
    match SequenceAnswer::decode(frame) {
        Ok(SequenceAnswer::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn full() -> ConnectResponse {
    ConnectResponse {
        conference: 0,
        result: 0,
        version: Some(0x0008_0010),
        requested: Some(SecurityProtocols::SSL),
        early_capabilities: Some(7),
        encryption: Some((0, 0)),
        io_channel: Some(1003),
        channels: vec![1004, 1005, 1006],
        message_channel: Some(1008),
        multitransport: Some(0x305),
    }
}

#[test]
fn the_example_of_the_specification_says_what_it_says() {
    let expected = ConnectResponse {
        version: Some(0x0008_0004),
        requested: Some(SecurityProtocols::RDP),
        encryption: Some((2, 2)),
        io_channel: Some(1003),
        channels: vec![1004, 1005, 1006],
        ..ConnectResponse::default()
    };
    assert_eq!(response(&example()), expected);
}

#[test]
fn a_request_begins_as_in_the_specification() {
    let channels = ["rdpdr", "cliprdr", "rdpsnd"].map(str::to_owned).to_vec();
    let frame = ConnectInitial { selected: SecurityProtocols::RDP, channels }.encode();
    let text = crate::hex::encode(&frame);
    assert!(text.starts_with("0300"), "{text}");
    assert!(text.contains("02f0807f6582"), "{text}");
    // the conference and the header of the core data of [MS-RDPBCGR] 4.1.3; four blocks there, three here
    assert!(text.contains("000500147c0001811e000800100001c00044756361811001c0d80004000800"), "{text}");
    assert!(text.contains("02c00c001b00000000000000"), "{text}");
    assert_eq!(framing(&frame), Framing::Complete(frame.len()));
}

#[test]
fn no_method_of_encryption_is_offered_inside_tls() {
    let frame = ConnectInitial { selected: SecurityProtocols::SSL, channels: Vec::new() }.encode();
    assert!(crate::hex::encode(&frame).contains("02c00c000000000000000000"));
}

#[test]
fn the_key_of_another_conference_is_refused_where_it_stands() {
    let mut frame = example();
    let at = frame.windows(4).position(|four| four == b"McDn").unwrap();
    frame[at + 1] = b'x';
    let error = SequenceAnswer::decode(&frame).unwrap_err();
    assert_eq!(error, DecodeError::Invalid { what: "userData of the conference", at: at + 1, value: b'x'.into() });
}

#[test]
fn a_refusal_says_its_result() {
    let refused = ConnectResponse { result: 14, ..ConnectResponse::default() };
    assert_eq!(response(&refused.encode()), refused);
    let ultimatum = [3, 0, 0, 9, 2, 0xF0, 0x80, 0x21, 0x80];
    assert_eq!(SequenceAnswer::decode(&ultimatum), Ok(SequenceAnswer::Ultimatum(3)));
}

#[test]
fn blocks_that_are_not_known_are_passed_over_and_those_that_lie_are_not() {
    let mut frame = full().encode();
    // the message channel becomes a block of a type that nobody has
    let at = frame.windows(4).position(|four| four == [0x04, 0x0C, 6, 0]).unwrap();
    frame[at + 1] = 0x0E;
    assert_eq!(response(&frame), ConnectResponse { message_channel: None, ..full() });
    for size in [0, 3, 0xFF] {
        frame[at + 2] = size;
        assert!(matches!(SequenceAnswer::decode(&frame), Err(DecodeError::Invalid { .. })), "{size}");
    }
}

#[test]
fn more_channels_than_anybody_may_ask_for_are_refused() {
    let mut frame = full().encode();
    let at = frame.windows(4).position(|four| four == [0xEB, 3, 3, 0]).unwrap();
    frame[at + 2] = 32;
    assert!(matches!(
        SequenceAnswer::decode(&frame),
        Err(DecodeError::Invalid { what: "channelCount", value: 32, .. })
    ));
    frame[at + 2] = 31;
    assert!(matches!(SequenceAnswer::decode(&frame), Err(DecodeError::Truncated { what: "channelIdArray", .. })));
}

#[test]
fn frames_are_found() {
    assert_eq!(framing(&[3, 0, 0]), Framing::Incomplete);
    assert_eq!(framing(&[3, 0, 0xFF, 0xFF, 2]), Framing::Incomplete);
    assert_eq!(framing(&[3, 0, 0, 6]), Framing::NotTpkt);
    assert_eq!(framing(b"HTTP"), Framing::NotTpkt);
}

pub(super) fn any_response() -> impl Strategy<Value = ConnectResponse> {
    let core = option::of((any::<u32>(), option::of((any::<u32>(), option::of(any::<u32>())))));
    let network = option::of((any::<u16>(), vec(any::<u16>(), 0..=CHANNELS_LIMIT)));
    let encryption = option::of((any::<u32>(), any::<u32>()));
    (core, network, encryption, option::of(any::<u16>()), option::of(any::<u32>())).prop_map(
        |(core, network, encryption, message_channel, multitransport)| {
            let fields = core.and_then(|(_, fields)| fields);
            let (io_channel, channels) = network.unzip();
            ConnectResponse {
                conference: 0,
                result: 0,
                version: core.map(|(version, _)| version),
                requested: fields.map(|(requested, _)| SecurityProtocols(requested)),
                early_capabilities: fields.and_then(|(_, early)| early),
                encryption,
                io_channel,
                channels: channels.unwrap_or_default(),
                message_channel,
                multitransport,
            }
        },
    )
}

proptest! {
    #[test]
    fn responses_survive_the_round_trip(expected in any_response()) {
        let frame = expected.encode();
        prop_assert_eq!(framing(&frame), Framing::Complete(frame.len()));
        prop_assert_eq!(SequenceAnswer::decode(&frame), Ok(SequenceAnswer::Response(expected)));
    }

    #[test]
    fn requests_survive_the_round_trip(selected: u32, channels in vec("[a-z]{0,7}", 0..=CHANNELS_LIMIT)) {
        let initial = ConnectInitial { selected: SecurityProtocols(selected), channels };
        prop_assert_eq!(ConnectInitial::decode(&initial.encode()), Ok(initial));
    }

    #[test]
    fn decoding_never_panics(bytes: Vec<u8>) {
        let _ = framing(&bytes);
        let _ = SequenceAnswer::decode(&bytes);
        let _ = ConnectInitial::decode(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic(at: prop::sample::Index, value: u8, cut: prop::sample::Index) {
        let initial = ConnectInitial { selected: SecurityProtocols::SSL, channels: vec!["rdpdr".into()] };
        for frame in [full().encode(), initial.encode()] {
            let mut damaged = frame.clone();
            damaged[at.index(frame.len())] = value;
            for frame in [&damaged[..], &frame[..cut.index(frame.len())]] {
                let _ = SequenceAnswer::decode(frame);
                let _ = ConnectInitial::decode(frame);
            }
        }
    }
}
