//! What a connection was for, as the words behind its address.

use std::fmt;
use std::time::Duration;

use super::{Line, read_seconds, seconds};
use crate::hex;
use crate::machine::{ConversationPlan, Limits};
use crate::tls::registry::{Codes, Registry};
use crate::tls::{
    Groups, HelloShape, HelloStyle, NameSent, Segments, Signatures, Suites, TlsOffer, TlsStack, TlsVersion, host_name,
};
use crate::x224::{ConnectionRequest, SecurityProtocols};

pub(super) struct PlanText<'a>(pub(super) &'a ConversationPlan);

impl fmt::Display for PlanText<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        if let Some(request) = &plan.request {
            match request.protocols {
                Some(protocols) => write!(out, "request={protocols} ")?,
                None => out.write_str("request=none ")?,
            }
            if let Some(cookie) = &request.cookie {
                write!(out, "cookie={} ", hex::encode(cookie.as_bytes()))?;
            }
        }
        if !plan.hold.is_zero() {
            write!(out, "hold={} ", seconds(plan.hold))?;
        }
        if let Some(offer) = plan.tls {
            let cut = if offer.segments == Segments::Whole { "whole" } else { "split" };
            write!(out, "tls={},{},{},{cut}", offer.stack.name(), offer.min.number(), offer.max.number())?;
            let exchange = (offer.groups, offer.signatures) != (Groups::USUAL, Signatures::USUAL);
            if exchange || offer.suites != Suites::ALL {
                write!(out, ",{}", list(offer.suites))?;
            }
            if exchange {
                write!(out, ",{},{}", list(offer.groups), list(offer.signatures))?;
            }
            out.write_str(match offer.name {
                NameSent::Typed => " ",
                NameSent::None => " name-sent=none ",
                NameSent::Invented => " name-sent=invented ",
            })?;
        }
        if plan.shape.style != HelloStyle::Plain {
            write!(out, "style={} ", plan.shape.style.name())?;
        }
        if let Some(name) = &plan.shape.server_name {
            write!(out, "server-name={name} ")?;
        }
        if let Some(version) = plan.credssp {
            write!(out, "credssp={version} ")?;
        }
        let Limits { tcp, x224, tls, credssp } = plan.limits;
        write!(out, "limits={},{},{},{} ", seconds(tcp), seconds(x224), seconds(tls), seconds(credssp))?;
        write!(out, "random={}", hex::encode(&plan.random))
    }
}

fn list<R: Registry>(codes: Codes<R>) -> String {
    let codes: Vec<_> = codes.codes().map(|code| format!("{code:04x}")).collect();
    codes.join("+")
}

pub(super) fn read_plan(words: &mut Line<'_>) -> Result<ConversationPlan, &'static str> {
    let mut plan = ConversationPlan {
        request: None,
        hold: Duration::ZERO,
        tls: None,
        credssp: None,
        random: [0; 32],
        shape: HelloShape::default(),
        limits: Limits { tcp: Duration::ZERO, x224: Duration::ZERO, tls: Duration::ZERO, credssp: Duration::ZERO },
    };
    for word in words.0.by_ref() {
        let (key, value) = word.split_once('=').ok_or("plan")?;
        match key {
            "request" => {
                let protocols =
                    (value != "none").then(|| SecurityProtocols::parse(value).ok_or("request")).transpose()?;
                plan.request = Some(ConnectionRequest { cookie: None, protocols });
            }
            "cookie" => {
                let cookie = hex::decode(value).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or("cookie")?;
                plan.request.as_mut().ok_or("cookie")?.cookie = Some(cookie);
            }
            "hold" => plan.hold = read_seconds(value).ok_or("hold")?,
            "tls" => plan.tls = Some(read_offer(value).ok_or("tls")?),
            "name-sent" => {
                let offer = plan.tls.as_mut().ok_or("name-sent")?;
                offer.name = match value {
                    "none" => NameSent::None,
                    "invented" => NameSent::Invented,
                    _ => return Err("name-sent"),
                };
            }
            "style" => plan.shape.style = HelloStyle::parse(value).ok_or("style")?,
            "server-name" => {
                plan.shape.server_name = Some(host_name(value.as_bytes()).ok_or("server-name")?.to_owned());
            }
            "credssp" => plan.credssp = Some(value.parse().map_err(|_| "credssp")?),
            "limits" => plan.limits = read_limits(value).ok_or("limits")?,
            "random" => plan.random = hex::decode(value).and_then(|b| b.try_into().ok()).ok_or("random")?,
            _ => return Err("plan"),
        }
    }
    Ok(plan)
}

fn read_offer(value: &str) -> Option<TlsOffer> {
    let mut parts = value.split(',');
    let name = parts.next()?;
    let stack = TlsStack::ALL.into_iter().find(|stack| stack.name() == name)?;
    let min = TlsVersion::parse(parts.next()?)?;
    let max = TlsVersion::parse(parts.next()?)?;
    let segments = match parts.next()? {
        "whole" => Segments::Whole,
        "split" => Segments::FirstByteAlone,
        _ => return None,
    };
    let suites = parts.next().map_or(Some(Suites::ALL), read_list)?;
    let groups = parts.next().map_or(Some(Groups::USUAL), read_list)?;
    let signatures = parts.next().map_or(Some(Signatures::USUAL), read_list)?;
    parts.next().is_none().then_some(TlsOffer { stack, min, max, segments, suites, groups, signatures, name: NameSent::Typed })
}

fn read_list<R: Registry>(text: &str) -> Option<Codes<R>> {
    if text.is_empty() {
        return Some(Codes::NONE);
    }
    let codes: Option<Vec<_>> = text.split('+').map(|code| u16::from_str_radix(code, 16).ok()).collect();
    Codes::of(codes?)
}

fn read_limits(value: &str) -> Option<Limits> {
    let mut parts = value.split(',').map(read_seconds);
    Some(Limits { tcp: parts.next()??, x224: parts.next()??, tls: parts.next()??, credssp: parts.next()?? })
}
