"""Limits of applications that ffmpeg does not exceed by itself, and several publishes at once."""
import time

from lab import Lab, check, equal, wait_for
from raw_client import KEYFRAME, RawClient

APPS = {
    "frozen": ({"frame_rate_max": 10, "bitrate_window_s": 1}, "by arrival exceeds 10"),
    "rate": ({"frame_rate_max": 10, "bitrate_window_s": 300}, "frame rate 30."),
    "gop": ({"keyframe_interval_max_ms": 500}, "keyframe interval"),
    "hidden": ({"resolution_max": "1920x1080"}, "resolution is not known"),
    "first": ({"first_media_timeout_s": 1}, "no audio or video came in time"),
    "idle": ({"idle_timeout_s": 2}, "no media was received for too long"),
}
FRAME_MS = 33


def app(name, limits=None):
    return {"name": name, "open": True, "admission": limits or {},
            "origins": [{"url": f"rtmp://127.0.0.1:19350/{name}"}]}


def feed(name, client, frame):
    """One step of 33 ms, as far as the application lets it."""
    time_ms = frame * FRAME_MS
    if name in ("frozen", "rate", "hidden", "any"):
        client.video(1, 0 if name == "frozen" else time_ms, **({"head": KEYFRAME} if frame % 30 == 0
                                                               else {}))
    elif name == "gop" and frame % 3 == 0:
        client.video(1, time_ms, **({"head": KEYFRAME} if frame == 0 else {}))
    elif name == "idle" and frame == 0:
        client.video(1, 0, head=KEYFRAME)
    if name in ("first", "idle") and frame % 10 == 0:
        client.ping()


def test_limits(context):
    """Each of them ends the stream that exceeds it, says why, and harms nobody else."""
    with Lab(context.build, "admission") as lab:
        lab.start_sink()
        lab.start([app("any")] + [app(name, limits) for name, (limits, _) in APPS.items()])
        clients = {name: RawClient(lab, name) for name in ("any", *APPS)}
        for client in clients.values():
            client.publish(1, "cam")
        lab.wait_live(len(clients))
        # A header that nobody can parse: any size could hide behind it.
        clients["hidden"].video(1, 0, head=b"\x17\0\0\0\0\x01\xff\xff")
        began = time.monotonic()
        ended = {}
        while len(ended) < len(APPS) and time.monotonic() < began + 15:
            frame = int((time.monotonic() - began) * 1000 / FRAME_MS)
            for name, client in clients.items():
                if name not in ended:
                    feed(name, client, frame)
                    if client.listen():
                        ended[name] = time.monotonic() - began
            time.sleep(max(0, began + (frame + 1) * FRAME_MS / 1000 - time.monotonic()))
        for name, (_, reason) in APPS.items():
            check(name in ended, f"{name}: was not ended")
            check(clients[name].was_told(reason), f"{name}: was told {clients[name].said[-200:]}")
        check("any" not in ended, "the one without limits was ended as well")
        check(ended["first"] < ended["gop"] and ended["frozen"] < ended["rate"],
              f"what need not last took as long: {ended}")
        equal("timeout_idle", lab.counter("timeout_idle"), 1)
        equal("timeout_first_media", lab.counter("timeout_first_media"), 1)
        equal("streams_rejected_frame_rate", lab.control_counter("streams_rejected_frame_rate"), 2)
        equal("streams_rejected_keyframes", lab.control_counter("streams_rejected_keyframes"), 1)
        equal("streams_rejected_resolution", lab.control_counter("streams_rejected_resolution"), 1)
        clients["any"].close()
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(ended.items()))


def frames(sink):
    return {stream["name"]: stream["video_messages"] for stream in sink.streams()}


def test_two_publishes(context):
    """On one connection: each has origins and an end of its own; the last one closes it."""
    with Lab(context.build, "two") as lab:
        sink = lab.start_sink()
        lab.start([app("live")])
        client = RawClient(lab, "live")
        for stream, name in ((1, "low"), (2, "high")):
            client.publish(stream, name)
        equal("names", sorted(s["name"] for s in lab.wait_live(2)), ["high", "low"])
        equal("connections", sum(w["connections"] for w in lab.ctl("workers")), 1)
        for frame in range(20):
            client.video(1, frame * FRAME_MS, head=KEYFRAME)
            client.video(2, frame * FRAME_MS, head=KEYFRAME, size=100)
        wait_for("the origin to have both",
                 lambda: frames(sink) == {"low": 20, "high": 20})
        lab.ctl("kick", "live/low")
        wait_for("the reason", lambda: client.was_told("ended by the operator"))
        wait_for("one to be left", lambda: [s["name"] for s in lab.streams()] == ["high"])
        client.video(2, 1000, head=KEYFRAME)
        client.video(1, 1000, head=KEYFRAME)  # nobody's
        wait_for("the origin to have what came later",
                 lambda: frames(sink) == {"low": 20, "high": 21})
        check(not client.listen(), "the connection was closed with one of two")
        lab.ctl("kick", "live/high")
        wait_for("the connection to end with the last one", client.listen)
        lab.wait_idle()


def test_asked_to_leave_once(context):
    """Who stays though it was asked is not asked again by the next control."""
    with Lab(context.build, "askedonce") as lab:
        lab.start([app("live")])
        client = RawClient(lab, "live", capsEx=1)
        client.publish(1, "cam")
        client.publish(2, "more")
        lab.wait_live(2)
        lab.ctl("drain", "--target", "rtmp://me:secret@198.18.0.9")
        wait_for("the request", lambda: client.was_told("me:secret@198.18.0.9/live"))
        lab.control.stop(how=9)
        lab.start_control()
        drain = lab.ctl("status")["drain"]
        equal("target", drain["target"], "rtmp://***@198.18.0.9")
        wait_for("both to be asked about", lambda: lab.ctl("status")["drain"]["asked"] == 2)
        lab.wait_counter("commands", 4 + 2)  # 2 accepts, drain and 2 requests, and the same again
        equal("reconnects_asked", lab.counter("reconnects_asked"), 1)
        client.listen()
        equal("requests", client.said.count(b"ReconnectRequest"), 1)
        logs = "".join(path.read_text() for path in lab.dir.glob("control*.log"))
        check("secret" not in logs, "the log has the secret of the target")
        client.close()
