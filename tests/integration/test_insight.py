"""What the edge understands of a stream, and the headers that a later origin gets of it."""
import signal
import struct

import clips
from lab import ADDRESS4, Lab, check, equal, wait_for

SINKS = [{"url": "rtmp://127.0.0.1:19350/live"}, {"url": "rtmp://127.0.0.1:19351/live"}]

AUDIO, VIDEO, DATA = 8, 9, 18
AV1 = bytes.fromhex("81004c000a0b000000043ea7bcdaf94040")
HEVC = bytes.fromhex(
    "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff016000000300900000030000"
    "030078959409a10001002b420101016000000300900000030000030078a003c0801107cb965654a4c2f016808000"
    "0003008000000f04a2000100064401c073c189")
AAC = bytes.fromhex("119056e500")

# As their kinds are to come again, whatever the order in which they were sent.
METADATA = (DATA, b"\x02\x00\x0aonMetaData\x08\x00\x00\x00\x01\x00\x05width\x00"
            + struct.pack(">d", 1920) + b"\x00\x00\x09")
HEADERS = [
    (VIDEO, b"\x90hvc1" + HEVC),
    (VIDEO, b"\x96\x00av01\x01" + AV1),
    (AUDIO, b"\x90mp4a" + AAC),
    (AUDIO, b"\x95\x20mp4a\x01" + len(AAC).to_bytes(3, "big") + AAC
     + b"Opus\x02\x00\x00\x00"),
    (AUDIO, b"\x94mp4a\x01\x02\x00\x00\x00\x03"),
    (VIDEO, b"\x94hvc1\x02\x00\x09colorInfo\x03\x00\x00\x09"),
]


def tracks(seconds):
    """Two video tracks at 25 frames, keyframes of the first one each second; audio."""
    yield 0, HEADERS[5]
    yield from ((0, header) for header in [HEADERS[0], HEADERS[4], *HEADERS[1:4]])
    yield 0, METADATA
    for number in range(seconds * 25):
        at, key = number * 40, number % 25 == 0
        nano = b"\x97\x02\x07\xa1\x20\x01" if key else b"\xa7\x02\x07\xa1\x20\x01"
        yield at, (VIDEO, nano + b"hvc1\x00\x00\x28" + bytes(1000))
        yield at, (VIDEO, (b"\x96" if number % 50 == 0 else b"\xa6") + b"\x01av01\x01" + bytes(500))
        yield at, (AUDIO, b"\x91mp4a" + bytes(100))


