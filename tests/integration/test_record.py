"""penstockctl record, and timestamps as origins and recordings get them."""
import json
import os
import signal
import socket
import subprocess

import clips
from lab import ADDRESS4, Lab, check, equal, wait_for

SINK = {"url": "rtmp://127.0.0.1:19350/live"}
WRAP = 1 << 32


def read_flv(path):
    """(type, timestamp, body) of each tag; the file ends with a whole one."""
    data, at = path.read_bytes(), 13
    tags = []
    equal("file header", data[:4], b"FLV\x01")
    while at < len(data):
        check(at + 15 <= len(data), "the file ends within a tag")
        length = int.from_bytes(data[at + 1:at + 4], "big")
        time = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        check(at + 15 + length <= len(data), "the file ends within a tag")
        equal("trailer", int.from_bytes(data[at + 11 + length:at + 15 + length], "big"), length + 11)
        tags.append((data[at], time, data[at + 11:at + 11 + length]))
        at += 15 + length
    return tags


def write_flv(path, messages):
    with open(path, "wb") as out:
        out.write(b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
        for kind, time, body in messages:
            out.write(bytes([kind]) + len(body).to_bytes(3, "big")
                      + (time & 0xFFFFFF).to_bytes(3, "big") + bytes([time >> 24]) + bytes(3)
                      + body + (len(body) + 11).to_bytes(4, "big"))
    return path


def is_header(tag):
    kind, _, body = tag
    return kind == 18 or (kind in (8, 9) and len(body) > 1 and body[1] == 0
                          and body[0] in (0x17, 0xAF))


def media(tags):
    return [tag for tag in tags if not is_header(tag)]


def probe(path):
    """Packets that ffprobe finds by codec type, and what it complains of."""
    done = subprocess.run(["ffprobe", "-v", "error", "-show_packets", "-of", "json", str(path)],
                          capture_output=True, text=True, timeout=60, check=True)
    equal("complaints of ffprobe", done.stderr.strip(), "")
    packets = json.loads(done.stdout)["packets"]
    return {kind: sum(p["codec_type"] == kind for p in packets) for kind in ("video", "audio")}


class Recording:
    """penstockctl record that runs."""

    def __init__(self, lab, name, *options, stream="live/cam", directory=None):
        self.lab = lab
        self.path = (directory or lab.dir) / f"{name}.flv"
        self.process = lab.spawn(name, [lab.tool("penstockctl"), "--run-dir", lab.run_dir, "--json",
                                        "record", stream, str(self.path), *options])

    def begun(self):
        wait_for("the recording to begin",
                 lambda: self.path.exists() and self.path.stat().st_size > 13)
        return self

    def ended(self, timeout=30):
        equal("exit status of penstockctl record", self.process.wait(timeout), 0)
        return json.loads(self.process.log.read_text())


def test_whole(context):
    """A stream of ffmpeg from its middle on: packets as published, played by ffprobe."""
    with Lab(context.build, "record") as lab:
        lab.start_sink()
        lab.start([{"name": "live", "open": True, "origins": [SINK]}])
        encoder = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True, wait=False)
        lab.wait_live()
        whole = Recording(lab, "whole").begun()
        first = Recording(lab, "first", "--seconds", "1").begun()
        small = Recording(lab, "small", "--bytes", "30000").begun()
        interrupted = Recording(lab, "interrupted").begun()
        equal("overwriting", refused(lab, "live/cam", whole.path), "File exists")
        equal("another name", refused(lab, "live/other", "/nowhere"), "no such stream")
        said = first.ended()
        equal("end of the second", said["ended"], "the limit is reached")
        check(900 <= said["duration_ms"] < 1000, f"not a second but {said['duration_ms']} ms")
        equal("end of the small one", small.ended()["ended"], "the limit is reached")
        check(small.path.stat().st_size <= 30000, "larger than --bytes")
        interrupted.process.child.send_signal(signal.SIGINT)
        equal("end by ^C", interrupted.ended()["ended"], "interrupted")
        times = lab.ctl("stream", "live/cam")["media"]["timestamps"]
        equal("policy", times.pop("policy"), "pass")
        equal("jumps, gaps, wraps", sum(times.values()), 0)
        encoder.wait(60)
        said = whole.ended()
        equal("end", said["ended"], "the stream ended")
        equal("skips", said["skips"], 0)
        tags = read_flv(whole.path)
        equal("messages", said["messages"], len(tags))
        check_recorded(tags, read_flv(context.clip))
        for recording in (whole, first, small, interrupted):
            read_flv(recording.path)
            packets = probe(recording.path)
            check(packets["video"] > 0 and packets["audio"] > 0, f"nothing to play: {packets}")
        check(lab.control_counter("relay_recordings") >= 4, "recordings were not counted")
        lab.wait_idle()


