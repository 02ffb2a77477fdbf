"""Players at the edge: what they get is what was published, from a keyframe on, packet by packet."""
import re
import time

import clips
from lab import ADDRESS4, ADDRESS6, Lab, check, equal, tail, wait_for

KEY = "watch-me-4711"
SINK = "rtmp://127.0.0.1:19350/live"
GOP = 60


def apps(**play):
    return [{"name": "live", "open": True, "origins": [{"url": SINK}],
             "play": {"key": KEY, **play}}]


def play_url(key=KEY, name="cam", host=ADDRESS4):
    return f"rtmp://{host}/live/{name}" + (f"?key={key}" if key else "")


def ffmpeg_player(lab, out, url=None, name="player"):
    return lab.spawn(name, ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-y",
                            "-copyts", "-i", url or play_url(), "-c", "copy", "-f", "flv", out],
                     netns=lab.encoders)


def rtmpdump_player(lab, out, url=None, name="rtmpdump"):
    return lab.spawn(name, ["rtmpdump", "-V", "--live", "-r", url or play_url(), "-o", out],
                     netns=lab.encoders)


def players(lab, count, state="playing", timeout=10.0):
    def there():
        now = [p for p in lab.ctl("players") if p["state"] == state]
        return now if len(now) >= count else None
    return wait_for(f"{count} players", there, timeout)


def secrets_withheld(lab):
    for process in (lab.control, lab.dataplane):
        check(KEY not in process.log.read_text(errors="replace"),
              f"the key stands in the log of {process.name}")


