//! A way over a satellite: client and host in namespaces, and between them a relay in user space that delays every
//! packet and loses some. The kernels of many machines cannot do that by themselves.

use super::network::Namespace;
use super::server::{Process, wait_for};
use super::{command, folder::Folder};

/// Address of the host.
pub const HOST: &str = "10.98.30.2";
/// Programs that it needs.
pub const PROGRAMS: &[&str] = &["ip", "python3"];

/// Opens a device in each of two namespaces and carries packets: delay of each way in ms, loss in tenths of a per cent,
/// seed of the chance.
const RELAY: &str = r#"
import ctypes, fcntl, heapq, os, random, select, struct, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def tun(namespace, address):
    with open("/run/netns/" + namespace) as where:
        if libc.setns(where.fileno(), 0x40000000):
            sys.exit("enter the namespace")
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH", b"sky", 0x1001))
    for words in (["address", "add", address + "/24", "dev", "sky"], ["link", "set", "sky", "up"]):
        subprocess.run(["ip"] + words, check=True)
    return device
delay, loss, chance = float(sys.argv[3]) / 1000, int(sys.argv[4]) / 1000, random.Random(int(sys.argv[5]))
ends = [tun(sys.argv[1], "10.98.30.1"), tun(sys.argv[2], "10.98.30.2")]
queue, number = [], 0
print("carries", flush=True)
while True:
    wait = max(0, queue[0][0] - time.monotonic()) if queue else None
    for end in select.select(ends, [], [], wait)[0]:
        packet = os.read(end, 65536)
        if chance.random() >= loss:
            number += 1
            heapq.heappush(queue, (time.monotonic() + delay, number, ends[1 - ends.index(end)], packet))
    while queue and queue[0][0] <= time.monotonic():
        _, _, end, packet = heapq.heappop(queue)
        os.write(end, packet)
"#;

/// The way; removed on drop.
pub struct Satellite {
    _relay: Process,
    pub client: Namespace,
    pub host: Namespace,
}

impl Satellite {
    /// Makes one with this delay of each way in milliseconds, and this loss in tenths of a per cent.
    pub fn new(folder: &Folder, delay: u32, loss: u32, seed: u32) -> Self {
        let (client, host) = (Namespace::new("client"), Namespace::new("host"));
        let log = folder.file("relay.log");
        let mut relay = command(None, "python3");
        relay.args(["-c", RELAY, &client.name, &host.name]).args([delay, loss, seed].map(|number| number.to_string()));
        let mut relay = Process::start(&mut relay, &log);
        let told = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(wait_for(|| told().contains("carries") || !relay.runs()) && relay.runs(), "no relay: {}", told());
        Self { _relay: relay, client, host }
    }
}
