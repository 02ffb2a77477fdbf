"""Real clients through the whole edge to an origin: every message arrives as the client's own muxer
made it, byte for byte, in order, at its time."""
import signal

import clips
import flv
from encoders import Ffmpeg, GStreamer, Librtmp
from lab import ADDRESS4, PORT, Failure, Lab, check, equal, run, wait_for

URL = f"rtmp://{ADDRESS4}/live/cam"
ORIGIN = [{"url": "rtmp://127.0.0.1:19350/live"}]
OPEN = [{"name": "live", "open": True, "origins": ORIGIN}]
AVC = ("avc1", "mp4a")
SAMPLE_ACCESS = b"\x02\x00\x11|RtmpSampleAccess\x01\x00\x01\x00"  # the edge's own
ENHANCED = ["-rtmp_enhanced_codecs", "hvc1,av01,vp09"]


def understood(lab, codecs):
    """The codecs of the live stream, as control tells them."""
    seen = []

    def look():
        seen.extend(tuple(row.get(key) for key in ("video_codec", "audio_codec"))
                    for row in lab.streams())
        return codecs in seen
    try:
        wait_for("codecs", look)
    except Failure:
        check(False, f"codecs: {seen[-1:]}, expected {codecs}")


def recorded(sink, publish=1):
    return flv.tags(sink.recording("cam" if publish == 1 else f"cam-{publish}"))


def publish(context, name, client, codecs=AVC, url=URL, apps=None, **config):
    """From the connection to its orderly end; returns what went through, for the line."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(apps or OPEN, **config)
        encoder, copy = client.start(lab, url, "encoder")
        if codecs:
            understood(lab, codecs)
        check(encoder.wait(30) == 0, encoder.reason())
        end = sink.ended()["cam"]["ended"]
        sent, got = flv.tags(copy), recorded(sink)
        unlike = flv.difference(sent, got)
        check(unlike is None, unlike)
        equal("messages", len(got), len(sent))
        equal("how it ended", end, "unpublish")
        lab.wait_idle()
        return flv.count(got)


def reset_connections(lab):
    run(lab.inside(["ss", "-K", "dst", ADDRESS4, "dport", f"= :{PORT}"], lab.encoders))


def reset(lab, encoder):
    """The kernel resets what connections to the edge there are, then the encoder is killed."""
    encoder.child.send_signal(signal.SIGSTOP)
    reset_connections(lab)
    encoder.stop(how=signal.SIGKILL)


def killed_and_back(context, name, client):
    """A connection reset in the middle; the next one with the same name follows at once."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(OPEN)
        first, first_copy = client.start(lab, URL, "first")
        wait_for("some media", lambda: lab.wait_live()[0]["uptime_ms"] > 700)
        reset(lab, first)
        second, second_copy = client.start(lab, URL, "second")
        lab.wait_counter("tcp_closed_reset", 1)
        check(second.wait(30) == 0, second.reason())
        sink.ended(2)
        sent, got = flv.tags(first_copy), recorded(sink)
        unlike = flv.difference(sent, got)
        check(unlike is None, f"before the reset: {unlike}")
        check(len(got) > len(sent) / 2, f"{len(got)} messages arrived, sent {len(sent)}")
        sent, again = flv.tags(second_copy), recorded(sink, 2)
        unlike = flv.difference(sent, again)
        check(unlike is None, f"after the reset: {unlike}")
        equal("messages after the reset", len(again), len(sent))
        lab.wait_idle()
        return f"{flv.count(got)}; then {flv.count(again)}"


# Debian's ffmpeg


def h264(context, program="ffmpeg", **options):
    return Ffmpeg(context.encoded("h264", "aac"), program, **options)


def test_ffmpeg_h264_aac(context):
    return publish(context, "h264", h264(context))


def test_ffmpeg_chunk_size_128(context):
    """It takes over the chunk size that the server announces; without, its chunks have 128 bytes."""
    return publish(context, "chunk128", h264(context), rtmp={"chunk_size": 128})


def test_ffmpeg_flv1_mp3(context):
    return publish(context, "flv1", Ffmpeg(context.encoded("flv1", "mp3")), ("FLV1", ".mp3"))


def test_ffmpeg_video_alone(context):
    return publish(context, "video", Ffmpeg(context.encoded("h264")), ("avc1", None))


def test_ffmpeg_audio_alone(context):
    return publish(context, "audio", Ffmpeg(context.encoded(audio="aac")), (None, "mp4a"))


