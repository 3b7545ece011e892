//! Differential tests: `ironrdp-pdu`, written by others from the same specification, reads what we write and the
//! reverse.

use ironrdp_pdu::nego::{self, NegoRequestData, RequestFlags, ResponseFlags, SecurityProtocol};
use ironrdp_pdu::x224::X224;
use ironrdp_pdu::{decode, encode_vec};
use proptest::prelude::*;
use wire::x224::{
    ConnectionRequest, Framing, NegotiationFailure, RoutingToken, SecurityProtocols, ServerAnswer, framing,
};

/// Also with CR LF inside the number: such a request was once taken for one with a cookie.
fn protocols() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..0x20, any::<u32>(), Just(0x0A0D), Just(0x0D00), Just(0x0A0D_0000), Just(0x000A_0D00)]
}

fn theirs(cookie: Option<&String>, protocols: u32) -> nego::ConnectionRequest {
    nego::ConnectionRequest {
        nego_data: cookie.map(|cookie| NegoRequestData::cookie(cookie.clone())),
        flags: RequestFlags::empty(),
        protocol: SecurityProtocol::from_bits_retain(protocols),
        correlation_info: None,
    }
}

proptest! {
    #[test]
    fn requests_are_the_same_bytes_and_the_same_meaning(cookie in proptest::option::of("[!-~]{1,64}"), protocols in protocols()) {
        let ours = ConnectionRequest { cookie: cookie.clone(), token: None, protocols: Some(SecurityProtocols(protocols)) };
        let theirs = theirs(cookie.as_ref(), protocols);
        prop_assert_eq!(&decode::<X224<nego::ConnectionRequest>>(&ours.encode()).unwrap().0, &theirs);
        let bytes = encode_vec(&X224(theirs)).unwrap();
        prop_assert_eq!(&bytes, &ours.encode());
        prop_assert_eq!(ConnectionRequest::decode(&bytes), Ok(ours));
    }

    /// They know no request without negotiation and read it as one for `PROTOCOL_RDP` alone. We keep the two apart on
    /// purpose: a server may answer them differently.
    #[test]
    fn a_request_without_negotiation_means_rdp_to_them(cookie in proptest::option::of("[!-~]{1,64}")) {
        let ours = ConnectionRequest { cookie: cookie.clone(), token: None, protocols: None };
        let read = decode::<X224<nego::ConnectionRequest>>(&ours.encode()).unwrap().0;
        prop_assert_eq!(read, theirs(cookie.as_ref(), 0));
        prop_assert_eq!(ConnectionRequest::decode(&ours.encode()), Ok(ours));
    }

    /// They put `Cookie: msts=` before every routing token; to us it is a part of it, as in a file of settings.
    #[test]
    fn a_routing_token_hides_nothing(token in "[!-~]{1,64}", protocols in protocols()) {
        let ours = RoutingToken::parse(&format!("Cookie: msts={token}"));
        let theirs = nego::ConnectionRequest { nego_data: Some(NegoRequestData::routing_token(token)), ..theirs(None, protocols) };
        let ours = ConnectionRequest { token: ours, protocols: Some(SecurityProtocols(protocols)), cookie: None };
        let bytes = encode_vec(&X224(theirs)).unwrap();
        prop_assert_eq!(&bytes, &ours.encode());
        prop_assert_eq!(ConnectionRequest::decode(&bytes), Ok(ours));
    }

    #[test]
    fn selections_mean_the_same(protocol in protocols(), flags: u8) {
        let ours = ServerAnswer::Selected { protocol: SecurityProtocols(protocol), flags };
        let theirs = nego::ConnectionConfirm::Response {
            flags: ResponseFlags::from_bits_retain(flags),
            protocol: SecurityProtocol::from_bits_retain(protocol),
        };
        prop_assert_eq!(&decode::<X224<nego::ConnectionConfirm>>(&ours.encode()).unwrap().0, &theirs);
        prop_assert_eq!(ServerAnswer::decode(&encode_vec(&X224(theirs)).unwrap()), Ok(ours));
    }

    #[test]
    fn failures_mean_the_same(code: u32) {
        let ours = ServerAnswer::Failure(NegotiationFailure(code));
        let theirs = nego::ConnectionConfirm::Failure { code: code.into() };
        prop_assert_eq!(&decode::<X224<nego::ConnectionConfirm>>(&ours.encode()).unwrap().0, &theirs);
        prop_assert_eq!(ServerAnswer::decode(&encode_vec(&X224(theirs)).unwrap()), Ok(ours));
    }

    /// Whatever they accept as a whole confirm, we accept with the same meaning, except on purpose: we insist on the
    /// lengths that [MS-RDPBCGR] fixes (8) and on nothing behind them, because a wrong one is a finding.
    #[test]
    fn damaged_confirms_are_not_read_differently(at in 0_usize..19, value: u8, failure: bool) {
        let answer = if failure {
            ServerAnswer::Failure(NegotiationFailure::HYBRID_REQUIRED_BY_SERVER)
        } else {
            ServerAnswer::Selected { protocol: SecurityProtocols::HYBRID, flags: 0x1F }
        };
        let mut bytes = answer.encode();
        bytes[at] = value;
        let ours = match framing(&bytes) {
            Framing::Complete(19) => ServerAnswer::decode(&bytes).ok(),
            _ => None,
        };
        let theirs = decode::<X224<nego::ConnectionConfirm>>(&bytes).ok().map(|confirm| confirm.0);
        match (ours, theirs) {
            (Some(ServerAnswer::Selected { protocol, flags }), Some(nego::ConnectionConfirm::Response { flags: f, protocol: p })) => {
                prop_assert_eq!((protocol.0, flags), (p.bits(), f.bits()));
            }
            (Some(ServerAnswer::Failure(ours)), Some(nego::ConnectionConfirm::Failure { code })) => {
                prop_assert_eq!(ours.0, u32::from(code));
            }
            // the low four bits of the TPDU code are credit, which X.224 class 0 ignores; they insist on zero
            (Some(_), None) => prop_assert_eq!((at, value >> 4), (5, 0xD)),
            // the negotiation's length, which they pass over; a TPDU that ends before its frame does (14)
            (None, Some(_)) => prop_assert!(matches!((at, value), (13..=14, _) | (4, 6..14)), "byte {} = {:#x}", at, value),
            (None, None) => {}
            (ours, theirs) => prop_assert!(false, "{:?} against {:?}", ours, theirs),
        }
    }
}

