"""A lab with a router in it: Penstock's sender here, a kernel that reads everywhere behind.

    goodput-stack === link === [router] hop0 === far0 [far: goodput-bulk]

The router's namespace is the lab's. Nothing behind it leaves checksums or segmentation to hardware,
so that the far kernel sees and checks every segment.
"""
import collections
import contextlib
import json
import socket
import subprocess

from lab import Failure, Lab, check, equal, run

# Two halves of what tests may use.
NEAR = {4: "198.18.0.2/25", 6: "fd00:198:18::1:2/112"}
ROUTER = {4: "198.18.0.1/25", 6: "fd00:198:18::1:1/112"}
HOP = {4: "198.18.0.129/25", 6: "fd00:198:18::2:1/112"}
FAR = {4: "198.18.0.130/25", 6: "fd00:198:18::2:2/112"}
PORT = 5001
OFFLOADS = ("rx", "tx", "sg", "tso", "gso", "gro")
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33  # Python has no name for it
IP_HEADER = {4: 20, 6: 40}


def plain(address):
    return address.split("/")[0]


def endpoint(family):
    return f"{plain(FAR[4])}:{PORT}" if family == 4 else f"[{plain(FAR[6])}]:{PORT}"


class Routed(Lab):
    def __enter__(self):
        super().__enter__()
        self.others = []
        try:
            self.far = self.make_netns("far")
            run(self.inside(["sysctl", "-qw", "net.ipv4.ip_forward=1",
                             "net.ipv6.conf.all.forwarding=1"]))
            self.join("hop0", "far0", self.far)
            for family in (4, 6):
                self.add_address("hop0", HOP[family])
                self.add_address("far0", FAR[family], self.far)
                self.ip(f"-{family}", "route", "add", "default", "via", plain(HOP[family]),
                        netns=self.far)
        except BaseException:
            self._remove()
            raise
        return self

    def _remove(self, keep=False):
        for netns in self.others:
            subprocess.run(["ip", "netns", "del", netns], stderr=subprocess.DEVNULL, check=False)
        super()._remove(keep)

    def make_netns(self, name):
        netns = f"{self.netns}-{name}"
        run(["ip", "netns", "add", netns])
        self.others.append(netns)
        return netns

    def join(self, here, there, netns):
        self.ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", netns)
        for where, link in ((self.netns, here), (netns, there)):
            run(self.inside(["ethtool", "-K", link, *(w for o in OFFLOADS for w in (o, "off"))],
                            where))
            self.ip("link", "set", link, "up", netns=where)

    def add_address(self, link, address, netns=None):
        nodad = ["nodad"] if ":" in address else []
        self.ip("addr", "add", address, "dev", link, *nodad, netns=netns)

    def tool(self, name):
        found = {"goodput-stack": "tests/goodput", "goodput-bulk": "tests/goodput",
                 "vhost-tap": "tests/integration"}.get(name)
        return self.build / found / name if found else super().tool(name)

    def address_router(self, link):
        for family in (4, 6):
            self.add_address(link, ROUTER[family])

    @contextlib.contextmanager
    def capture(self):
        """Counts the payload sizes of TCP that come to the far end."""
        with self.namespace(self.far):
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        sock.bind(("far0", ETH_P_ALL))
        sock.setblocking(False)
        sizes = collections.Counter()
        with sock:
            yield sizes
            sizes.update(packet_sizes(sock))

    def send(self, device, family, size, flows=2, timeout=60, netns=None):
        """`size` bytes of each flow, compared at the far end; the sender's figures."""
        options = ["--flows", flows, "--bytes", size]
        sink = self.spawn("sink", [self.tool("goodput-bulk"), "--listen", endpoint(family), *options,
                                   "--check"], netns=self.far)
        self.wait_for(sink, "the sink to listen", lambda: "ready" in sink.log.read_text())
        sender = self.spawn("send", [
            self.tool("goodput-stack"), "--device", device, "--no-hugepages", "--core", "0",
            "--address", NEAR[family], "--via", plain(ROUTER[family]), "--to", endpoint(family),
            *options], netns=netns)
        equal(f"exit code of the sender: {sender.log}", sender.wait(timeout), 0)
        equal("exit code of the sink", sink.wait(20), 0)
        read = figures(sink)
        equal("what was read", (read["bytes"], read["wrong"], read["broken"]), (flows * size, 0, 0))
        return figures(sender)

    def kernel_counter(self, name, netns=None):
        """Of the namespace, since it is there."""
        text = run(self.inside(["nstat", "-asz", name], netns or self.far))
        for line in text.splitlines():
            words = line.split()
            if words and words[0] == name:
                return int(words[1])
        raise Failure(f"the kernel does not count {name}")


def packet_sizes(sock):
    """(family, size of the IP packet) of what waits in the socket that carries TCP payload."""
    while True:
        try:
            head, (_, _, kind, *_) = sock.recvfrom(128)
        except BlockingIOError:
            return
        if kind == socket.PACKET_OUTGOING or len(head) < 54:
            continue
        family = {b"\x08\x00": 4, b"\x86\xdd": 6}.get(head[12:14])
        if family is None or head[23 if family == 4 else 20] != socket.IPPROTO_TCP:
            continue
        at = 14 + IP_HEADER[family]
        length = int.from_bytes(head[16:18] if family == 4 else head[18:20], "big")
        length += 40 if family == 6 else 0
        if length > IP_HEADER[family] + (head[at + 12] >> 4) * 4:
            yield length


def figures(process):
    """Its last line of JSON."""
    lines = [line for line in process.log.read_text().splitlines() if line.startswith("{")]
    check(lines, f"{process.name} says nothing: {process.log}")
    return json.loads(lines[-1])