def test_ffmpeg_no_metadata(context):
    return publish(context, "nometadata",
                   h264(context, muxer=["-flvflags", "no_metadata+no_sequence_end"]))


def late(context, name, seconds):
    return publish(context, name, h264(context, muxer=["-output_ts_offset", seconds]))


def test_ffmpeg_crosses_24_bits(context):
    """Headers at 0, then frames from 1.7 s before 2^24 ms on: the first delta is no negative one."""
    return late(context, "bits24", "16775.5")


def test_ffmpeg_extended_timestamps(context):
    """The first frame has an extended delta, repeated in each of its chunks."""
    return late(context, "extended", "20000")


def test_ffmpeg_wraps_at_31_bits(context):
    """After 24 days and 20 hours its clock begins again at 0."""
    return late(context, "bits31", "2147482.2")


def test_ffmpeg_rtmp_options(context):
    """Names, a key and odd values in places of their own instead of the URL."""
    client = h264(context, rtmp=[
        "-rtmp_app", "live", "-rtmp_playpath", "cam?key=right-key-4711&a=b?c",
        "-rtmp_tcurl", f"rtmp://{ADDRESS4}:{PORT}/live?token=a&b=/c", "-rtmp_live", "live",
        "-rtmp_conn", "B:1 S:text O:1 NN:number:4.5 NS:text:more O:0 Z:0 N:3",
        "-rtmp_flashver", "FMLE/3.0 (compatible; FMSc/1.0)", "-rtmp_buffer", "100",
        "-rtmp_swfurl", "http://198.18.0.1/a.swf", "-tcp_nodelay", "1"])
    apps = [{"name": "live", "keys": [{"name": "cam", "key": "right-key-4711"}],
             "origins": ORIGIN}]
    return publish(context, "options", client, url=f"rtmp://{ADDRESS4}", apps=apps)


def test_ffmpeg_killed_and_back(context):
    return killed_and_back(context, "ffmpegkilled", h264(context, speed=2))


def test_ffmpeg_reconnects(context):
    """Its fifo muxer connects again by itself, and goes on with headers and then where it was."""
    client = h264(context, form=Ffmpeg.RECONNECT, speed=1)
    with Lab(context.build, "reconnects") as lab:
        sink = lab.start_sink()
        lab.start(OPEN)
        encoder, copy = client.start(lab, URL, "encoder")
        wait_for("some media", lambda: lab.wait_live()[0]["uptime_ms"] > 500)
        reset_connections(lab)
        check(encoder.wait(30) == 0, encoder.reason())
        sink.ended(2)
        sent, first, again = flv.tags(copy), recorded(sink), recorded(sink, 2)
        unlike = flv.difference(sent, first)
        check(unlike is None, f"before the reset: {unlike}")
        headers, before = played(sent, again, begins=lambda tag: not flv.is_header(tag))
        lab.wait_idle()
        return (f"{flv.count(first)}; then {headers} headers, {flv.count(again[headers:])}, from "
                f"message {before} on")


# ffmpeg with Enhanced RTMP


def enhanced(context, video, **options):
    return Ffmpeg(context.encoded(video, "aac"), context.ffmpeg7(), rtmp=ENHANCED, **options)


def test_ffmpeg7_h264_aac(context):
    return publish(context, "ffmpeg7", h264(context, context.ffmpeg7()))


def test_ffmpeg7_hevc_aac(context):
    return publish(context, "hevc", enhanced(context, "hevc"), ("hvc1", "mp4a"))


def test_ffmpeg7_av1_aac(context):
    return publish(context, "av1", enhanced(context, "av1"), ("av01", "mp4a"))


def test_ffmpeg7_vp9_aac(context):
    return publish(context, "vp9", enhanced(context, "vp9"), ("vp09", "mp4a"))


def test_ffmpeg7_killed_and_back(context):
    return killed_and_back(context, "ffmpeg7killed", enhanced(context, "hevc", speed=2))


# GStreamer, without and with librtmp


def gstreamer(context, sink, *properties):
    return GStreamer(context.encoded("h264", "aac", "flv"), sink, properties)


def test_rtmp2sink(context):
    return publish(context, "rtmp2sink", gstreamer(context, "rtmp2sink"))


def test_rtmp2sink_chunk_size(context):
    return publish(context, "rtmp2chunk", gstreamer(context, "rtmp2sink", "chunk-size=65536"))


def test_rtmp2sink_killed_and_back(context):
    return killed_and_back(context, "rtmp2killed", gstreamer(context, "rtmp2sink"))


def test_rtmpsink(context):
    return publish(context, "rtmpsink", gstreamer(context, "rtmpsink"))


