"""Frames with a VLAN tag: encoders sit behind an access port of a switch, the edge on its trunk."""
import pathlib

import clips
from lab import ADDRESS4, ADDRESS6, TAP, Lab, equal, run

SINK = {"url": "rtmp://127.0.0.1:19350/live"}
VLAN = 100
TAGGER = pathlib.Path(__file__).parent / "tagger.py"


def start_switch(lab, trunk, vlan, netns):
    """The encoders' addresses move behind the switch; returns the switch."""
    lab.ip("addr", "flush", "dev", trunk, netns=netns)
    lab.ip("link", "add", "host0", "type", "veth", "peer", "name", "access0", netns=netns)
    run(lab.inside(["ethtool", "-K", "host0", "tx", "off", "tso", "off", "gso", "off"], netns))
    for name in (trunk, "access0"):
        lab.ip("link", "set", name, "up", netns=netns)
    switch = lab.spawn("switch", [TAGGER, "access0", trunk, str(vlan)], netns=netns)
    lab.address("host0", netns)
    return switch


def publish(context, lab, sink, host):
    lab.ffmpeg(context.clip, f"rtmp://{host}/live/cam")
    equal("streams at the sink", list(sink.ended()), ["cam"])
    clips.same(context.clip, sink.recording("cam"))
    lab.wait_idle()


def test_tap(context):
    """The tap PMD leaves tags to us."""
    with Lab(context.build, "vlantap") as lab:
        sink = lab.start_sink()
        lab.start([{"name": "live", "open": True, "origins": [SINK]}], port={"vlan": VLAN})
        start_switch(lab, TAP, VLAN, lab.netns)
        publish(context, lab, sink, ADDRESS4)


def test_veth(context):
    """af_packet takes tags off and puts them on; another VLAN is not heard."""
    with Lab(context.build, "vlanveth") as lab:
        sink = lab.start_sink()
        edge = lab.make_veth()
        lab.start([{"name": "live", "open": True, "origins": [SINK]}],
                  port={"device": "af_packet", "name": edge, "vlan": VLAN})
        switch = start_switch(lab, "encoder0", VLAN, lab.encoders)
        publish(context, lab, sink, f"[{ADDRESS6}]")
        switch.stop()
        before = lab.counter("drop_vlan")
        lab.spawn("other", [TAGGER, "access0", "encoder0", str(VLAN + 1)], netns=lab.encoders)
        lab.spawn("ping", ["ping", "-c", "20", "-i", "0.2", ADDRESS4], netns=lab.encoders)
        lab.wait_counter("drop_vlan", before + 1)
