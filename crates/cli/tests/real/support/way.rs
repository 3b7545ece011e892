//! A way of three cables: client, near router, far router and host, each in a namespace of its own.

use std::fmt::Write as _;

use super::network::Namespace;
use super::{command, run};

/// Addresses of the host.
pub const HOST: &str = "10.98.22.1";
pub const HOST_6: &str = "fd98:22::1";
/// Address of the client.
pub const CLIENT: &str = "10.98.20.2";
/// Programs that it needs.
pub const PROGRAMS: &[&str] = &["ip", "nft", "tc", "sh"];

/// Machine on the way.
#[derive(Debug, Clone, Copy)]
pub enum Machine {
    /// The router next to the client.
    Near,
    /// The router next to the host.
    Far,
    /// The host itself.
    Host,
}

/// Way; removed on drop.
pub struct Way {
    pub client: Namespace,
    near: Namespace,
    far: Namespace,
    pub host: Namespace,
}

impl Way {
    pub fn new() -> Self {
        let [client, near, far, host] = ["client", "near", "far", "host"].map(Namespace::new);
        let way = Self { client, near, far, host };
        way.lay();
        way
    }

    /// Lays the cables, gives addresses and routes. Segments leave the ends one by one, as a network card sends them.
    fn lay(&self) {
        let [c, n, f, h] = [&self.client, &self.near, &self.far, &self.host].map(|namespace| namespace.name.as_str());
        let mut words = String::new();
        for (number, (one, other)) in [(c, n), (n, f), (f, h)].into_iter().enumerate() {
            let _ = write!(
                words,
                "ip link add down{number} netns {one} type veth peer name up{number} netns {other}
                 ip -n {one} address add 10.98.2{number}.2/24 dev down{number}
                 ip -n {one} address add fd98:2{number}::2/64 dev down{number} nodad
                 ip -n {other} address add 10.98.2{number}.1/24 dev up{number}
                 ip -n {other} address add fd98:2{number}::1/64 dev up{number} nodad
                 ip -n {one} link set dev down{number} gso_max_segs 1 up
                 ip -n {other} link set dev up{number} gso_max_segs 1 up\n"
            );
        }
        for (namespace, four, six) in
            [(c, "10.98.20.1", "fd98:20::1"), (n, "10.98.21.1", "fd98:21::1"), (h, "10.98.22.2", "fd98:22::2")]
        {
            let _ = write!(
                words,
                "ip -n {namespace} route add 10.98.0.0/16 via {four}\nip -n {namespace} route add fd98::/16 via {six}\n"
            );
        }
        let _ = write!(
            words,
            "ip -n {f} route add 10.98.20.0/24 via 10.98.21.2\nip -n {f} route add fd98:20::/64 via fd98:21::2\n"
        );
        for router in [n, f] {
            let _ = write!(
                words,
                "ip netns exec {router} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
                 echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'\n"
            );
        }
        run(command(None, "sh").args(["-ec", &words]));
    }

    /// Makes the near router apply this rule to the packets that it forwards.
    pub fn forward(&self, rule: &str) {
        self.apply(Machine::Near, "forward", rule);
    }

    /// Makes a machine apply this rule to packets: those that it is about to route (`prerouting`), that it forwards
    /// (`forward`), or that are for itself (`input`).
    pub fn apply(&self, machine: Machine, hook: &str, rule: &str) {
        let machine = match machine {
            Machine::Near => &self.near,
            Machine::Far => &self.far,
            Machine::Host => &self.host,
        };
        let words = format!(
            "add table inet f; add chain inet f {hook}s {{ type filter hook {hook} priority 0; }}; add rule inet f \
             {hook}s {rule}"
        );
        run(command(Some(&machine.name), "nft").arg(words));
    }

    /// Keeps the routers from telling that the time to live of a packet is over.
    pub fn keep_quiet(&self) {
        for router in [Machine::Near, Machine::Far] {
            self.apply(router, "output", "icmp type time-exceeded drop");
            self.apply(router, "output", "icmpv6 type time-exceeded drop");
        }
    }

    /// Gives the cable in the middle this MTU.
    pub fn narrow(&self, mtu: u16) {
        let mtu = mtu.to_string();
        run(command(None, "ip").args(["-n", &self.near.name, "link", "set", "down1", "mtu", &mtu]));
        run(command(None, "ip").args(["-n", &self.far.name, "link", "set", "up1", "mtu", &mtu]));
    }

    /// Keeps the routers from telling the host, or the client, that a packet is too large.
    pub fn silence(&self, host: bool) {
        let router = if host { &self.far } else { &self.near };
        let words = "add table inet g; add chain inet g out { type filter hook output priority 0; }; \
                     add rule inet g out icmp type destination-unreachable icmp code frag-needed drop; \
                     add rule inet g out icmpv6 type packet-too-big drop";
        run(command(Some(&router.name), "nft").arg(words));
    }

    /// Limits the rate from the host to the client, in kilobits per second.
    pub fn slow_down(&self, rate: u32) {
        let words = format!("qdisc add dev up0 root tbf rate {rate}kbit burst 2kb latency 400ms");
        run(command(Some(&self.near.name), "tc").args(words.split(' ')));
    }
}
