"""Real clients through the whole edge to an origin: every message arrives as the client's own muxer
made it, byte for byte, in order, at its time."""
import signal

import flv
from encoders import Ffmpeg, GStreamer
from lab import ADDRESS4, PORT, Failure, Lab, check, equal, run, wait_for

URL = f"rtmp://{ADDRESS4}/live/cam"
ORIGIN = [{"url": "rtmp://127.0.0.1:19350/live"}]
OPEN = [{"name": "live", "open": True, "origins": ORIGIN}]
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


def publish(context, name, client, codecs, url=URL, apps=None):
    """From the connection to its orderly end; returns what went through, for the line."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(apps or OPEN)
        encoder, copy = client.start(lab, url, "encoder")
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


def reset(lab, encoder):
    """The kernel resets what connections to the edge there are, then the encoder is killed."""
    encoder.child.send_signal(signal.SIGSTOP)
    run(lab.inside(["ss", "-K", "dst", ADDRESS4, "dport", f"= :{PORT}"], lab.encoders))
    encoder.stop(how=signal.SIGKILL)


def killed_and_back(context, name, client):
    """A connection reset in the middle; the next one with the same name follows at once."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(OPEN)
        first, first_copy = client.start(lab, URL, "first")
        wait_for("a second of media", lambda: lab.wait_live()[0]["uptime_ms"] > 1000)
        reset(lab, first)
        second, second_copy = client.start(lab, URL, "second")
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


def test_ffmpeg_h264_aac(context):
    return publish(context, "h264", Ffmpeg(context.small), ("avc1", "mp4a"))


def test_ffmpeg_flv1_mp3(context):
    client = Ffmpeg(context.encoded("flv1", "mp3"))
    return publish(context, "flv1", client, ("FLV1", ".mp3"))


def test_ffmpeg_video_alone(context):
    return publish(context, "video", Ffmpeg(context.encoded("h264")), ("avc1", None))


def test_ffmpeg_audio_alone(context):
    return publish(context, "audio", Ffmpeg(context.encoded(audio="aac")), (None, "mp4a"))


def test_ffmpeg_no_metadata(context):
    client = Ffmpeg(context.small, muxer=["-flvflags", "no_metadata+no_sequence_end"])
    return publish(context, "nometadata", client, ("avc1", "mp4a"))


def test_ffmpeg_extended_timestamps(context):
    """It begins 4 s before 2^24 ms: the 24 bits of a chunk header run over in the middle."""
    client = Ffmpeg(context.small, muxer=["-output_ts_offset", "16775.5"])
    return publish(context, "extended", client, ("avc1", "mp4a"))


def test_ffmpeg_rtmp_options(context):
    """Names, a key and odd values in places of their own instead of the URL."""
    client = Ffmpeg(context.small, rtmp=[
        "-rtmp_app", "live", "-rtmp_playpath", "cam?key=right-key-4711&a=b?c",
        "-rtmp_tcurl", f"rtmp://{ADDRESS4}:{PORT}/live?token=a&b=/c", "-rtmp_live", "live",
        "-rtmp_conn", "B:1 S:text O:1 NN:number:4.5 NS:text:more O:0 Z:0 N:3",
        "-rtmp_flashver", "FMLE/3.0 (compatible; FMSc/1.0)", "-rtmp_buffer", "100",
        "-rtmp_swfurl", "http://198.18.0.1/a.swf", "-tcp_nodelay", "1"])
    apps = [{"name": "live", "keys": [{"name": "cam", "key": "right-key-4711"}],
             "origins": ORIGIN}]
    return publish(context, "options", client, ("avc1", "mp4a"), f"rtmp://{ADDRESS4}", apps)


def test_ffmpeg_killed_and_back(context):
    return killed_and_back(context, "ffmpegkilled", Ffmpeg(context.small))


# ffmpeg with Enhanced RTMP


def enhanced(context, name, video, codec):
    client = Ffmpeg(context.encoded(video, "aac"), context.ffmpeg7(), rtmp=ENHANCED)
    return publish(context, name, client, (codec, "mp4a"))


def test_ffmpeg7_h264_aac(context):
    return publish(context, "ffmpeg7", Ffmpeg(context.small, context.ffmpeg7()), ("avc1", "mp4a"))


def test_ffmpeg7_hevc_aac(context):
    return enhanced(context, "hevc", "hevc", "hvc1")


def test_ffmpeg7_av1_aac(context):
    return enhanced(context, "av1", "av1", "av01")


def test_ffmpeg7_vp9_aac(context):
    return enhanced(context, "vp9", "vp9", "vp09")


def test_ffmpeg7_killed_and_back(context):
    client = Ffmpeg(context.encoded("hevc", "aac"), context.ffmpeg7(), rtmp=ENHANCED)
    return killed_and_back(context, "ffmpeg7killed", client)


# GStreamer


def test_gstreamer_rtmp2sink(context):
    return publish(context, "rtmp2sink", GStreamer(context.small, "rtmp2sink"), ("avc1", "mp4a"))


def test_gstreamer_rtmp2sink_chunk_size(context):
    client = GStreamer(context.small, "rtmp2sink", ["chunk-size=65536"])
    return publish(context, "rtmp2chunk", client, ("avc1", "mp4a"))


def test_gstreamer_rtmp2sink_killed_and_back(context):
    return killed_and_back(context, "rtmp2killed", GStreamer(context.small, "rtmp2sink"))


# librtmp


def test_librtmp_rtmpsink(context):
    return publish(context, "rtmpsink", GStreamer(context.small, "rtmpsink"), ("avc1", "mp4a"))


def test_librtmp_rtmpsink_flv1_mp3(context):
    client = GStreamer(context.encoded("flv1", "mp3", "flv"), "rtmpsink")
    return publish(context, "rtmpflv1", client, ("FLV1", ".mp3"))


def test_librtmp_rtmpsink_killed_and_back(context):
    return killed_and_back(context, "rtmpkilled", GStreamer(context.small, "rtmpsink"))