def refused(lab, stream, path):
    """What penstockctl record says when it does not: the last part of it."""
    done = subprocess.run(lab.inside([str(lab.tool("penstockctl")), "--run-dir", str(lab.run_dir),
                                      "record", stream, str(path)]),
                          capture_output=True, text=True, timeout=20, check=False)
    equal("exit status", done.returncode, 1)
    return done.stderr.strip().rsplit(": ", 1)[-1]


def ask(lab, name):
    """A recording by hand: the socket, and the line that answers."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(str(lab.run_dir / "control.sock"))
    sock.sendall(json.dumps({"command": "record", "name": name}).encode() + b"\n")
    line = b""
    while not line.endswith(b"\n"):
        line += sock.recv(1)
    return sock, json.loads(line)


def test_bounds(context):
    """Four of a stream, 32 in all; who hangs up makes room, and all else goes on being answered."""
    with Lab(context.build, "recordbounds") as lab:
        lab.start_sink()
        lab.start([{"name": "live", "open": True, "origins": [SINK]}])
        publishers = lab.spawn("publish", lab.publish_command(context.clip, "cam", count=9,
                                                              pace=True, chunk_size=4096))
        lab.wait_live(9)
        taken = [ask(lab, f"live/cam{i}") for i in range(8) for _ in range(4)]
        check(all(answer["ok"] for _, answer in taken), "a recording was refused")
        refused_one, answer = ask(lab, "live/cam8")
        equal("33rd recording", answer.get("error"), "there are enough recordings")
        taken[0][0].close()
        taken[4][0].close()
        wait_for("room", lambda: ask(lab, "live/cam0")[1]["ok"])
        again, answer = ask(lab, "live/cam2")
        equal("fifth of a stream", answer.get("error"), "it is being recorded often enough")
        equal("streams", len(lab.streams()), 9)
        equal("other requests on the socket of one that was refused", ask_again(refused_one), True)
        for sock in [again, refused_one, *(sock for sock, _ in taken)]:
            sock.close()
        check(publishers.wait(30) == 0, publishers.reason())
        lab.wait_idle()


def ask_again(sock):
    sock.sendall(b'{"command":"status"}\n')
    return json.loads(sock.makefile().readline())["ok"]


def test_full_disk(context):
    """A file system of 200 KB: the file ends with a whole tag, and the origin gets everything."""
    with Lab(context.build, "recordfull") as lab:
        sink = lab.start_sink()
        lab.start([{"name": "live", "open": True, "origins": [SINK]}])
        small = lab.dir / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(small)], check=True)
        try:
            encoder = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True,
                                 wait=False)
            lab.wait_live()
            recording = Recording(lab, "full", directory=small)
            equal("exit status", recording.process.wait(30), 1)
            said = recording.process.log.read_text()
            check("No space left on device; it ends with message" in said, said)
            equal("messages", len(read_flv(recording.path)),
                  int(said.split("ends with message ")[1].split(",")[0]))
            check(recording.path.stat().st_size > 150000, "most of the room is not used")
            encoder.wait(60)
            sink.ended()
            clips.same(context.clip, sink.recording("cam"))
        finally:
            subprocess.run(["umount", str(small)], check=True)
        lab.wait_idle()


def test_slow_disk(context):
    """Nobody takes what is recorded: the origin gets everything all the same."""
    with Lab(context.build, "recordslow") as lab:
        sink = lab.start_sink()
        lab.start([{"name": "live", "open": True, "origins": [SINK]}])
        pipe = lab.dir / "slow.flv"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        encoder = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True, wait=False)
        lab.wait_live()
        recording = Recording(lab, "slow", "--force")
        wait_for("the recording", lambda: lab.control_counter("relay_recordings") == 1)
        encoder.wait(60)
        sink.ended()
        clips.same(context.clip, sink.recording("cam"))
        check(recording.process.running(), "the recording did not wait")
        os.close(reader)
        recording.process.wait(20)
        lab.wait_idle()


def check_recorded(tags, published):
    """Headers, then all media of the clip from a keyframe on, to its end; times from 0 on."""
    equal("first tags", sorted(tag[0] for tag in tags[:3]), [8, 9, 18])
    check(all(is_header(tag) for tag in tags[:3]), "the headers do not come first")
    got, wanted = media(tags), media(published)
    bodies = [(kind, body) for kind, _, body in wanted]
    at = bodies.index((got[0][0], got[0][2]))
    equal("first frame", (got[0][0], got[0][2][0], got[0][1]), (9, 0x17, 0))
    equal("media", [(kind, body) for kind, _, body in got], bodies[at:])
    for (_, time, _), (_, then, _) in zip(got, wanted[at:]):
        equal("time", time, max(0, then - wanted[at][1]))


def clip_at(lab, clip, begin, restart=None):
    """The clip with a clock that begins at `begin`, and from its middle on at `restart`."""
    tags = read_flv(clip)
    middle = next((i for i, (kind, time, body) in enumerate(tags)
                   if kind == 9 and body[:2] == b"\x17\x01" and time > tags[-1][1] / 2), 0)
    shifted = []
    for i, (kind, time, body) in enumerate(tags):
        offset = begin if restart is None or i < middle else restart - tags[middle][1]
        shifted.append((kind, 0 if is_header((kind, time, body)) else (time + offset) % WRAP, body))
    return write_flv(lab.dir / "shifted.flv", shifted), media(tags), len(media(tags[:middle]))


def publish_at(context, name, timestamps, begin, restart=None):
    """Of all media of the shifted clip: their times in the clip, those at the origin."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start([{"name": "live", "open": True, "timestamps": timestamps, "origins": [SINK]}])
        path, original, middle = clip_at(lab, context.clip, begin, restart)
        lab.publish(path, "cam")
        sink.ended()
        got = media(read_flv(sink.recording("cam")))
        equal("media", [(kind, body) for kind, _, body in got], [(k, b) for k, _, b in original])
        lab.wait_idle()
        return [t for _, t, _ in original], [t for _, t, _ in got], middle


def test_timestamps_passed(context):
    """A clock that begins at 2^32 - 1000 goes out as it came, wrap and all."""
    original, got, _ = publish_at(context, "timespass", "pass", WRAP - 1000)
    equal("times", got, [(t + WRAP - 1000) % WRAP for t in original])


def test_timestamps_wrap_repaired(context):
    """... and with repair as if it had begun at 1000."""
    original, got, _ = publish_at(context, "timeswrap", "repair", WRAP - 1000)
    equal("times", got, [t - original[0] + 1000 for t in original])


def test_timestamps_restart_repaired(context):
    """The encoder's clock begins anew in the middle: the origin does not notice."""
    original, got, middle = publish_at(context, "timesrestart", "repair", 700000, restart=0)
    equal("times before", got[:middle], [t + 700000 for t in original[:middle]])
    step = got[middle] - max(got[:middle])
    check(0 < step < 100, f"a step of {step} ms at the restart")
    moved = got[middle] - original[middle]
    equal("times after", got[middle:], [t + moved for t in original[middle:]])
