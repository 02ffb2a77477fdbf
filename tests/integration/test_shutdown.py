"""Both processes end in order: nobody is left hanging, nothing leaks."""
import signal

from lab import Lab, check, equal, json_lines, tail, wait_for

APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]
PUBLISHERS = 20


def leaked(lab):
    """The last JSON line of the dataplane: mbufs in use, by pool."""
    lines = list(json_lines(lab.dataplane.log))
    check(lines, "the dataplane wrote no JSON line")
    return lines[-1]


def numbers(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def check_no_leak(lab):
    last = leaked(lab)
    keys = [key for key in last if "leak" in key]
    check(keys, f"the last line says nothing of leaks: {last}")
    for key in keys:
        check(not any(numbers(last[key])), f"mbufs leaked: {last}")


def test_dataplane_with_live_publishers(context):
    with Lab(context.build, "stopdp") as lab:
        sink = lab.start_sink()
        lab.start(APPS, memory={"packets": 65535})  # admits all of them at once
        publisher = lab.spawn("publish", lab.publish_command(context.clip, "cam", count=PUBLISHERS,
                                                             pace=True))
        lab.wait_live(PUBLISHERS)
        equal("exit code of the dataplane", lab.dataplane.stop(), 0)
        check_no_leak(lab)
        check(publisher.wait(10) == 1, "the publishers were not told")
        told = publisher.log.read_text()
        check(told.count("NetConnection.Connect.Closed") == PUBLISHERS,
              f"not every publisher was told why: {tail(publisher.log)[:400]}")
        sink.ended(PUBLISHERS)
        check(lab.control.running(), "control did not survive the dataplane")
        lab.start_dataplane()
        wait_for("control to attach again", lab.attached)
        lab.publish(context.small, "again")


def test_dataplane_with_control_stopped(context):
    """Control does not read on: the dataplane waits a moment for it and ends without it."""
    with Lab(context.build, "stopdead") as lab:
        lab.start_sink()
        lab.start(APPS)
        publisher = lab.spawn("publish", lab.publish_command(context.clip, "cam", count=5,
                                                             pace=True))
        lab.wait_live(5)
        lab.control.child.send_signal(signal.SIGSTOP)
        try:
            equal("exit code of the dataplane", lab.dataplane.stop(), 0)
        finally:
            lab.control.child.send_signal(signal.SIGCONT)
        check_no_leak(lab)
        check(publisher.wait(10) == 1, "the publishers were not told")


def test_dataplane_after_publishers(context):
    with Lab(context.build, "stopidle") as lab:
        sink = lab.start_sink()
        lab.start(APPS)
        lab.publish(context.clip, "cam", count=10)
        sink.ended(10)
        lab.wait_idle()
        equal("exit code of the dataplane", lab.dataplane.stop(), 0)
        check_no_leak(lab)


def test_control_ends_origins_in_order(context):
    with Lab(context.build, "stopctl") as lab:
        sink = lab.start_sink()
        lab.start(APPS)
        publisher = lab.spawn("publish", lab.publish_command(context.clip, "cam", count=5,
                                                             pace=True))
        lab.wait_live(5)
        wait_for("origins to be fed",
                 lambda: len([s for s in sink.streams() if s["video_messages"] > 0]) == 5)
        equal("exit code of control", lab.control.stop(), 0)
        for name, stream in sink.ended(5).items():
            equal(f"how {name} ended", stream["ended"], "unpublish")
        check(publisher.running(), "a publisher was cut off by control's end")
        lab.start_control()
        check(publisher.wait(30) == 0, f"publishers: {tail(publisher.log)[:400]}")
        lab.wait_idle()


def test_control_killed(context):
    """kill -9: publishers stay, a new control resumes the origins at a keyframe."""
    with Lab(context.build, "killctl") as lab:
        sink = lab.start_sink()
        lab.start(APPS)
        publisher = lab.spawn("publish", lab.publish_command(context.clip, "cam", count=5,
                                                             pace=True))
        lab.wait_live(5)
        wait_for("origins to be fed",
                 lambda: len([s for s in sink.streams() if s["video_messages"] > 0]) == 5)
        lab.control.stop(how=signal.SIGKILL)
        lab.start_control()
        lab.wait_live(5)
        check(publisher.wait(30) == 0, f"publishers: {tail(publisher.log)[:400]}")
        streams = wait_for("the origins to get both halves",
                           lambda: len(sink.streams()) == 10 and sink.streams())
        equal("second halves that begin with a keyframe and headers", len(
            [s for s in streams[5:] if s["keyframes"] > 0 and s["sequence_headers"] >= 2]), 5)
        lab.publish(context.small, "decided-by-the-new-one")
        lab.wait_idle()
