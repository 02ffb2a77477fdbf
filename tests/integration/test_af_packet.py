"""The same over af_packet on a veth pair: the port that every Linux interface can be."""
import clips
from lab import ADDRESS4, ADDRESS6, Lab, check, equal

SINK = {"url": "rtmp://127.0.0.1:19350/live"}
NGINX = {"url": "rtmp://127.0.0.1:19360/live"}


def publish_over_veth(context, host, name):
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        record = lab.start_nginx()
        edge = lab.make_veth()
        lab.start([{"name": "live", "open": True, "origins": [SINK, NGINX]}],
                  port={"device": "af_packet", "name": edge})
        lab.ffmpeg(context.clip, f"rtmp://{host}/live/cam")
        equal("streams at the sink", list(sink.ended()), ["cam"])
        clips.same(context.clip, sink.recording("cam"))
        clips.same(context.clip, record / "cam.flv")
        lab.wait_idle()


def test_ffmpeg_ipv4(context):
    publish_over_veth(context, ADDRESS4, "veth4")


def test_ffmpeg_ipv6(context):
    publish_over_veth(context, f"[{ADDRESS6}]", "veth6")


def test_many_publishers_spread(context):
    """The port has no RSS of its own: segments reach their worker by software."""
    with Lab(context.build, "vethmany") as lab:
        sink = lab.start_sink()
        edge = lab.make_veth()
        lab.start([{"name": "live", "open": True, "origins": [SINK]}],
                  port={"device": "af_packet", "name": edge}, memory={"packets": 65535},
                  dataplane={"admission": {"bitrate_kbps": 500, "gop_ms": 1000}})
        sent = lab.publish(context.small, "cam", count=20, chunk_size=4096)
        got = sink.ended(len(sent))
        for one in sent:
            for what in ("audio_messages", "video_messages", "audio_bytes", "video_bytes"):
                equal(f"{one['name']} {what}", got[one["name"]][what], one[what])
            equal(f"CRC of {one['name']}", got[one["name"]]["crc32"], clips.crc32(context.small))
            equal(f"steps back of {one['name']}", got[one["name"]]["timestamp_backward"], 0)
        lab.wait_idle()


def test_jumbo_frames(context):
    """An MTU of 9000: what encoders send comes in fewer, larger frames, each in one mbuf."""
    with Lab(context.build, "jumbo") as lab:
        sink = lab.start_sink()
        edge = lab.make_veth()
        lab.ip("link", "set", edge, "mtu", "9000")
        lab.ip("link", "set", "encoder0", "mtu", "9000", netns=lab.encoders)
        lab.start([{"name": "live", "open": True, "origins": [SINK]}],
                  port={"device": "af_packet", "name": edge, "mtu": 9000},
                  memory={"packets": 8191})
        sent = lab.publish(context.small, "cam", chunk_size=65536)
        got = sink.ended(len(sent))
        equal("CRC", got["cam"]["crc32"], clips.crc32(context.small))
        segments = lab.counter("tcp_rx_segments")
        received = lab.counter("tcp_rx_bytes")
        check(received > 2000 * segments, f"{received} bytes in {segments} segments")
        lab.wait_idle()
