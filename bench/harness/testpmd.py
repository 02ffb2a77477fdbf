"""DPDK's testpmd as the receiver that does least: on a memif, or on an interface."""
import pathlib
import re
import subprocess
import time

from lab import Failure, wait_for

from .link import CLIENT_CPU, SERVER, SERVER_CPU
from .server import memif

EAL = ["--in-memory", "--no-pci", "--log-level=*:error"]
FRAME = 1514
TRAINS = pathlib.Path(__file__).with_name("trains.py")
# rxonly touches nothing of a packet; icmpecho reads its headers and drops what is no echo request.
RXONLY, HEADERS = "rxonly", "icmpecho"


class Testpmd:
    def __init__(self, cpu, device, *options, inside=()):
        self.process = subprocess.Popen(
            [*inside, "dpdk-testpmd", *EAL, "--lcores", f"0@{cpu},1@{cpu}",
             "--main-lcore", "0", f"--vdev={device}", "--", "-i", "--rxd=2048", "--txd=2048",
             "--total-num-mbufs=65536", "--record-core-cycles", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def stop(self):
        output, _ = self.process.communicate("stop\nquit\n", timeout=30)
        return output


def read_stats(output, elapsed):
    """From the last "show fwd stats all"; busy: loops that found something."""
    found = re.findall(r"CPU cycles/packet=([\d.]+) \(total cycles=(\d+) / total \S+ "
                       r"packets=(\d+)\) at (\d+) MHz", output)
    if not found:
        raise Failure(f"testpmd said no figures: {output[-300:]}")
    per_packet, cycles, packets, mhz = map(float, found[0])
    return {"mpps": packets / elapsed / 1e6, "gbps": packets * FRAME * 8 / elapsed / 1e9,
            "cycles_per_packet": per_packet,
            "busy_percent": min(100 * cycles / (elapsed * mhz * 1e6), 100)}


def window(receiver, sender, seconds):
    """What both did in so many seconds: the receiver's figures, and the sender's busy share."""
    for one in (receiver, sender):
        one.say("start")
    time.sleep(1)
    for one in (receiver, sender):
        one.say("clear fwd stats all")
    begin = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - begin
    for one in (receiver, sender):
        one.say("show fwd stats all")
    for one in (receiver, sender):
        one.say("stop")  # both, before either goes: the memif PMD dies under who polls it
    time.sleep(0.5)
    sent = read_stats(sender.stop(), elapsed)
    return {**read_stats(receiver.stop(), elapsed), "sender_busy_percent": sent["busy_percent"]}


def over_memif(directory, seconds, mode=RXONLY):
    """One core receiving frames of 1514 bytes that another core's txonly puts into a memif.

    They are always the same frames, from the same addresses: what they touch stays in the cache.
    """
    for settle in (2, 4, 8):  # until the two sides have found each other: nothing says when
        try:
            return over_memif_once(directory / "testpmd.sock", seconds, mode, settle)
        except Failure as error:
            failure = error
    raise failure


def over_memif_once(socket, seconds, mode, settle):
    socket.unlink(missing_ok=True)
    receiver = Testpmd(SERVER_CPU, memif("server", socket), f"--forward-mode={mode}")
    wait_for("the memif socket", socket.exists, 20)
    sender = Testpmd(CLIENT_CPU, memif("client", socket), "--forward-mode=txonly",
                     f"--txpkts={FRAME}")
    time.sleep(settle)
    return window(receiver, sender, seconds)


def port_on(kind, interface):
    """The port that the dataplane's `device` of this kind is."""
    if kind == "af_xdp":
        return f"net_af_xdp0,iface={interface}"
    return f"net_af_packet0,iface={interface},qpairs=1,framesz=2048,blocksz=4096,framecnt=512"


def receiver_on_veth(link, kind, mode):
    link.take_edge("port")
    receiver = Testpmd(SERVER_CPU, port_on(kind, "edge0"), f"--forward-mode={mode}",
                       inside=link.inside("edge"))
    time.sleep(1)
    if kind == "af_xdp":
        link.thread_receive()
    return receiver


def over_veth(link, seconds, kind, mode=RXONLY):
    """The same from the generator's end of the veth to a port on the server's end."""
    receiver = receiver_on_veth(link, kind, mode)
    mac = link.read("edge", "/sys/class/net/edge0/address")
    sender = Testpmd(CLIENT_CPU, port_on("af_packet", "encoder0"), "--forward-mode=txonly",
                     f"--txpkts={FRAME}", f"--eth-peer=0,{mac}", inside=link.inside("clients"))
    time.sleep(2)
    return window(receiver, sender, seconds)


def trains_over_veth(link, seconds, kind, gbps):
    """What it receives of trains (trains.py) offered at this rate."""
    receiver = receiver_on_veth(link, kind, RXONLY)
    mac = link.read("edge", "/sys/class/net/edge0/address")
    link.permanent_neighbour("clients", "encoder0", SERVER, mac)
    sender = link.spawn("clients", "trains", ["python3", TRAINS, SERVER, gbps, seconds + 4], CLIENT_CPU)
    receiver.say("start")
    time.sleep(1)
    receiver.say("clear fwd stats all")
    begin = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - begin
    receiver.say("show fwd stats all")
    time.sleep(0.5)
    link.stop(sender)
    link.forget_neighbour("clients", "encoder0", SERVER)
    return read_stats(receiver.stop(), elapsed)