def write_flv(path, messages):
    with open(path, "wb") as out:
        out.write(b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
        for timestamp, (kind, body) in messages:
            out.write(bytes([kind]) + len(body).to_bytes(3, "big")
                      + timestamp.to_bytes(3, "big") + bytes(4) + body
                      + (len(body) + 11).to_bytes(4, "big"))
    return path


def read_flv(path):
    data, at = path.read_bytes(), 13
    while at + 11 <= len(data):
        length = int.from_bytes(data[at + 1:at + 4], "big")
        yield data[at] & 0x1F, data[at + 11:at + 11 + length]
        at += 11 + length + 4


def media(lab, complete):
    """What is understood of the stream, once complete(media) is true."""
    def look():
        found = lab.ctl("stream", "live/cam", check_code=False)
        return found["media"] if found and complete(found["media"]) else None
    return wait_for("the stream to be understood", look, 20)


def test_ffmpeg(context):
    """Debian's ffmpeg: H.264 with B-frames and AAC."""
    with Lab(context.build, "insight") as lab:
        lab.start_sink()
        lab.start([{"name": "live", "open": True, "origins": SINKS[:1]}])
        encoder = lab.ffmpeg(context.clip, f"rtmp://{ADDRESS4}/live/cam", realtime=True, wait=False)
        found = media(lab, lambda m: len(m["video"]) == 1 and "gop_frames" in m["video"][0]
                      and m["video"][0]["gop_frames"]["last"] == 60)
        video, audio = found["video"][0], found["audio"][0]
        for key, wanted in (("codec", "avc1"), ("profile", "High"), ("width", 640), ("height", 360),
                            ("chroma", "4:2:0"), ("bit_depth", 8), ("configured_fps", 30.0),
                            ("gaps", 0), ("backward", 0)):
            equal(key, video[key], wanted)
        check(abs(video["fps"] - 30) < 0.1, f"{video['fps']} frames a second")
        equal("keyframe interval", video["keyframe_interval_ms"]["last"], 2000)
        check(video["composition_ms_max"] > 0, "B-frames were not seen")
        check(200 < video["bitrate_kbps"] < 3000, f"{video['bitrate_kbps']} kb/s")
        for key, wanted in (("codec", "mp4a"), ("profile", "LC"), ("sample_rate", 48000),
                            ("channels", 2), ("gaps", 0), ("backward", 0)):
            equal(key, audio[key], wanted)
        check(abs(found["av_skew_ms"]) < 60, f"audio is {found['av_skew_ms']} ms ahead")
        claims = found["metadata"]
        equal("width that metadata claims", claims["width"], 640)
        equal("codec that metadata claims", claims["video_codec"], "7")
        check(claims["encoder"].startswith("Lavf"), claims["encoder"])
        row = lab.streams()[0]
        equal("brief", (row["video_codec"], row["width"], row["audio_codec"]),
              ("avc1", 640, "mp4a"))
        check(encoder.wait(30) == 0, encoder.reason())
        lab.wait_idle()


def later_origin(context, name, restart):
    """All headers of all tracks come to an origin that joins late, before the first keyframe."""
    with Lab(context.build, name) as lab:
        clip = write_flv(lab.dir / "tracks.flv", tracks(10))
        first = lab.start_sink("sink1", 19350)
        lab.start([{"name": "live", "open": True, "origins": SINKS}])
        publisher = lab.spawn("publish", lab.publish_command(clip, "cam", pace=True,
                                                             chunk_size=4096))
        wait_for("the beginning of the stream to be released",
                 lambda: lab.wait_live()[0]["uptime_ms"] > 5500, interval=0.02)
        if restart:
            lab.control.stop(how=signal.SIGKILL)
            lab.start_control()
        second = lab.start_sink("sink2", 19351)
        check_tracks(media(lab, lambda m: m["video"] and "gop_frames" in m["video"][0]
                           and "fps" in m["video"][-1]))
        check(publisher.wait(30) == 0, publisher.reason())
        second.ended()
        got = list(read_flv(second.recording("cam")))
        check(len(got) < len(list(tracks(10))) - 50, "all of the stream was kept")
        begin = next(i for i, (kind, body) in enumerate(got) if body[:1] in (b"\x97", b"\xa7"))
        wanted = [METADATA, *HEADERS]
        for number, (got_one, wanted_one) in enumerate(zip(got[:begin], wanted)):
            check(got_one == wanted_one, f"header {number} is {got_one}, sent {wanted_one}")
        equal("messages before the first frame", begin, len(wanted))
        check(got[begin][1][:1] == b"\x97", "it begins behind a keyframe")
        if not restart:
            first.ended()
            equal("the first origin's messages", list(read_flv(first.recording("cam"))),
                  [message for _, message in tracks(10)])
        lab.wait_idle()


def check_tracks(found):
    equal("video tracks", [t["track"] for t in found["video"]], [0, 1])
    equal("codecs", [t["codec"] for t in found["video"]], ["hvc1", "av01"])
    equal("widths", [t["width"] for t in found["video"]], [1920, 426])
    equal("audio tracks", [(t["track"], t["codec"]) for t in found["audio"]],
          [(0, "mp4a"), (1, "mp4a"), (2, "Opus")])
    equal("GOP", found["video"][0]["gop_frames"]["last"], 25)
    check(abs(found["video"][1]["fps"] - 25) < 0.1, f"{found['video'][1]['fps']} frames a second")


def test_headers_for_late_origin(context):
    later_origin(context, "lateheaders", restart=False)


def test_headers_after_restart(context):
    later_origin(context, "oldheaders", restart=True)


def test_text(context):
    """For people: a table of tracks behind the stream's own."""
    with Lab(context.build, "insighttext") as lab:
        lab.start_sink()
        lab.start([{"name": "live", "open": True, "origins": SINKS[:1]}])
        encoder = lab.ffmpeg(context.small, f"rtmp://{ADDRESS4}/live/cam", realtime=True,
                             wait=False)
        media(lab, lambda m: m["video"] and "fps" in m["video"][0])
        text = clips.run(lab.inside([str(lab.tool("penstockctl")), "-r", str(lab.run_dir), "stream",
                                     "live/cam"]))
        for word in ("H.264 High", "320x180", "AAC LC", "48 kHz", "metadata says, encoder", "Lavf"):
            check(word in text, f"no {word} in {text}")
        check(encoder.wait(30) == 0, encoder.reason())
        lab.wait_idle()
