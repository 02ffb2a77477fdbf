"""FLV files as lists of tags (FLV specification 10.1, annex E.4), and the comparison of two."""
import collections
import pathlib

from lab import check

AUDIO, VIDEO, DATA = 8, 9, 18
KINDS = {AUDIO: "audio", VIDEO: "video", DATA: "data"}

Tag = collections.namedtuple("Tag", "kind timestamp body")


def tags(path):
    """All whole tags; the last one of a writer that was killed may be cut off."""
    data, at, found = pathlib.Path(path).read_bytes(), 13, []
    check(data[:3] == b"FLV", f"{path} is no FLV file")
    while at + 11 <= len(data):
        length = int.from_bytes(data[at + 1:at + 4], "big")
        timestamp = int.from_bytes(data[at + 7:at + 8] + data[at + 4:at + 7], "big")
        if at + 11 + length > len(data):
            break
        found.append(Tag(data[at] & 0x1F, timestamp, data[at + 11:at + 11 + length]))
        at += 11 + length + 4
    return found


def is_header(tag):
    """Metadata and sequence headers, those of AVC and AAC by their second byte."""
    if tag.kind == DATA or not tag.body:
        return tag.kind == DATA
    first = tag.body[0]
    if tag.kind == VIDEO and first & 0x80:  # Enhanced RTMP: sequence start, metadata
        return first & 0x0F in (0, 4)
    return (first & 0x0F == 7 if tag.kind == VIDEO else first >> 4 == 10) and tag.body[1] == 0


def is_keyframe(tag):
    return tag.kind == VIDEO and tag.body[:1] != b"" and tag.body[0] >> 4 & 7 == 1 \
        and not is_header(tag)


def describe(tag):
    return (f"{KINDS.get(tag.kind, tag.kind)} at {tag.timestamp} ms, {len(tag.body)} bytes "
            f"{tag.body[:12].hex()}")


def difference(sent, got, shift=0):
    """None, or a sentence about the first tag that is not what was sent `shift` ms earlier."""
    for number, (a, b) in enumerate(zip(sent, got)):
        if (a.kind, (a.timestamp + shift) % 2**32, a.body) != tuple(b):
            return f"message {number} is {describe(b)}, sent {describe(a)}"
    return None


def count(found):
    """Of people's interest: how many of each kind."""
    kinds = collections.Counter(KINDS.get(tag.kind, "other") for tag in found)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items(), reverse=True))
