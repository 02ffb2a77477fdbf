"""What the edge allows: limits of applications, and being taken out of service."""
import json
import subprocess

from lab import ADDRESS4, PORT, Lab, check, equal, tail, wait_for

URL = f"rtmp://{ADDRESS4}:{PORT}"


def app(name, **admission):
    return {"name": name, "open": True, "admission": admission,
            "origins": [{"url": f"rtmp://127.0.0.1:19350/{name}"}]}


def encoder(lab, clip, name):
    return lab.ffmpeg(clip, f"{URL}/{name}/cam", realtime=True, name=f"ffmpeg-{name}", wait=False)


def test_ffmpeg_is_told_why(context):
    """One application for each limit that the clip exceeds; ffmpeg's log has the figure."""
    cases = {
        "codec": ({"video_codecs": ["hvc1"]}, "video codec avc1 is not allowed here"),
        "resolution": ({"resolution_max": "160x90"}, "resolution"),
        "size": ({"message_max": 4096}, "message longer than the limit"),
    }
    with Lab(context.build, "limits") as lab:
        lab.start_sink()
        lab.start([app("any")] + [app(name, **limits) for name, (limits, _) in cases.items()])
        good = encoder(lab, context.clip, "any")
        for name, (_, reason) in cases.items():
            process = encoder(lab, context.clip, name)
            wait_for(f"ffmpeg to end for its {name}", lambda: not process.running(), 15)
            check(reason in process.log.read_text(),
                  f"ffmpeg was not told about its {name}: {tail(process.log, 5)}")
        reasons = [one["reason"] for one in lab.ctl("rejects")]
        equal("reasons of rejects", sorted(reasons), ["codec", "protocol", "resolution"])
        equal("streams_rejected_codec", lab.control_counter("streams_rejected_codec"), 1)
        equal("streams_rejected_resolution", lab.control_counter("streams_rejected_resolution"), 1)
        equal("too long", lab.counter("rtmp_message_too_long"), 1)
        equal("exit code of the one that was allowed", good.wait(30), 0)


def test_bitrate_and_first_media(context):
    with Lab(context.build, "bitrate") as lab:
        lab.start_sink()
        lab.start([app("slow", bitrate_max_kbps=500, bitrate_window_s=2), app("fast")])
        command = [lab.tool("penstock-publish"), "--marks", "--kbps", "4000", "--timeout", "60"]
        slow = lab.spawn("slow", [*command, f"{URL}/slow", "cam"], netns=lab.encoders)
        fast = lab.spawn("fast", [*command, f"{URL}/fast", "cam"], netns=lab.encoders)
        wait_for("the fast one to be ended", lambda: not slow.running(), 20)
        report = slow.log.read_text()
        check("bitrate" in report and "exceeds 0.5 Mb/s" in report, f"it was told: {report}")
        check(fast.running(), "the one that may send so much was ended as well")
        fast.stop()


def status(lab):
    return lab.ctl("status")["drain"]


def test_drain(context):
    """Who offered it leaves at once, the other stays until the time is over; control may die."""
    with Lab(context.build, "drain") as lab:
        lab.start_sink()
        lab.start([app("live")])
        command = [lab.tool("penstock-publish"), "--marks", "--timeout", "60"]
        able = lab.spawn("able", [*command, "--enhanced", f"{URL}/live", "able"],
                         netns=lab.encoders)
        plain = lab.spawn("plain", [*command, f"{URL}/live", "plain"], netns=lab.encoders)
        lab.wait_live(2)
        done = subprocess.run(
            lab.inside([str(lab.tool("penstockctl")), "-r", str(lab.run_dir), "drain", "--target",
                        "rtmp://198.18.0.9", "--timeout", "600"]),
            capture_output=True, text=True, timeout=20, check=False)
        equal("exit code of drain", done.returncode, 0)
        check("198.18.0.9" in done.stdout, f"penstockctl drain says {done.stdout}")
        equal("exit code of the one that can", able.wait(15), 0)
        report = json.loads(able.log.read_text())
        check("ReconnectRequest" in report[0]["code"], f"it was told {report}")
        equal("reconnects_asked", lab.counter("reconnects_asked"), 1)
        check(plain.running(), "who did not offer it was ended at once")
        equal("left", status(lab)["streams"], 1)
        # A new one is refused with the reason, also by the next control.
        lab.control.stop(how=9)
        lab.start_control()
        check(status(lab)["active"], "the next control does not know that the edge is drained")
        late = lab.spawn("late", [*command, f"{URL}/live", "late"], netns=lab.encoders)
        equal("exit code of a new one", late.wait(15), 1)
        check("out of service" in late.log.read_text(), f"it was told {late.log.read_text()}")
        lab.ctl("drain", "--timeout", "1")
        equal("exit code when the time is over", plain.wait(15), 1)
        check("out of service" in plain.log.read_text(), f"it was told {plain.log.read_text()}")
        lab.ctl("undrain")
        again = lab.spawn("again", [*command, f"{URL}/live", "again"], netns=lab.encoders)
        lab.wait_live()
        again.stop()


def test_open_applications_are_warned_of(context):
    with Lab(context.build, "open") as lab:
        lab.start([app("anybody"), {"name": "closed", "origins": []}])
        warnings = [line for line in (lab.dir / "control.log").read_text().splitlines()
                    if '"app.open"' in line]
        equal("warnings", len(warnings), 1)
        check('"anybody"' in warnings[0] and '"warn"' in warnings[0], warnings[0])
