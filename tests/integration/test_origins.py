"""Origins that are late, die or hang: they get a stream from a keyframe, and nobody else notices."""
import signal

import clips
from lab import Lab, Sink, check, equal, wait_for

GOP = 30
SINK1 = {"url": "rtmp://127.0.0.1:19350/live"}
SINK2 = {"url": "rtmp://127.0.0.1:19351/live"}


def apps(**limits):
    return [{"name": "live", "open": True, "origins": [SINK1, {**SINK2, **limits}]}]


def publish_paced(lab, clip):
    return lab.spawn("publish", lab.publish_command(clip, "cam", pace=True, chunk_size=4096))


def second_origin(lab):
    return lab.ctl("stream", "live/cam")["origins"][1]


def test_origin_comes_late(context):
    """Soon enough to get the stream from its first message."""
    with Lab(context.build, "late") as lab:
        first = lab.start_sink("sink1", 19350)
        lab.start(apps())
        publisher = publish_paced(lab, context.small)
        wait_for("some attempts to reach the second origin",
                 lambda: lab.wait_live() and second_origin(lab)["failures"] >= 2)
        second = lab.start_sink("sink2", 19351)
        check(publisher.wait(20) == 0, publisher.reason())
        first.ended()
        second.ended()
        clips.same(context.small, first.recording("cam"))
        equal("packets that came too early for the second origin",
              clips.tail_from_keyframe(context.small, second.recording("cam"), GOP), 0)
        lab.wait_idle()


def test_origin_comes_too_late(context):
    """The beginning of a stream is kept for its origins for a few seconds, then only the GOP is."""
    clip = clips.make(context.dir / "long.flv", 12, "320x180", "300k", GOP)
    with Lab(context.build, "toolate") as lab:
        first = lab.start_sink("sink1", 19350)
        lab.start(apps())
        publisher = publish_paced(lab, clip)
        wait_for("the stream to be older than 5 s",
                 lambda: lab.wait_live()[0]["uptime_ms"] > 5300, interval=0.02)
        second = lab.start_sink("sink2", 19351)
        check(publisher.wait(30) == 0, publisher.reason())
        first.ended()
        second.ended()
        clips.same(clip, first.recording("cam"))
        early = clips.tail_from_keyframe(clip, second.recording("cam"), GOP)
        check(early > 0, "all of the stream was kept")
        lab.wait_idle()


def test_origin_killed_and_back(context):
    with Lab(context.build, "back") as lab:
        first = lab.start_sink("sink1", 19350)
        second = lab.start_sink("sink2", 19351)
        lab.start(apps())
        publisher = publish_paced(lab, context.small)
        wait_for("the second origin to be fed",
                 lambda: lab.wait_live() and second_origin(lab)["messages"] > 50)
        second.process.stop(how=signal.SIGKILL)
        again = Sink(lab, "sink3", 19351)
        check(publisher.wait(20) == 0, publisher.reason())
        first.ended()
        again.ended()
        clips.same(context.small, first.recording("cam"))
        clips.tail_from_keyframe(context.small, again.recording("cam"), GOP)
        lab.wait_idle()


def test_origin_hangs(context):
    """It falls behind its bound and is moved on; the other origin and the publisher do not wait."""
    clip = clips.make(context.dir / "thick.flv", 5, "640x360", "40M", GOP, filler=True)
    with Lab(context.build, "hang") as lab:
        first = lab.start_sink("sink1", 19350)
        second = lab.start_sink("sink2", 19351)
        lab.start(apps(behind_max_kib=4096))
        publisher = publish_paced(lab, clip)
        wait_for("the second origin to be fed",
                 lambda: lab.wait_live() and second_origin(lab)["messages"] > 10)
        second.pause()
        skipped = wait_for("the second origin to be moved on",
                           lambda: lab.streams() and second_origin(lab)["skips"] > 0)
        check(skipped, "no skip")
        check(publisher.wait(20) == 0, publisher.reason())
        clips.same(clip, first.recording("cam"))
        second.resume()
        got = second.ended()["cam"]
        check(got["timestamp_backward"] == 0, "timestamps went back")
        check(got["video_messages"] < first.ended()["cam"]["video_messages"], "nothing was skipped")
        equal("messages that found no room", lab.counter("messages_dropped"), 0)
        lab.wait_idle()
