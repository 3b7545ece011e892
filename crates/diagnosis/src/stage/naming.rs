//! Names and the machines behind them: whether a name leads to the machine that it means, what name servers say of it
//! themselves, and what another of its addresses showed when it was asked as a test.

use std::net::{IpAddr, SocketAddr};

use evidence::windows::NETBIOS;
use evidence::{Because, Fact, Role};
use wire::dns::{DnsAnswer, DnsQuestion, NOBODY, RecordKind, failure_name};
use wire::machine::X224Answer;
use wire::transcript::{DnsLookup, NameAnswer, NameSettings, Neighbours};

use super::addresses::{Fares, OfName, of_name};
use crate::case::{Case, Seen};
use crate::cause::{Cause, Shows};
use crate::need::{Kind, Need, Of};

static SETTINGS: Kind = Kind {
    name: "name-settings",
    words: |_| {
        "what the hosts file says of the name (read where a name leads nowhere or elsewhere, or with --thorough)"
            .to_owned()
    },
    answered: |case, _| settings(case).is_some(),
    asking: None,
};

static NAME_SERVERS: Kind = Kind {
    name: "name-servers",
    words: |_| {
        "whether the name servers answer for the name, and how (asked where it leads nowhere or elsewhere)".to_owned()
    },
    answered: |case, _| asked_servers(case).next().is_some(),
    asking: None,
};

static DNS: Kind = Kind {
    name: "dns",
    words: |_| {
        "what the name servers themselves say (asked where a name leads nowhere or elsewhere, or with --thorough)"
            .to_owned()
    },
    answered: |case, _| lookups(case).any(|seen| is_readable(&seen.value.answer)),
    asking: None,
};

impl Need {
    /// Reads what the resolver is set up to ask.
    pub const NAME_SETTINGS: Self = Self::new(&SETTINGS, Of::Nothing);
    /// Asks the name servers themselves, and they may as well be silent, or fail.
    pub const NAME_SERVERS: Self = Self::new(&NAME_SERVERS, Of::Nothing);
    /// Asks the name servers themselves, and one of them tells something.
    pub const DNS: Self = Self::new(&DNS, Of::Nothing);
}

/// True if a cause is shown by what name servers say: no host of the lab can play it.
pub fn takes_a_name_server(cause: &Cause) -> bool {
    let mut presence = cause.proofs.iter().filter(|proof| matches!(proof.shows, Shows::Presence(_)));
    presence.all(|proof| proof.needs.contains(&Need::DNS))
}

fn is_readable(answer: &DnsAnswer) -> bool {
    match answer {
        DnsAnswer::Addresses { .. } | DnsAnswer::Names(_) | DnsAnswer::NoSuchName | DnsAnswer::NoRecord => true,
        DnsAnswer::Failed(_) | DnsAnswer::Unreadable | DnsAnswer::Silent | DnsAnswer::Unreachable => false,
    }
}

/// Returns what the resolver is set up to ask.
pub fn settings(resolver: Case<'_>) -> Option<Seen<&NameSettings>> {
    resolver.last(|fact| if let Fact::NameSettings(settings) = fact { Some(settings) } else { None })
}

/// Iterates over the answers of name servers.
pub fn lookups(resolver: Case<'_>) -> impl Iterator<Item = Seen<&DnsLookup>> {
    resolver.seen(|fact| if let Fact::DnsAnswer(lookup) = fact { Some(lookup) } else { None })
}

/// Iterates over what name servers were asked of the name, or of what a suffix makes of it.
pub fn asked_servers(resolver: Case<'_>) -> impl Iterator<Item = Seen<&DnsLookup>> {
    let of_name = |seen: &Seen<&DnsLookup>| {
        let DnsQuestion { name, kind } = &seen.value.question;
        *kind != RecordKind::Ptr && !is_nobody(name)
    };
    lookups(resolver).filter(of_name)
}

/// Says, once for each server and code, which name servers answer that they fail or refuse.
pub fn failing_servers(resolver: Case<'_>) -> Vec<Because> {
    let mut told: Vec<(SocketAddr, u8)> = Vec::new();
    let failing = asked_servers(resolver).filter_map(|seen| {
        let DnsAnswer::Failed(code) = seen.value.answer else { return None };
        let key = (seen.value.server, code);
        if told.contains(&key) {
            return None;
        }
        told.push(key);
        let (DnsQuestion { name, kind }, word) = (&seen.value.question, failure_name(code).unwrap_or("a failure"));
        let text =
            format!("the name server {} answers {word} (RCODE {code}) for {name} ({})", server(&seen), kind.word());
        Some(seen.because(text))
    });
    failing.collect()
}

