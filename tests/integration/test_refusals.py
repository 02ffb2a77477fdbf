"""What may not publish is refused, with a reason that the encoder can show."""
from lab import ADDRESS4, Lab, check, equal, tail

ORIGIN = [{"url": "rtmp://127.0.0.1:19350/live"}]
APPS = [
    {"name": "live", "keys": [{"name": "cam", "key": "right-key-4711"}], "origins": ORIGIN},
    {"name": "open", "open": True, "origins": ORIGIN},
    {"name": "shut", "origins": ORIGIN},
]
URL = f"rtmp://{ADDRESS4}"


def refused(lab, clip, code, name, url, **options):
    """Our publisher is told `code`, and publish_rejected counts it."""
    before = lab.counter("publish_rejected")
    report = lab.publish(clip, name, whole=False, url=url, **options)[0]
    check(not report["complete"], f"{name} was not refused")
    equal(f"code for {name}", report["code"], code)
    equal("media sent before the refusal", report["video_messages"], 0)
    lab.wait_counter("publish_rejected", before + 1)


def ffmpeg_fails(lab, clip, url):
    process = lab.ffmpeg(clip, url, wait=False, name="ffmpeg-refused")
    check(process.wait(20) != 0, f"ffmpeg published to {url}: {tail(process.log)}")


def test_wrong_key(context):
    with Lab(context.build, "wrongkey") as lab:
        sink = lab.start_sink()
        lab.start(APPS)
        denied = "NetStream.Publish.Denied"
        refused(lab, context.small, denied, "cam", f"{URL}/live")
        refused(lab, context.small, denied, "cam", f"{URL}/live", query="key=wrong")
        refused(lab, context.small, denied, "other", f"{URL}/live", query="key=right-key-4711")
        refused(lab, context.small, denied, "right-key-471", f"{URL}/live")
        refused(lab, context.small, denied, "cam", f"{URL}/shut")
        ffmpeg_fails(lab, context.small, f"{URL}/live/cam?key=wrong")
        equal("streams at the sink", sink.streams(), [])
        log = (lab.dir / "control.log").read_text()
        check("wrong" not in log and "4711" not in log, "a key stands in control's log")
        lab.wait_idle()


def test_right_key(context):
    """Both ways to give it; neither puts it in front of an operator or an origin."""
    with Lab(context.build, "rightkey") as lab:
        sink = lab.start_sink()
        lab.start(APPS)
        lab.publish(context.small, "cam", url=f"{URL}/live", query="key=right-key-4711")
        equal("streams at the sink", list(sink.ended()), ["cam"])
        lab.wait_idle()
        lab.ffmpeg(context.small, f"{URL}/live/right-key-4711")
        equal("streams at the sink", list(sink.ended(2)), ["cam"])
        lab.wait_idle()
        log = (lab.dir / "control.log").read_text() + (lab.dir / "dataplane.log").read_text()
        check("4711" not in log, "the key stands in a log")


def test_unknown_app(context):
    with Lab(context.build, "unknownapp") as lab:
        lab.start(APPS)
        refused(lab, context.small, "NetConnection.Connect.InvalidApp", "cam", f"{URL}/nowhere")
        ffmpeg_fails(lab, context.small, f"{URL}/nowhere/cam")
        lab.wait_idle()


def test_second_publisher_of_a_live_name(context):
    with Lab(context.build, "second") as lab:
        sink = lab.start_sink()
        lab.start(APPS)
        first = lab.spawn("first", lab.publish_command(context.clip, "cam", url=f"{URL}/open",
                                                       pace=True))
        lab.wait_live()
        for _ in range(4):  # whichever worker it comes to
            refused(lab, context.small, "NetStream.Publish.BadName", "cam", f"{URL}/open")
        ffmpeg_fails(lab, context.small, f"{URL}/open/cam")
        check(first.wait(30) == 0, f"the first publisher was disturbed: {tail(first.log)}")
        equal("streams at the sink", list(sink.ended()), ["cam"])
        equal("publishes at the sink", len(sink.streams()), 1)
        lab.wait_idle()


def test_no_control(context):
    """Nobody decides: fail closed, and count it."""
    with Lab(context.build, "nocontrol") as lab:
        lab.start(APPS, control=False)
        report = lab.publish(context.small, "cam", whole=False, url=f"{URL}/open")[0]
        check(not report["complete"], "published without a control")
        equal("code", report["code"], "NetStream.Publish.Denied")
        lab.start_control()
        equal("publish_no_control", lab.counter("publish_no_control"), 1)