def test_rtmpsink_flv1_mp3(context):
    client = GStreamer(context.encoded("flv1", "mp3", "flv"), "rtmpsink")
    return publish(context, "rtmpflv1", client, ("FLV1", ".mp3"))


def test_rtmpsink_extended_timestamps(context):
    """An extended delta, repeated in each chunk; unpaced, so that nobody sees it live."""
    clip = clips.late(context.encoded("h264", "aac"), 20000)
    return publish(context, "rtmpextended", Librtmp(clip), codecs=None)


def test_rtmpsink_killed_and_back(context):
    return killed_and_back(context, "rtmpkilled", gstreamer(context, "rtmpsink"))


# Players: they write down headers, and then what was published, from a keyframe on


def played(sent, got, at_end=0, begins=flv.is_keyframe):
    """Checks what comes behind headers; how many headers, how many messages were before that."""
    headers = next((i for i, tag in enumerate(got) if begins(tag)), len(got))
    check(headers < len(got), f"{len(got)} messages, no frame to begin with")
    known = {tag.body for tag in sent if flv.is_header(tag)}
    for tag in got[:headers]:
        check(tag.body in known, f"before the first frame: {flv.describe(tag)}")
    bodies = [tag.body for tag in sent]
    check(got[headers].body in bodies, f"never sent: {flv.describe(got[headers])}")
    before = bodies.index(got[headers].body)
    unlike = flv.difference(sent[before:], got[headers:])
    check(unlike is None, unlike)
    missing = len(sent) - before - len(got[headers:])
    check(missing <= at_end, f"the last {missing} messages are missing")
    return headers, before


def play(context, name, player, client=None, kept=bool, at_end=0):
    """Begins 1.3 s after the publisher, in its second GOP. `kept` says what the player keeps of
    messages; `at_end` of them it may throw away when it is told that the stream is over."""
    apps = [{**OPEN[0], "play": {"key": "watch-4711"}}]
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(apps)
        encoder, copy = (client or h264(context, speed=1)).start(lab, URL, "encoder")
        wait_for("the second GOP", lambda: lab.wait_live()[0]["uptime_ms"] > 1300)
        out = lab.dir / "played.flv"
        player = lab.spawn("player", player(f"{URL}?key=watch-4711", out), netns=lab.encoders)
        check(encoder.wait(30) == 0, encoder.reason())
        player.wait(15)
        sink.ended()
        sent, got = flv.tags(copy), flv.tags(out)
        check(got[0].kind == flv.DATA, f"no metadata first: {flv.describe(got[0])}")
        got = [tag for tag in got if kept(tag) and tag.body != SAMPLE_ACCESS]
        headers, before = played([tag for tag in sent if kept(tag)], got, at_end)
        unlike = flv.difference(sent, recorded(sink))
        check(unlike is None, f"at the origin: {unlike}")
        lab.wait_idle()
        return f"{headers} headers, then {flv.count(got[headers:])}, from message {before} on"


def without_tiny(tag):
    """librtmp throws away video messages of up to 5 bytes: the end of an AVC sequence."""
    return tag.kind != flv.VIDEO or len(tag.body) > 5


def test_play_rtmpdump(context):
    return play(context, "rtmpdump", lambda url, out: ["rtmpdump", "-V", "--live", "-r", url,
                                                       "-o", out], kept=without_tiny)


def test_play_rtmpsrc(context):
    return play(context, "rtmpsrc", lambda url, out: [
        "gst-launch-1.0", "-q", "rtmpsrc", f"location={url} live=1", "!", "filesink",
        f"location={out}"], kept=without_tiny)


def test_play_rtmp2src(context):
    return play(context, "rtmp2src", lambda url, out: [
        "gst-launch-1.0", "-q", "rtmp2src", f"location={url}", "!", "filesink", f"location={out}"],
        at_end=4)


def no_metadata(tag):
    """ffmpeg writes metadata of its own."""
    return tag.kind != flv.DATA


def copying(program):
    return lambda url, out: [program, "-nostdin", "-hide_banner", "-loglevel", "warning", "-copyts",
                             "-i", url, "-c", "copy", "-flvflags", "no_duration_filesize",
                             "-f", "flv", out]


def test_play_ffmpeg(context):
    return play(context, "ffmpeg", copying("ffmpeg"), kept=no_metadata)


def test_play_ffmpeg7_hevc(context):
    return play(context, "ffmpeg7", copying(context.ffmpeg7()),
                enhanced(context, "hevc", speed=1), kept=no_metadata)