/// Says of each name server that it is silent, if all are that were asked.
pub fn silent_servers(resolver: Case<'_>) -> Vec<Because> {
    let silent = |seen: Seen<&DnsLookup>| matches!(seen.value.answer, DnsAnswer::Silent | DnsAnswer::Unreachable);
    if !asked_servers(resolver).all(silent) {
        return Vec::new();
    }
    let mut told: Vec<SocketAddr> = Vec::new();
    let each = asked_servers(resolver).filter(|seen| {
        let new = !told.contains(&seen.value.server);
        told.push(seen.value.server);
        new
    });
    each.map(|seen| seen.because(format!("the name server {} did not answer this program either", server(&seen))))
        .collect()
}

/// Addresses that a name server gives to a name.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The look-up.
    pub lookup: Seen<&'a DnsLookup>,
    /// Names that the name stands for.
    pub aliases: &'a [String],
    /// Its addresses.
    pub addresses: &'a [IpAddr],
}

impl Given<'_> {
    /// True if it is about this name.
    pub fn is_of(&self, name: &str) -> bool {
        self.lookup.value.question.name.eq_ignore_ascii_case(name)
    }

    /// Says who gives what.
    pub fn because(&self) -> Because {
        let name = &self.lookup.value.question.name;
        let alias = self.aliases.last().map(|alias| format!(", an alias (CNAME) of {alias},")).unwrap_or_default();
        let text = format!("the name server {} gives {name}{alias} {}", server(&self.lookup), list(self.addresses));
        self.lookup.because(text)
    }
}

/// Names the server of a look-up: its address, and its port where that is not the usual one.
pub fn server(lookup: &Seen<&DnsLookup>) -> String {
    let server = lookup.value.server;
    if server.port() == 53 { server.ip().to_string() } else { server.to_string() }
}

/// Lists addresses for a sentence.
pub fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Iterates over the addresses that name servers give to the name, or to what a suffix makes of it.
pub fn given(resolver: Case<'_>) -> impl Iterator<Item = Given<'_>> {
    all_given(resolver).filter(|given| !is_nobody(&given.lookup.value.question.name))
}

fn all_given(resolver: Case<'_>) -> impl Iterator<Item = Given<'_>> {
    lookups(resolver).filter_map(|lookup| match &lookup.value.answer {
        DnsAnswer::Addresses { aliases, addresses } => Some(Given { lookup, aliases, addresses }),
        _ => None,
    })
}

fn is_nobody(name: &str) -> bool {
    split(name).0.eq_ignore_ascii_case(NOBODY)
}

/// Returns a name server's answer for a name that nobody has under this suffix, if it gives one of these addresses: it
/// does so for every name there.
pub fn for_every_name<'a>(resolver: Case<'a>, suffix: &str, addresses: &[IpAddr]) -> Option<Given<'a>> {
    let of_nobody = all_given(resolver).filter(|given| is_nobody(&given.lookup.value.question.name));
    let mut under = of_nobody.filter(|given| split(&given.lookup.value.question.name).1.eq_ignore_ascii_case(suffix));
    under.find(|given| given.addresses.iter().any(|address| addresses.contains(address)))
}

/// Returns the addresses that clients here are given; empty where the look-up failed.
pub fn led_to(resolver: Case<'_>) -> Vec<IpAddr> {
    of_name(resolver).map(|(_, all)| all.iter().map(|one| one.address.ip()).collect()).unwrap_or_default()
}

/// Returns the whole name by which the resolver came to its addresses: the first in its order for which name servers
/// give all of them.
pub fn origin(resolver: Case<'_>) -> Option<String> {
    let addresses = led_to(resolver);
    let mut names = settings(resolver)?.value.names(resolver.label()).into_iter();
    names.find(|name| {
        let of_name: Vec<_> = given(resolver).filter(|given| given.is_of(name)).collect();
        let has = |address: &IpAddr| of_name.iter().any(|given| given.addresses.contains(address));
        !addresses.is_empty() && addresses.iter().all(has)
    })
}

/// Splits a name into the host's label and the domain behind it.
pub fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}

/// True if the labels are equal, or NetBIOS would cut them to the same.
pub fn same_host(typed: &str, own: &str) -> bool {
    let (typed, own) = (split(typed).0, split(own).0);
    let cut = own.len() == NETBIOS && typed.get(..NETBIOS).is_some_and(|start| start.eq_ignore_ascii_case(own));
    typed.eq_ignore_ascii_case(own) || cut
}

/// Returns the name that a host gives itself.
pub fn own_name(host: Case<'_>) -> Option<Seen<&str>> {
    let dns = host.last(|fact| if let Fact::NtlmDnsComputer(name) = fact { Some(name.as_str()) } else { None });
    dns.or_else(|| host.last(|fact| if let Fact::NtlmComputer(name) = fact { Some(name.as_str()) } else { None }))
}

