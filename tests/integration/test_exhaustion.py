"""More publishers and longer GOPs than memory holds: who is admitted streams on, whole."""
import json
import signal
import time

from lab import Lab, check, equal, wait_for

PUBLISHERS = 40
GOP_MS = 10000  # 2.3 MB of packet memory each, of 14.5 MB that a worker has
SECONDS = 24
MEMORY = {"packets": 6144, "log_blocks": 1024, "streams": 64, "connections": 128}
ADMISSION = {"bitrate_kbps": 1000, "gop_ms": 1000}
PORTS = (19350, 19351)
SLACK = 600  # mbufs that move while the workers' figures, which are not of one moment, are read
PINNED = ("pinned_log_bytes", "pinned_partial_bytes", "pinned_ooo_bytes", "pinned_ring_bytes")


def apps(origins):
    return [{"name": "live", "open": True,
             "origins": [{"url": f"rtmp://127.0.0.1:{port}/live"} for port in PORTS[:origins]]}]


class Load:
    """Publishers of marked streams on a small edge, and what memory looks like meanwhile."""

    def __init__(self, lab, faults=None):
        self.lab = lab
        self.sink = lab.start_sink("sink1", PORTS[0], marks=lab.dir / "sink1.marks")
        if faults:
            lab.start_sink("sink2", PORTS[1], marks=lab.dir / "sink2.marks", faults=faults)
        lab.start(apps(2 if faults else 1), memory=MEMORY, dataplane={"admission": ADMISSION})
        idle = memory(lab)
        check(unaccounted(idle) == 0, f"{unaccounted(idle)} mbufs are nobody's before any came")
        self.free = sum(w["packets_free"] for w in idle)
        self.least_free = self.free
        self.books = 0
        self.status_file = lab.dir / "publish.json"
        self.publisher = lab.spawn("publish", [
            lab.tool("penstock-publish"), "--marks", "--count", PUBLISHERS, "--chunk-size",
            "128,4096,60000", "--gop", GOP_MS, "--kbps", 1000, "--timeout", 300, "--status",
            self.status_file, "rtmp://198.18.0.2:1935/live", "cam"])
        wait_for("every publisher to have its answer", self.answered, 20)

    def status(self):
        return json.loads(self.status_file.read_text())

    def answered(self):
        return self.status_file.exists() and all(
            p["state"] != "connecting" for p in self.status())

    def run(self, seconds, stop=True):
        """Samples memory and looks that every stream goes on; without `stop` nobody is stopped."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.numbers()
            for _ in range(8):
                self.sample()
                time.sleep(0.25)
            if stop:
                self.check_books()
            after = self.numbers()
            stalled = [name for name in before if after[name] <= before[name]]
            check(not stalled, f"publishers stall: {' '.join(stalled)}")

    def numbers(self):
        return {p["name"]: p["numbers"][-1] for p in self.status() if p["state"] == "publishing"}

    def sample(self):
        workers = memory(self.lab)
        self.least_free = min(self.least_free, sum(w["packets_free"] for w in workers))
        off = unaccounted(workers)
        check(abs(off) <= SLACK, f"{off} mbufs are nobody's")

    def check_books(self):
        """With the publishers stopped nothing moves: what is in use is somebody's, to the mbuf."""
        self.publisher.child.send_signal(signal.SIGSTOP)
        try:
            end = time.monotonic() + 2
            while (off := unaccounted(memory(self.lab))) != 0:
                check(time.monotonic() < end, f"{off:g} mbufs are nobody's, nothing moving")
                time.sleep(0.02)
        finally:
            self.publisher.child.send_signal(signal.SIGCONT)
        self.books += 1

    def finish(self):
        """Ends the publishes; what they sent."""
        self.publisher.child.send_signal(signal.SIGTERM)
        self.publisher.wait(20)
        self.lab.wait_idle(30)
        wait_for("all packets to be given back",
                 lambda: sum(w["packets_free"] for w in memory(self.lab)) == self.free)
        return self.status()


def memory(lab):
    return lab.ctl("memory")["workers"]


