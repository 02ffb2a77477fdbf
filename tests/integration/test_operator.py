"""penstockctl against a running edge."""
import subprocess

from lab import ADDRESS4, Lab, check, equal, wait_for

APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]


def text(lab, *words):
    command = [str(lab.tool("penstockctl")), "-r", str(lab.run_dir), *words]
    return subprocess.run(lab.inside(command), capture_output=True, text=True, timeout=20,
                          check=False)


def test_streams_and_kick(context):
    with Lab(context.build, "kick") as lab:
        sink = lab.start_sink()
        lab.start(APPS)
        publisher = lab.spawn("publish", lab.publish_command(context.clip, "cam", pace=True))
        stream = lab.wait_live()[0]
        equal("name", (stream["app"], stream["name"]), ("live", "cam"))
        equal("peer", stream["peer"].split(":")[0], "198.18.0.1")
        wait_for("the origin to be fed", lambda: lab.ctl("stream", "live/cam")["origins"][0]
                 ["messages"] > 0)
        for words in (["streams"], ["stream", "live/cam"], ["origins"], ["workers"], ["counters"],
                      ["status"], ["top", "--count", "1"]):
            done = text(lab, *words)
            check(done.returncode == 0, f"penstockctl {' '.join(words)}: {done.stderr.strip()}")
            check(done.stdout.strip(), f"penstockctl {' '.join(words)} printed nothing")
        check("cam" in text(lab, "streams").stdout, "penstockctl streams does not show the stream")
        equal("exit code for an unknown stream", text(lab, "kick", "live/nobody").returncode, 1)
        equal("exit code of kick", text(lab, "kick", "live/cam").returncode, 0)
        check(publisher.wait(10) == 1, "the publisher was not ended")
        check("operator" in publisher.log.read_text(), "the encoder was not told why")
        equal("publish_kicked", lab.counter("publish_kicked"), 1)
        equal("how the origin's stream ended", sink.ended()["cam"]["ended"], "unpublish")
        lab.wait_idle()


def test_names_cannot_draw_on_the_terminal(context):
    """Control refuses such a name or penstockctl escapes it: the terminal never sees it."""
    with Lab(context.build, "escape") as lab:
        lab.start(APPS)
        evil = "a\x1b[31mb"
        process = lab.spawn("publish", lab.publish_command(
            context.small, evil, url=f"rtmp://{ADDRESS4}/live", pace=True))
        wait_for("the publish to be decided", lambda: not process.running() or lab.streams())
        out = text(lab, "streams")
        check("\x1b" not in out.stdout, "an escape sequence reached the terminal")
        check("\x1b" not in (lab.dir / "control.log").read_text(), "and the log")


def test_no_control_is_exit_code_3(context):
    with Lab(context.build, "exitcode") as lab:
        equal("exit code", text(lab, "status").returncode, 3)