/// Returns the names in a host's certificate.
pub fn certificate_names(host: Case<'_>) -> Option<Seen<&[String]>> {
    host.last(|fact| if let Fact::CertificateNames(names) = fact { Some(names.as_slice()) } else { None })
}

/// True if a host's certificate is for this name; `*` stands for one label.
pub fn is_certified(host: Case<'_>, name: &str) -> bool {
    let covers = |pattern: &String| {
        let wild = pattern.strip_prefix("*.").is_some_and(|domain| split(name).1.eq_ignore_ascii_case(domain));
        pattern.eq_ignore_ascii_case(name) || wild
    };
    certificate_names(host).is_some_and(|names| names.value.iter().any(covers))
}

/// Returns the resolver that was asked for the name of a host.
pub fn resolver_of(host: Case<'_>) -> Option<Case<'_>> {
    let name = host.who().name.as_deref().or_else(|| host.context.target.as_ref()?.name())?;
    let mut all = host.evidence.subjects.iter();
    let subject = all.position(|who| who.role == Role::Resolver && who.name.as_deref() == Some(name))?;
    Some(Case { subject, ..host })
}

/// Returns the name server's answer that makes the name an alias (CNAME) of this machine.
pub fn alias_of<'a>(resolver: Case<'a>, own: &str) -> Option<Given<'a>> {
    given(resolver).find(|given| given.aliases.iter().any(|alias| same_host(alias, own)))
}

/// Returns the names that DNS has for an address (PTR).
pub fn names_of(resolver: Case<'_>, address: IpAddr) -> Option<Seen<&[String]>> {
    let mut all = lookups(resolver).filter(|seen| seen.value.question.kind == RecordKind::Ptr);
    all.find_map(|seen| match &seen.value.answer {
        DnsAnswer::Names(names) if seen.value.question.address() == Some(address) => {
            Some(Seen { value: names.as_slice(), id: seen.id })
        }
        _ => None,
    })
}

/// True if the machine at an address calls itself something else than the name, and neither its certificate nor an
/// alias is for the name.
pub fn is_another_machine(host: Case<'_>, resolver: Case<'_>) -> bool {
    let typed = typed(resolver);
    own_name(host).is_some_and(|own| {
        !same_host(typed, own.value) && !is_certified(host, typed) && alias_of(resolver, own.value).is_none()
    })
}

/// Returns the name that was typed, without the dot of the root.
pub fn typed(resolver: Case<'_>) -> &str {
    resolver.label().strip_suffix('.').unwrap_or(resolver.label())
}

fn answers_as_another(address: &OfName<'_>, resolver: Case<'_>) -> bool {
    address.host.is_some_and(|host| is_another_machine(host, resolver))
}

/// True if every address that clients here are given leads to the machine that is meant, as far as it can be told.
pub fn leads_right(resolver: Case<'_>) -> bool {
    let right = |one: &OfName<'_>| one.fares == Fares::Answers && !answers_as_another(one, resolver);
    of_name(resolver).is_some_and(|(_, all)| !all.is_empty() && all.iter().all(right))
}

/// True if clients here are led to no machine, or to another one, by each of the addresses that they are given.
pub fn is_misled(resolver: Case<'_>) -> bool {
    let answer = resolver.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None });
    let Some(Seen { value: NameAnswer::Addresses(_), .. }) = answer else {
        return answer.is_some_and(|answer| *answer.value != NameAnswer::NoNetwork);
    };
    let Some((_, all)) = of_name(resolver) else { return false };
    let wrong = |one: &OfName<'_>| match one.fares {
        Fares::Answers => answers_as_another(one, resolver),
        Fares::Unclear => one.host.is_some_and(|host| host.tcp().next().is_some()),
        Fares::Refuses | Fares::Silent | Fares::Unreachable | Fares::Nobodys | Fares::NotTried => true,
    };
    let tried = all.iter().any(|one| one.fares != Fares::NotTried);
    tried && all.iter().all(wrong)
}

/// Address to which clients here are not led, at which Remote Desktop answered a test.
pub struct Elsewhere<'a> {
    /// The address.
    pub address: SocketAddr,
    /// The machine at it.
    host: Case<'a>,
    /// The observation that it answers.
    answered: usize,
}