def unaccounted(workers):
    """Mbufs that are in use and that nobody counts as his. They travel between the workers' pools,
    so that only all of them together must agree."""
    used = sum((w["packets_total"] - w["packets_free"]) * w["truesize"] for w in workers)
    pinned = sum(w[key] for w in workers for key in PINNED)
    return (used - pinned) / workers[0]["truesize"]


def split(status):
    """(admitted, refused)"""
    refused = [p for p in status if p["refused"]]
    return [p for p in status if not p["refused"]], refused


def check_refused(lab, refused):
    check(refused, "everybody was admitted")
    for publisher in refused:
        equal(f"why {publisher['name']} was refused", publisher["code"], "NetStream.Publish.Denied")
        check(publisher["text"], "a refusal without a reason")
    equal("refusals counted", lab.counter("publish_no_memory"), len(refused))


def check_whole(sink, admitted):
    """Every message that was published came, once, and nobody else's."""
    seen = sink.marks()
    for publisher in admitted:
        name = publisher["name"]
        check(publisher["complete"] and publisher["lost"] == 0,
              f"{name} did not end in order: {publisher['code']} {publisher['text']}")
        stream = seen.get((f"live/{name}", 0))
        check(stream, f"nothing of {name} came")
        equal(f"numbers of {name}", stream["seen"], [[0, publisher["numbers"][0]]])
        equal(f"repeated messages of {name}", stream["repeated"], 0)
        equal(f"foreign bytes of {name}", stream["foreign_bytes"], 0)


def test_longer_gops_than_memory(context):
    with Lab(context.build, "exhausted") as lab:
        load = Load(lab)
        load.run(SECONDS)
        shed = lab.control_counter("relay_gop_lost")
        admitted, refused = split(load.finish())
        check(len(admitted) >= 4, f"only {len(admitted)} publishers were admitted")
        check_refused(lab, refused)
        check_whole(load.sink, admitted)
        check(shed > 0, f"no GOP was shed; at least {load.least_free} packets were free")
        equal("messages that found no room", lab.counter("messages_dropped"), 0)


def test_origin_that_never_reads(context):
    """Its backlog must not cost the other origin or a publisher anything."""
    with Lab(context.build, "hungry") as lab:
        load = Load(lab, faults=["--never-read"])
        load.run(SECONDS)
        admitted, refused = split(load.finish())
        check_refused(lab, refused)
        check_whole(load.sink, admitted)
        equal("messages that found no room", lab.counter("messages_dropped"), 0)


def test_no_control(context):
    """Nobody reads the logs for longer than memory lasts: whole GOPs go, counted; publishers stay."""
    with Lab(context.build, "orphaned") as lab:
        load = Load(lab)
        load.run(4)
        lab.control.stop(how=signal.SIGKILL)
        before = load.numbers()
        time.sleep(20)
        after = load.numbers()
        equal("publishers that go on", sorted(after), sorted(before))
        check(all(after[name] > before[name] for name in before), "publishers stall")
        lab.start_control()
        # Who lost its current GOP waits for the next keyframe. Memory is full: who was stopped would
        # catch up at once, and find no room.
        load.run(GOP_MS / 1000 + 2, stop=False)
        admitted, _refused = split(load.finish())
        check(load.books > 0, "the books were never compared")
        check(lab.counter("messages_dropped_unread") > 0, "nothing was given up")
        check_gaps(load.sink, admitted)


def check_gaps(sink, admitted):
    """One gap at most, and the stream goes on from a keyframe behind it."""
    seen = sink.marks()
    for publisher in admitted:
        name = publisher["name"]
        equal(f"publishes lost by {name}", publisher["lost"], 0)
        stream = seen[f"live/{name}", 0]
        check(len(stream["seen"]) <= 2, f"{name} has gaps: {stream['seen']}")
        equal(f"first and last number of {name}", (stream["seen"][0][0], stream["seen"][-1][1]),
              (0, publisher["numbers"][0]))
        equal(f"foreign bytes of {name}", stream["foreign_bytes"], 0)
