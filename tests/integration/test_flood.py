"""Floods beside publishers: those who are there stay, those who come get in, memory comes back.

Rates are far below those of tests/run flood, which measures: here only what must hold on any machine.
"""
import ipaddress
import json
import pathlib
import re
import time

from lab import Lab, check, equal, run, wait_for
from test_gen import generate

APPS = [{"name": "live", "open": True}]
PUBLISHERS, NEWCOMERS, RATE = 10, 4, 5000
MEMORY = {"packets": 32767, "connections": 256}  # and 1024 half-open ones
ADMISSION = {"bitrate_kbps": 500, "gop_ms": 1000}
GROWTH = 16 << 20  # bytes of control's heap: it knows who comes and goes


def control_heap(lab):
    text = pathlib.Path(f"/proc/{lab.control.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss_Anon:\s+(\d+) kB", text, re.M).group(1)) * 1024


def flooded(lab, kind, *options):
    """penstock-gen with publishers, newcomers and a flood; its figures."""
    held = [free for free, _ in lab.memory()]
    heap = control_heap(lab)
    sent = generate(
        lab, "--device", "net_af_packet0,iface=encoder0", "--address", "198.18.0.7/24", "--core", 1,
        "--no-hugepages", "--publishers", PUBLISHERS + NEWCOMERS, "--bitrate", 500, "--gop", 1,
        "--churn", 1, "--churn-publishers", NEWCOMERS, "--seconds", 2, "--flood", kind,
        "--flood-rate", RATE, *options, netns=lab.encoders, timeout=90)
    equal(f"errors beside {kind}", sent["errors"], {})
    check(sent["flood_packets"] > RATE, f"no flood of {kind}: {sent}")
    check(sent["publishes"] >= NEWCOMERS, f"newcomers beside {kind}: {sent['publishes']} publishes")
    lab.wait_idle()
    wait_for(f"the packets that {kind} held",
             lambda: [free for free, _ in lab.memory()] == held)
    grew = control_heap(lab) - heap
    check(grew <= GROWTH, f"{kind}: control's heap grew by {grew} bytes")
    return sent


def start(lab, **per_source):
    lab.start(APPS, port={"device": "af_packet", "name": lab.make_veth()}, memory=MEMORY, cores=(0,),
              dataplane={"admission": ADMISSION,
                         "per_source": {"connections": 0, "rate": 0, **per_source}})


def grown(lab, name):
    check(lab.counter(name) > 0, f"{name} is 0")


def test_syn(context):
    """Half-open records run short, for all or for one source: newcomers get cookies."""
    for half_open in (0, 64):
        with Lab(context.build, f"floodsyn{half_open}") as lab:
            start(lab, half_open=half_open)
            flooded(lab, "syn")
            grown(lab, "tcp_syn_cookies_sent")
            grown(lab, "tcp_syn_cookies_accepted")
            equal("SYNs that found no room", lab.counter("tcp_drop_syn_limit"), 0)


def test_guesses(context):
    """Random numbers, from nobody's connections and from publishers'."""
    with Lab(context.build, "floodguess") as lab:
        start(lab)
        for kind in ("ack", "data", "garbage"):
            flooded(lab, kind)
        grown(lab, "tcp_drop_no_listener")
        for kind in ("syn", "rst", "data"):
            flooded(lab, kind, "--flood-live")
        for name in ("challenge_acks", "drop_out_of_window", "drop_paws"):
            grown(lab, f"tcp_{name}")


def test_intruders(context):
    """Connections that are opened to cost much."""
    with Lab(context.build, "floodinside") as lab:
        start(lab)
        for kind in ("bytes", "overlap", "gaps", "window"):
            sent = flooded(lab, kind)
            check(sent["flood_opened"] > 0, f"{kind}: no connection was opened")
        grown(lab, "tcp_rx_out_of_order")
        grown(lab, "tcp_drop_ooo_limit")


def link_local(lab):
    """The address that the edge has of its MAC (RFC 4291, appendix A)."""
    link = json.loads(run(["ip", "-n", lab.netns, "-j", "link", "show", "edge0"]))[0]
    mac = [int(byte, 16) for byte in link["address"].split(":")]
    eui = [mac[0] ^ 2, *mac[1:3], 0xff, 0xfe, *mac[3:]]
    return str(ipaddress.IPv6Address(bytes([0xfe, 0x80, *[0] * 6, *eui])))


def test_neighbours(context):
    """Who asks for the edge's link address: answers are limited, publishers are not forgotten."""
    with Lab(context.build, "floodasks") as lab:
        start(lab)
        flooded(lab, "neighbour", "--flood-from", "198.18.0.64/26")
        arp = lab.counter("limit_neighbours")
        check(arp > 0, "all ARP requests were answered")
        flooded(lab, "neighbour", "--flood-from", "fe80::/64", "--flood-target", link_local(lab))
        check(lab.counter("limit_neighbours") > arp, "all neighbour solicitations were answered")


def refused(lab):
    try:
        lab.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_per_source_rate(context):
    """Of connections one after the other some are refused; a second later there is room again."""
    with Lab(context.build, "sourcerate") as lab:
        lab.start(APPS, cores=(0,), dataplane={"per_source": {"rate": 5}})
        began = time.monotonic()
        refusals = [refused(lab) for _ in range(20)]
        seconds = int(time.monotonic() - began) + 2  # of the clock that it lies in, at most
        check(5 <= refusals.count(False) <= 5 * seconds, f"of 20 were refused: {refusals}")
        wait_for("a second to be over", lambda: not refused(lab), interval=0.2)
        check(lab.counter("tcp_drop_source_limit") >= refusals.count(True), "not counted")
        lab.wait_idle()


def test_per_source(context):
    """The third connection of a source that may have two; when one has gone there is room again."""
    with Lab(context.build, "persource") as lab:
        lab.start(APPS, cores=(0,), dataplane={"per_source": {"connections": 2}})
        sockets = [lab.connect() for _ in range(2)]
        wait_for("both to count", lambda: lab.ctl("workers")[0]["connections"] == 2)
        check(refused(lab), "a third connection was accepted")
        equal("refused by source", lab.counter("tcp_drop_source_limit"), 1)
        said = '"event":"source.limited","worker":0,"refused":1,"address":"198.18.0.'
        wait_for("the log to say so", lambda: said in (lab.dir / "control.log").read_text())
        sockets.pop().close()
        wait_for("room", lambda: lab.ctl("workers")[0]["connections"] == 1)
        sockets.append(lab.connect())
        for sock in sockets:
            sock.close()
        lab.wait_idle()