def watch(context, name, make_player, before=2.5, **config):
    """Publishes the clip in real time, and plays it meanwhile; both ends compare."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(apps(), **config)
        publisher = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True,
                               wait=False)
        lab.wait_live()
        time.sleep(before)
        out = lab.dir / "played.flv"
        player = make_player(lab, out)
        (shown,) = players(lab, 1)
        equal("stream", (shown["app"], shown["name"]), ("live", "cam"))
        equal("publisher's exit code", publisher.wait(30), 0)
        player.wait(15)
        sink.ended()
        clips.same(context.clip, sink.recording("cam"))
        missed = clips.tail_from_keyframe(context.clip, out, GOP)
        wait_for("the player to be gone", lambda: not lab.ctl("players"))
        equal("times that the player fell behind", lab.counter("play_skips"), 0)
        secrets_withheld(lab)
        lab.wait_idle()
        memory = lab.ctl("memory")
        equal("memory of players that is left", memory["players_bytes"], 0)
        return missed


def test_ffmpeg(context):
    """Started 2.5 s into the stream: it begins at the keyframe of 2.0 s."""
    equal("video packets that it missed", watch(context, "play-ffmpeg", ffmpeg_player), GOP)


def test_ffmpeg_ipv6(context):
    watch(context, "play-ipv6", lambda lab, out: ffmpeg_player(
        lab, out, play_url(host=f"[{ADDRESS6}]")))


def test_rtmpdump(context):
    equal("video packets that it missed", watch(context, "play-rtmpdump", rtmpdump_player), GOP)


def test_ffprobe(context):
    with Lab(context.build, "play-ffprobe") as lab:
        lab.start_sink()
        lab.start(apps())
        lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True, wait=False)
        lab.wait_live()
        probe = lab.spawn("ffprobe", [
            "ffprobe", "-hide_banner", "-show_entries", "stream=codec_name,width,height,sample_rate",
            "-of", "csv", play_url()], netns=lab.encoders)
        equal("ffprobe's exit code", probe.wait(20), 0)
        text = probe.log.read_text()
        check(re.search(r"stream,h264,640,360", text) and "stream,aac,48000" in text,
              f"ffprobe: {tail(probe.log)}")


def refused(lab, name, url):
    """A player that is refused gets no byte of media."""
    out = lab.dir / f"{name}.flv"
    player = ffmpeg_player(lab, out, url, name=name)
    check(player.wait(15) != 0, f"{name} was let in")
    check(not out.exists() or out.stat().st_size == 0, f"{name} got something")


def test_refusals(context):
    """Wrong key, no key, no such stream, not from there, one too many, and nobody by default."""
    open_app = {"name": "closed", "open": True, "origins": []}
    far = {"name": "far", "open": True, "origins": [], "play": {"addresses": ["192.0.2.0/24"]}}
    near = {"name": "near", "open": True, "origins": [],
            "play": {"addresses": ["198.18.0.0/24", "fd00:198:18::/64"], "max_players": 1}}
    with Lab(context.build, "play-refusals") as lab:
        lab.start_sink()
        lab.start([*apps(), open_app, far, near])
        for app in ("live", "closed", "far", "near"):
            lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/{app}/cam", realtime=True, wait=False,
                       name=f"publisher-{app}")
        lab.wait_live(4)
        refused(lab, "wrong-key", play_url("watch-me-4712"))
        refused(lab, "no-key", play_url(None))
        refused(lab, "no-stream", play_url(name="cam2"))
        refused(lab, "nobody", f"rtmp://{ADDRESS4}/closed/cam?key={KEY}")
        refused(lab, "far", f"rtmp://{ADDRESS4}/far/cam")
        first = ffmpeg_player(lab, lab.dir / "first.flv", f"rtmp://{ADDRESS4}/near/cam", "first")
        players(lab, 1)
        refused(lab, "one-too-many", f"rtmp://{ADDRESS4}/near/cam")
        first.stop()
        equal("plays refused", lab.control_counter("plays_rejected"), 6)
        secrets_withheld(lab)


def test_kick_and_publisher_returns(context):
    """The operator ends one player; the others end with the publisher, and find the next one."""
    with Lab(context.build, "play-kick") as lab:
        lab.start_sink()
        lab.start(apps(max_players=2))
        publisher = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True,
                               wait=False)
        lab.wait_live()
        kicked = ffmpeg_player(lab, lab.dir / "kicked.flv", name="kicked")
        (one,) = players(lab, 1)
        stays = ffmpeg_player(lab, lab.dir / "stays.flv", name="stays")
        players(lab, 2)
        lab.ctl("kick", f"{one['worker']}:{one['id']}")
        kicked.wait(10)
        check(stays.running(), "the other player was ended, too")
        publisher.stop()
        stays.wait(10)
        lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True, wait=False,
                   name="again")
        lab.wait_live()
        out = lab.dir / "next.flv"
        player = ffmpeg_player(lab, out, name="next")
        players(lab, 1)
        player.wait(20)
        clips.tail_from_keyframe(context.clip, out, GOP)


def test_slow_player(context):
    """A player that stands still is moved on; the origin and another player get everything."""
    with Lab(context.build, "play-slow") as lab:
        sink = lab.start_sink()
        lab.start(apps(), dataplane={"play": {"player_kib": 256, "lag_max_ms": 1000}})
        publisher = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True,
                               wait=False)
        lab.wait_live()
        slow = rtmpdump_player(lab, lab.dir / "slow.flv", name="slow")
        players(lab, 1)
        # A socket of its own takes megabytes: the receive buffer has to be small to be felt.
        slow.child.send_signal(19)
        out = lab.dir / "played.flv"
        player = ffmpeg_player(lab, out, name="player")
        equal("publisher's exit code", publisher.wait(30), 0)
        memory = lab.ctl("memory")
        check(memory["players_bytes"] <= memory["players_total"], "more than there is")
        slow.child.send_signal(18)
        player.wait(15)
        sink.ended()
        clips.same(context.clip, sink.recording("cam"))
        clips.tail_from_keyframe(context.clip, out, GOP)
        slow.wait(15)


def test_drain(context):
    """New players are refused, who plays stays; and is ended when the time is over."""
    with Lab(context.build, "play-drain") as lab:
        lab.start_sink()
        lab.start(apps())
        lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True, wait=False)
        lab.wait_live()
        out = lab.dir / "played.flv"
        player = ffmpeg_player(lab, out)
        players(lab, 1)
        lab.ctl("drain")
        equal("players left", lab.ctl("status")["drain"]["players"], 1)
        refused(lab, "late", play_url())
        wait_for("what who plays was asked", lambda: lab.counter("reconnects_not_offered") >= 1)
        check(player.running(), "the player was ended")
        lab.ctl("drain", "--timeout", "1")
        player.wait(15)
        wait_for("the player to be gone", lambda: not lab.ctl("players"))
        equal("players ended by the drain", lab.counter("play_drained"), 1)
        equal("players ended by the operator", lab.counter("play_kicked"), 0)
        lab.ctl("undrain")


def test_one_worker(context):
    watch(context, "play-one-worker", rtmpdump_player, cores=(0,))


def test_control_dies(context):
    """A player stays while control is killed and comes back, and misses nothing."""
    with Lab(context.build, "play-kill") as lab:
        lab.start_sink()
        lab.start(apps(max_players=1))
        publisher = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True,
                               wait=False)
        lab.wait_live()
        out = lab.dir / "played.flv"
        player = ffmpeg_player(lab, out)
        players(lab, 1)
        lab.control.child.kill()
        lab.control.child.wait()
        lab.processes.remove(lab.control)
        refused(lab, "nobody-to-ask", play_url())
        lab.start_control()
        players(lab, 1)
        refused(lab, "one-too-many", play_url())
        equal("publisher's exit code", publisher.wait(30), 0)
        player.wait(15)
        clips.tail_from_keyframe(context.clip, out, GOP)
        equal("times that the player fell behind", lab.counter("play_skips"), 0)


def gstreamer_player(element, location):
    return lambda lab, out: lab.spawn("gstreamer", [
        "gst-launch-1.0", "-q", element, f"location={location}", "!", "filesink",
        f"location={out}"], netns=lab.encoders)


def test_gstreamer_rtmpsrc(context):
    """librtmp: its options stand behind the address."""
    watch(context, "play-rtmpsrc", gstreamer_player("rtmpsrc", f"{play_url()} live=1"))


def test_gstreamer_rtmp2src(context):
    watch(context, "play-rtmp2src", gstreamer_player("rtmp2src", play_url()))