/// They read a confirm without negotiation data as the selection of `PROTOCOL_RDP`. We keep it apart on purpose: it
/// tells an old server, or one whose negotiation is switched off, from one that chose Standard RDP Security.
#[test]
fn a_confirm_without_negotiation_is_rdp_to_them() {
    let read = decode::<X224<nego::ConnectionConfirm>>(&ServerAnswer::NoNegotiation.encode()).unwrap().0;
    let rdp = nego::ConnectionConfirm::Response { flags: ResponseFlags::empty(), protocol: SecurityProtocol::empty() };
    assert_eq!(read, rdp);
    assert_eq!(ServerAnswer::decode(&ServerAnswer::NoNegotiation.encode()), Ok(ServerAnswer::NoNegotiation));
}

/// To them a disconnect in place of a confirm is an error; to us it is an answer, because xrdp gives it.
#[test]
fn an_ultimatum_is_no_confirm_to_them() {
    let bytes = ServerAnswer::DisconnectProviderUltimatum.encode();
    assert!(decode::<X224<nego::ConnectionConfirm>>(&bytes).is_err());
}

#[test]
fn a_connect_initial_means_the_same_to_them() {
    for (protocol, theirs) in [(0, SecurityProtocol::empty()), (1, SecurityProtocol::SSL)] {
        let channels: Vec<String> = ["rdpdr", "rdpsnd", "cliprdr", "drdynvc"].map(str::to_owned).to_vec();
        let ours = wire::mcs::ConnectInitial { selected: SecurityProtocols(protocol), channels: channels.clone() };
        let read: ironrdp_pdu::mcs::ConnectInitial = decode(&ours.encode()[7..]).unwrap();
        let blocks = read.conference_create_request.gcc_blocks();
        assert_eq!(blocks.core.optional_data.server_selected_protocol, Some(theirs));
        let names: Vec<_> = read.channel_names().unwrap().iter().map(|c| c.name.as_str().unwrap().to_owned()).collect();
        assert_eq!(names, channels);
        assert_eq!(blocks.security.encryption_methods.bits(), if protocol == 0 { 0x1B } else { 0 });
    }
}

#[test]
fn a_connect_response_means_the_same_to_them() {
    let ours = wire::mcs::ConnectResponse {
        conference: 0,
        result: 0,
        version: Some(0x0008_0004),
        requested: Some(SecurityProtocols::SSL),
        early_capabilities: Some(2),
        encryption: Some((0, 0)),
        io_channel: Some(1003),
        channels: vec![1004, 1005, 1006],
        message_channel: Some(1007),
        multitransport: None,
    };
    let read: ironrdp_pdu::mcs::ConnectResponse = decode(&ours.encode()[7..]).unwrap();
    assert_eq!((read.global_channel_id(), read.channel_ids()), (1003, vec![1004, 1005, 1006]));
    // and back, as they write it
    let theirs = encode_vec(&read).unwrap();
    let size = u16::try_from(theirs.len() + 7).unwrap().to_be_bytes();
    let frame = [&[3, 0][..], &size, &[2, 0xF0, 0x80], &theirs].concat();
    assert_eq!(wire::mcs::SequenceAnswer::decode(&frame), Ok(wire::mcs::SequenceAnswer::Response(ours)));
}
