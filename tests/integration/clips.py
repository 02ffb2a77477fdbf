"""Source clips, and the comparison of a recording with its source.

The comparison is ffmpeg's own: `-c copy -f framemd5` gives size, MD5 and timestamp of each
elementary packet and the MD5 of the decoder configuration, without decoding anything.
"""
import pathlib
import struct
import subprocess
import zlib

from lab import Failure, check, run, wait_for


def make(path, seconds, size="640x360", bitrate="1500k", gop=60, filler=False):
    """H.264 with B-frames and AAC; `filler` brings simple pictures up to the bit rate."""
    constant = ["-minrate", bitrate, "-x264-params", "nal-hrd=cbr"] if filler else []
    run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y",
         "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=30:duration={seconds}",
         "-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}",
         "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", gop, "-bf", "2",
         "-b:v", bitrate, "-maxrate", bitrate, "-bufsize", bitrate, *constant,
         "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv", path])
    return path


# Codecs of short clips, in containers that the encoders copy them from.
CODECS = {
    "flv1": ["-c:v", "flv", "-b:v", "400k"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast",
             "-x265-params", "log-level=error:bframes=2"],
    "av1": ["-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=2"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
    "h264": ["-c:v", "libx264", "-preset", "veryfast"],
    "aac": ["-c:a", "aac", "-b:a", "96k"],
    "mp3": ["-c:a", "libmp3lame", "-ar", "44100", "-b:a", "96k"],
}


def encode(directory, video=None, audio=None, seconds=3, file="mkv"):
    """A clip of these codecs, made once in a directory; without one of them, of the other alone."""
    path = directory / f"{video}-{audio}.{file}"
    if path.exists():
        return path
    run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y",
         *(["-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=30:duration={seconds}"]
           if video else []),
         *(["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]
           if audio else []),
         *([*CODECS[video], "-pix_fmt", "yuv420p", "-g", "30"] if video else []),
         *([*CODECS[audio], "-ac", "2"] if audio else []), path])
    return path


def late(path, seconds):
    """An FLV file with the packets of a clip, whose clock begins later."""
    out = path.with_name(f"{path.stem}-late.flv")
    run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-i", path, "-c", "copy",
         "-output_ts_offset", seconds, out])
    return out


def packets(path):
    """(configuration hashes, packets): of each kind, (ms since its first packet, size, MD5)."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-copyts", "-i", str(path),
         "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "framemd5", "-"],
        capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise Failure(f"{path}: {done.stderr.strip()}")
    extra, rows = [], {}
    for line in done.stdout.splitlines():
        if line.startswith("#extradata"):
            extra.append(line.split(",")[-1].strip())
        elif line and not line.startswith("#"):
            kind, dts, _pts, _duration, length, digest = (f.strip() for f in line.split(",")[:6])
            rows.setdefault(int(kind), []).append((int(dts), int(length), digest))
    return extra, rows


def _relative(rows):
    """Timestamps count from the first video packet, for audio too."""
    base = rows[0][0][0]
    return {kind: [(dts - base, *rest) for dts, *rest in packet] for kind, packet in rows.items()}


def _untimed(rows):
    return {kind: [rest for _dts, *rest in packet] for kind, packet in rows.items()}


def difference(source, recording, timestamps=True):
    """None, or a sentence about the first difference."""
    wanted_extra, wanted = packets(source)
    got_extra, got = packets(recording)
    if got_extra != wanted_extra:
        return f"decoder configuration differs: {got_extra}, sent {wanted_extra}"
    if set(got) != set(wanted):
        return f"kinds of packets: {sorted(got)}, sent {sorted(wanted)}"
    view = _relative if timestamps else _untimed
    got, wanted = view(got), view(wanted)
    for kind, name in ((0, "video"), (1, "audio")):
        for number, (a, b) in enumerate(zip(got[kind], wanted[kind])):
            if tuple(a) != tuple(b):
                return f"{name} packet {number} is {a}, sent {b}"
        if len(got[kind]) != len(wanted[kind]):
            return f"{len(got[kind])} {name} packets, sent {len(wanted[kind])}"
    return None


def tail_from_keyframe(source, recording, gop):
    """Checks that a recording is the end of its source, from a keyframe on; returns how many video
    packets of the source came before it."""
    extra, wanted = packets(source)
    got_extra, got = packets(recording)
    check(got_extra == extra, "decoder configuration differs")
    wanted, got = ([row[1:] for row in rows[0]] for rows in (wanted, got))
    before = len(wanted) - len(got)
    check(before >= 0 and got == wanted[before:],
          f"{recording}: {len(got)} video packets are not the last of {len(wanted)} that were sent")
    check(before % gop == 0, f"{recording} begins {before % gop} packets behind a keyframe")
    return before


def same(source, recording, timeout=10.0):
    """Checks that a recording holds the packets of its source; waits for its writer to finish."""
    last = [f"{recording} was not written"]

    def arrived():
        if recording.exists() and recording.stat().st_size > 0:
            try:
                last[0] = difference(source, recording)
            except (Failure, KeyError, ValueError) as error:
                last[0] = str(error)
        return last[0] is None

    try:
        wait_for("recording", arrived, timeout, 0.3)
    except Failure:
        check(False, f"{recording.parent.name}/{recording.name}: {last[0]}")


def crc32(path):
    """As penstock-sink reports it: over the bodies of all audio and video tags, in order."""
    data, at, crc = pathlib.Path(path).read_bytes(), 13, 0
    while at < len(data):
        kind, length = data[at] & 0x1F, struct.unpack(">I", b"\0" + data[at + 1:at + 4])[0]
        if kind in (8, 9):
            crc = zlib.crc32(data[at + 11:at + 11 + length], crc)
        at += 11 + length + 4
    return f"{crc:08x}"
