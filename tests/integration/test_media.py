"""Real encoders through the TAP port to two origins: every packet arrives as it was sent."""
import clips
from lab import ADDRESS4, ADDRESS6, Lab, check, equal, tail

SINK = "rtmp://127.0.0.1:19350/live"
NGINX = "rtmp://127.0.0.1:19360/live"
APPS = [{"name": "live", "open": True, "origins": [{"url": SINK}, {"url": NGINX}]}]


def through_two_origins(context, name, publish, host=None):
    """Runs publish(lab, url); both recordings hold the clip, or the file that publish returns."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        record = lab.start_nginx()
        lab.start(APPS)
        source = publish(lab, f"rtmp://{host or ADDRESS4}/live") or context.clip
        streams = sink.ended()
        equal("streams at the sink", list(streams), ["cam"])
        equal("timestamps that went back", streams["cam"]["timestamp_backward"], 0)
        clips.same(source, sink.recording("cam"))
        clips.same(source, record / "cam.flv")
        equal("messages that found no room", lab.counter("messages_dropped"), 0)
        lab.wait_idle()
        return streams["cam"]


def ffmpeg(lab, clip, url, realtime=False):
    lab.ffmpeg(clip, f"{url}/cam", realtime)


def test_ffmpeg_realtime(context):
    through_two_origins(context, "realtime",
                        lambda lab, url: ffmpeg(lab, context.clip, url, realtime=True))


def test_ffmpeg_unpaced(context):
    through_two_origins(context, "unpaced",
                        lambda lab, url: ffmpeg(lab, context.clip, url))


def test_ffmpeg_ipv6(context):
    through_two_origins(context, "ipv6", lambda lab, url: ffmpeg(lab, context.clip, url),
                        host=f"[{ADDRESS6}]")


def test_gstreamer_rtmp2sink(context):
    """flvmux makes timestamps of its own, so the source is what it wrote to the tee's other end."""
    def publish(lab, url):
        muxed = lab.dir / "muxed.flv"
        queue = ["queue", "max-size-time=0", "max-size-bytes=0", "max-size-buffers=0", "!"]
        gst = lab.spawn("gstreamer", [
            "gst-launch-1.0", "-q", "filesrc", f"location={context.clip}", "!",
            "flvdemux", "name=demux", "flvmux", "name=mux", "streamable=true", "!", "tee", "name=t",
            "demux.video", "!", *queue, "mux.video", "demux.audio", "!", *queue, "mux.audio",
            "t.", "!", *queue, "filesink", f"location={muxed}",
            "t.", "!", *queue, "rtmp2sink", f"location={url}/cam"])
        check(gst.wait(60) == 0, f"gst-launch: {tail(gst.log)}")
        unlike = clips.difference(context.clip, muxed, timestamps=False)
        check(unlike is None, f"flvmux changed packets: {unlike}")
        return muxed
    through_two_origins(context, "gstreamer", publish)


def publisher(context, chunk_size, pace=False):
    def publish(lab, url):
        sent.update(lab.publish(context.clip, "cam", url=url, chunk_size=chunk_size, pace=pace)[0])
    sent = {}
    got = through_two_origins(context, f"chunk{chunk_size}", publish)
    for what in ("audio_messages", "video_messages", "data_messages", "audio_bytes", "video_bytes"):
        equal(what, got[what], sent[what])


def test_chunk_size_128(context):
    publisher(context, 128)


def test_chunk_size_4096(context):
    publisher(context, 4096)


def test_chunk_size_4096_paced(context):
    publisher(context, 4096, pace=True)


def test_chunk_size_65536(context):
    publisher(context, 65536)