/// Returns the addresses at which the machine that is meant answered a test, where clients here are misled. If they are
/// led to another machine that works, it has to bear the name.
pub fn cures(resolver: Case<'_>) -> Vec<Elsewhere<'_>> {
    if !is_misled(resolver) {
        return Vec::new();
    }
    let led = of_name(resolver).map(|(_, all)| all).unwrap_or_default();
    let other_works = led.iter().any(|one| one.fares == Fares::Answers);
    let typed = typed(resolver);
    let tested = resolver.evidence.elsewhere().map(|subject| Case { subject, ..resolver });
    let of_name = tested.filter(|host| host.who().name == resolver.who().name);
    let cures = of_name.filter_map(|host| {
        let address = host.who().address?;
        let answered = host.x224().find(|seen| matches!(seen.value.1, X224Answer::Server(_)))?.id;
        let bears = || own_name(host).is_some_and(|own| same_host(typed, own.value)) || is_certified(host, typed);
        let right = if other_works { bears() } else { !is_another_machine(host, resolver) };
        right.then_some(Elsewhere { address, host, answered })
    });
    cures.collect()
}

impl Elsewhere<'_> {
    /// Says what the test gave.
    pub fn because(&self) -> Because {
        let own = own_name(self.host);
        let named = own.map(|own| format!(", and the machine calls itself {}", own.value)).unwrap_or_default();
        let address = self.address.ip();
        let text = format!("tested by this run: Remote Desktop answers at {address} itself{named}");
        Because { text, observation: self.answered }
    }

    /// Says what it costs to go by the address.
    pub fn costs(&self) -> Because {
        let shown = self.address.ip().to_string();
        let foreign = certificate_names(self.host).filter(|names| !names.value.contains(&shown));
        let warns = foreign.map(|names| format!(", and warns that the certificate is for {}", names.value.join(", ")));
        let text = format!(
            "by {shown} Windows logs on with NTLM, not with Kerberos, unless it is told otherwise{}",
            warns.unwrap_or_default()
        );
        Because { text, observation: foreign.map_or(self.answered, |names| names.id) }
    }
}

/// Says that a neighbour may have given the addresses: the resolver may ask some, and the addresses are neither in the
/// hosts file nor in DNS.
pub fn by_neighbours(resolver: Case<'_>) -> Option<Seen<String>> {
    let Seen { value, id } = settings(resolver)?;
    let led = led_to(resolver);
    let told = |known: &[IpAddr]| led.iter().any(|address| known.contains(address));
    let denied = |seen: Seen<&DnsLookup>| matches!(seen.value.answer, DnsAnswer::NoSuchName | DnsAnswer::NoRecord);
    let elsewhere = told(&value.hosts) || given(resolver).any(|given| told(given.addresses));
    if led.is_empty() || value.neighbours.is_empty() || elsewhere || !asked_servers(resolver).any(denied) {
        return None;
    }
    let services: Vec<_> = value.neighbours.iter().map(|service| neighbour_words(*service)).collect();
    let text = format!("no name server has that, so a neighbour may have answered by {}", services.join(" or "));
    Some(Seen { value: text, id })
}

fn neighbour_words(service: Neighbours) -> &'static str {
    match service {
        Neighbours::Mdns => "mDNS",
        Neighbours::Resolved => "LLMNR or mDNS (systemd-resolved)",
        Neighbours::Netbios => "NetBIOS",
    }
}

/// Says what clients here are given.
pub fn led_because(resolver: Case<'_>) -> Option<Because> {
    let seen = resolver.last(|fact| if let Fact::NameAnswer(answer) = fact { Some(answer) } else { None })?;
    let name = resolver.label();
    Some(match seen.value {
        NameAnswer::Addresses(_) => {
            let doubt = by_neighbours(resolver).map(|seen| format!("; {}", seen.value)).unwrap_or_default();
            seen.because(format!("this computer's resolver gives {name} {}{doubt}", list(&led_to(resolver))))
        }
        _ => seen.because(format!("this computer's resolver has no address for {name}")),
    })
}

/// Says of each name server what it has for this name: addresses, or that there is no such name.
pub fn servers_because(resolver: Case<'_>, name: &str) -> Vec<Because> {
    let of_name = lookups(resolver).filter(|seen| seen.value.question.name.eq_ignore_ascii_case(name));
    let mut denied: Vec<SocketAddr> = Vec::new();
    let told = of_name.filter_map(|seen| match &seen.value.answer {
        DnsAnswer::Addresses { aliases, addresses } => Some(Given { lookup: seen, aliases, addresses }.because()),
        DnsAnswer::NoSuchName if !denied.contains(&seen.value.server) => {
            denied.push(seen.value.server);
            Some(seen.because(format!("the name server {} says that {name} does not exist", server(&seen))))
        }
        DnsAnswer::Unreadable => {
            Some(seen.because(format!("the answer of the name server {} could not be read", server(&seen))))
        }
        _ => None,
    });
    told.collect()
}
