"""penstock-gen through the edge: every payload carries a mark, and the sink finds none amiss."""
import json
import subprocess

from lab import ADDRESS4, ADDRESS6, PORT, Lab, check, equal, wait_for

APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]
ROOM = {"memory": {"packets": 65535},
        "dataplane": {"admission": {"bitrate_kbps": 500, "gop_ms": 1000}}}


def generate(lab, *options, netns=None, timeout=60, server=f"{ADDRESS4}:{PORT}"):
    """Runs penstock-gen to its end and returns its figures."""
    command = lab.inside([str(word) for word in (
        lab.tool("penstock-gen"), "--server", server, *options, "--json", "-")], netns)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    check(done.returncode == 0 and done.stdout,
          f"penstock-gen ended with {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def whole(sink, publishers, wanted=0):
    """The marks of the streams at the sink: all from the first number on, none foreign."""
    sink.ended(publishers, 30)
    table = sink.marks()
    check(len(table) >= publishers, f"{len(table)} streams at the sink, expected {publishers}")
    for (name, _), stream in table.items():
        for what in ("foreign_bytes", "foreign_messages", "skipped", "backward", "repeated"):
            equal(f"{what} of {name}", stream[what], 0)
        equal(f"runs of numbers of {name}", len(stream["seen"]), 1)
        equal(f"first number of {name}", stream["seen"][0][0], 0)
    messages = sum(stream["messages"] + stream["headers"] for stream in table.values())
    check(messages >= wanted, f"{messages} messages at the sink, {wanted} were sent")


def test_kernel_sockets(context):
    """Paced, over both families, with the latency through the edge."""
    with Lab(context.build, "genkernel") as lab:
        latency = lab.dir / "latency.json"
        sink = lab.start_sink(marks=lab.dir / "marks", faults=("--latency", latency))
        lab.start(APPS, **ROOM)
        sent = generate(lab, "--kernel", "--publishers", 20, "--bitrate", 500, "--seconds", 3)
        equal("published", (sent["published"], sent["errors"]), (20, {}))
        more = generate(lab, "--kernel", "--publishers", 10, "--bitrate", 500, "--seconds", 2,
                        "--chunk-size", 128, "--name", "six", server=f"[{ADDRESS6}]:{PORT}")
        whole(sink, 30, sent["messages"] + more["messages"])
        rate = sent["payload_bytes"] * 8 / sent["seconds"] / 1000 / 20
        check(400 < rate < 800, f"{rate:.0f} kb/s a publisher, 500 were asked for")
        measured = json.loads(latency.read_text())
        check(measured["messages"] >= sent["messages"], f"too few latencies: {measured}")
        equal("messages without a time", (measured["untimed"], measured["early"]), (0, 0))
        check(0 < measured["latency_us_p50"] <= measured["latency_us_p99"]
              <= measured["latency_us_max"], f"latencies are not in order: {measured}")
        lab.wait_idle()


def test_churn(context):
    """Arrivals and departures; then publishes one after the other, as fast as they are answered."""
    with Lab(context.build, "genchurn") as lab:
        sink = lab.start_sink(marks=lab.dir / "marks")
        lab.start(APPS, **ROOM)
        sent = generate(lab, "--kernel", "--publishers", 20, "--bitrate", 300, "--churn", 1,
                        "--seconds", 4)
        equal("errors", sent["errors"], {})
        check(sent["publishes"] > 20, f"only {sent['publishes']} arrivals in 4 s")
        # Those that left before their first message have no marks.
        whole(sink, sent["publishes"])
        lab.wait_idle()
        rate = generate(lab, "--kernel", "--rate-publishes", "--concurrency", 4, "--seconds", 2,
                        "--name", "rate")
        equal("errors", rate["errors"], {})
        check(rate["publishes_per_second"] > 10 and rate["setup_latency_us_p50"] > 0,
              f"no rate of publishes: {rate}")
        lab.wait_idle()


def over_af_packet(context, name, *options, publishers=10):
    """Our own TCP at both ends of a veth pair, both without hugepages. Returns the figures."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink(marks=lab.dir / "marks")
        edge = lab.make_veth()
        lab.start(APPS, port={"device": "af_packet", "name": edge}, **ROOM)
        sent = generate(
            lab, "--device", "net_af_packet0,iface=encoder0", "--address", "198.18.0.7/24",
            "--core", 1, "--no-hugepages", "--publishers", publishers, "--bitrate", 500,
            "--seconds", 3, *options, netns=lab.encoders, timeout=90)
        equal("published", (sent["published"], sent["errors"]), (publishers, {}))
        whole(sink, publishers, sent["messages"])
        lab.wait_idle()
        return sent


def test_own_tcp(context):
    sent = over_af_packet(context, "gendpdk")
    equal("frames lost on purpose", sent["link_lost"], 0)


def test_impaired_link(context):
    """Marks stay whole when frames are lost, late and doubled."""
    sent = over_af_packet(context, "genloss", "--loss", 10000, "--reorder", 10000, "--duplicate",
                          10000, "--seed", 3)
    for what in ("link_lost", "link_reordered", "link_duplicated", "retransmits"):
        check(sent[what] > 0, f"{what} is 0: {sent}")


def test_slow_and_bursty(context):
    with Lab(context.build, "genslow") as lab:
        sink = lab.start_sink(marks=lab.dir / "marks")
        lab.start(APPS, **ROOM)
        generate(lab, "--kernel", "--publishers", 6, "--slow", 2, "--burst", 500, "--bitrate", 500,
                 "--seconds", 4)
        sink.ended(6, 30)
        for (name, _), stream in sink.marks().items():
            equal(f"foreign bytes of {name}", stream["foreign_bytes"], 0)
        lab.wait_idle()


def test_file(context):
    """An FLV file over and over: the clip's own pace, time without a step back."""
    with Lab(context.build, "genflv") as lab:
        sink = lab.start_sink()
        lab.start(APPS, **ROOM)
        sent = generate(lab, "--kernel", "--publishers", 3, "--flv", context.small, "--seconds", 7)
        got = sink.ended(3)
        for name, stream in got.items():
            equal(f"steps back of {name}", stream["timestamp_backward"], 0)
            check(6000 < stream["duration_ms"] < 9000, f"{name} has {stream['duration_ms']} ms")
        bytes_got = sum(stream["bytes"] for stream in got.values())
        wait_for("the bytes", lambda: bytes_got >= sent["payload_bytes"])
        lab.wait_idle()
