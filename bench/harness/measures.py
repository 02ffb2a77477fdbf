"""What is measured of a server: each function starts it, measures, stops it, and adds figures.

Keys are WHAT_UNIT_SERVER[_VARIANT]. Gb/s are of media, as the generator counts what it has sent; a
core's busy share is idle time lost (host.Core).
"""
import contextlib
import dataclasses
import json

from lab import Failure

from . import host, result, testpmd
from .generator import Generator
from .link import SERVER_CPU
from .server import Origin, Workload

CHUNKS = (128, 4096)
TRAIN_GBPS = (4, 6, 8, 10, 12)
BITRATES_KBPS = (2500, 6000)
FIREHOSE = 10          # publishers as fast as they can
HELD_PROBE = 100       # publishers that a first guess of the capacity is made from
HELD_LAG_US = 200_000  # messages that leave so late are not held
TRIALS = 9
HELD_BACKLOG = 0.03    # of what was sent: more of it standing in sockets is not held
RELAYED = 100          # publishers of RELAYED_KBPS, relayed
RELAYED_KBPS = 2500
RAMP = 400             # publishers a second, where they do not all come at once
LATENCY = 20           # publishers whose latency is measured


@dataclasses.dataclass
class Run:
    """How long and how thoroughly."""
    link: object
    figures: result.Figures
    seconds: float
    quick: bool
    round: int = 0


@contextlib.contextmanager
def running(run, server, workload):
    server.start(run.link, workload)
    try:
        yield server
    finally:
        server.stop()


def load(run, server, seconds, **options):
    """Generator's report, seconds, busy seconds of the server's core while the load was on."""
    gen = Generator(run.link, server, **options)
    core = host.Core(SERVER_CPU)
    if "publishers" in options:
        gen.wait_publishing(server, options["publishers"])
    else:
        gen.pass_time(server, 1)
    before = server.received_bytes()
    core.start()
    gen.pass_time(server, seconds)
    elapsed, busy = core.stop()
    wire_bytes = server.received_bytes() - before
    backlog = run.link.queued_bytes("clients") + run.link.queued_bytes("edge")
    report = gen.result()
    report["backlog_bytes"] = backlog
    report["wire_gbps"] = wire_bytes * 8 / elapsed / 1e9
    if report["refused"] or report["lost"]:
        run.figures.note(f"{server.name}: {report['refused']} publishers refused, {report['lost']} "
                         f"lost of {report['publishers']}: {report['errors']} {server.why_refused()}")
    return report, elapsed, busy


def ingest(run, server):
    """As fast as TCP goes: Gb/s reached, busy share of the core, and Gb/s that a whole core makes."""
    for chunk in CHUNKS:
        with running(run, server, Workload(FIREHOSE, chunk_size=chunk)):
            report, elapsed, busy = load(run, server, run.seconds, publishers=FIREHOSE,
                                         chunk_size=chunk)
        where = f"{server.name}_chunk{chunk}"
        run.figures.add(f"ingest_gbps_{where}", report["gbps"])
        run.figures.add(f"ingest_wire_gbps_{where}", report["wire_gbps"])
        run.figures.add(f"busy_percent_{where}", 100 * busy / elapsed)
        run.figures.add(f"gbps_per_core_{where}", report["gbps"] * elapsed / busy)
        run.figures.add(f"generator_busy_percent_{where}", report["busy_percent"])


def is_held(report, elapsed, publishers, kbps):
    """By what came through, not by the core: one that polls may be busy and have time left."""
    whole = report["gbps"] >= 0.97 * publishers * kbps / 1e6
    return (whole and not report["refused"] and not report["lost"]
            and report["send_lag_us_p99"] < HELD_LAG_US
            and report["backlog_bytes"] < HELD_BACKLOG * report["gbps"] * elapsed / 8 * 1e9)


def try_hold(run, server, publishers, kbps):
    # Not all at once: what a burst of handshakes costs is another measure.
    workload = Workload(publishers, kbps)
    wanted = server.memory_bytes(workload) + host.GENERATOR_BYTES
    with host.hugepages(wanted), running(run, server, workload):
        return load(run, server, run.seconds, publishers=publishers, bitrate=kbps,
                    ramp=RAMP)


def held(run, server):
    """Publishers of a bitrate on one core: guessed from the core's idle time; tried in round 1."""
    for kbps in BITRATES_KBPS:
        report, elapsed, busy = try_hold(run, server, HELD_PROBE, kbps)
        guess = int(HELD_PROBE * elapsed / busy)
        where = f"{server.name}_{kbps}kbps"
        run.figures.add(f"held_guess_publishers_{where}", guess)
        if run.quick or run.round > 0:
            continue
        best, reason = search_held(run, server, kbps, guess)
        run.figures.add(f"held_publishers_{where}", best)
        run.figures.note(f"{where}: no more than {best} were held: {reason or 'not tried'}")


HELD = "held"


def trial_of(run, server, publishers, kbps):
    """HELD, or why not."""
    try:
        report, elapsed, busy = try_hold(run, server, publishers, kbps)
    except Failure as error:
        run.link.stop_all()
        return str(error)
    if is_held(report, elapsed, publishers, kbps):
        return HELD
    if report["busy_percent"] > 95 and busy / elapsed < 0.9:
        return "the generator's core is busy"
    return (f"{report['refused']} refused, {report['lost']} lost, {report['gbps']:.2f} Gb/s, "
            f"{report['send_lag_us_p99'] / 1000:.0f} ms late, {report['backlog_bytes']} B waiting")


def search_held(run, server, kbps, guess):
    """Doubling what is held, then halving between what was held and what was not."""
    low, high, limit = 0, None, None
    trial = guess
    for _ in range(TRIALS):
        verdict = trial_of(run, server, trial, kbps)
        result.say(f"    {trial}: {verdict}")
        if verdict == HELD:
            low = trial
        else:
            high, limit = trial, verdict
        if high is not None and high - low <= high // 16:
            break
        trial = (low + high) // 2 if high is not None else low * 2
    return low, limit


def publishes(run, server):
    """Whole publishes a second: connect, handshake, commands, until Publish.Start, close."""
    with running(run, server, Workload(1000)):
        report, elapsed, busy = load(run, server, run.seconds, rate_publishes=True,
                                     concurrency=32)
    rate = report["publishes_per_second"]
    run.figures.add(f"publishes_per_second_{server.name}", rate)
    run.figures.add(f"publishes_per_second_per_core_{server.name}", rate * elapsed / busy)
    run.figures.add(f"publish_cpu_us_{server.name}", 1e6 * busy / elapsed / rate if rate else None)
    for rank in ("p50", "p99"):
        run.figures.add(f"publish_setup_us_{rank}_{server.name}", report[f"setup_latency_us_{rank}"])


def memory(run, server):
    """Everything that processes and kernel hold, by publishers: silent ones, and ones that send."""
    count = 200 if run.quick else 1000
    hold(run, server, "silent", count, Workload(count, 0), silent=True)
    hold(run, server, "active", count, Workload(count, RELAYED_KBPS), bitrate=RELAYED_KBPS)


def hold(run, server, kind, count, workload, **options):
    """A server that takes all of its memory at its start is given what it needs for so many."""
    with running(run, server, workload):
        gen = Generator(run.link, server, publishers=count, ramp=RAMP, **options)
        gen.wait_publishing(server, count)
        gen.pass_time(server, 1 if run.quick else 3)
        total = server.memory()
        report = gen.result()
    live = report["published"]
    if live < count:
        run.figures.note(f"{server.name}, {kind}: {live} of {count} were published")
    if live:
        run.figures.add(f"memory_kib_per_{kind}_publisher_{server.name}", total / 1024 / live)


def relay(run, server):
    """Publishers whose streams go to one origin, to two: busy seconds of the server's core by GB."""
    for count in (1, 2):
        with contextlib.ExitStack() as stack:
            origins = start_origins(run, stack, count)
            workload = Workload(RELAYED, RELAYED_KBPS, origins=tuple(o.url for o in origins))
            stack.enter_context(running(run, server, workload))
            sent = origin_side_bytes(run)
            report, elapsed, busy = load(run, server, run.seconds, publishers=RELAYED,
                                         bitrate=RELAYED_KBPS, ramp=RAMP)
            sent = origin_side_bytes(run) - sent
            received = server.received_bytes()
        where = f"{server.name}_origins{count}"
        gigabytes = report["gbps"] * elapsed / 8
        run.figures.add(f"relay_cpu_s_per_gb_{where}", busy / gigabytes)
        run.figures.add(f"relay_busy_percent_{where}", 100 * busy / elapsed)
        run.figures.add(f"relayed_percent_{where}", 100 * sent / count / received)


def origin_side_bytes(run):
    return int(run.link.read("edge", "/sys/class/net/edge1/statistics/tx_bytes"))


def start_origins(run, stack, count, latency=None):
    origins = []
    for number in range(count):
        origins.append(Origin(run.link, number + 1, latency))
        stack.callback(origins[-1].stop)
    return origins


LATENCY_RANKS = ("p50", "p99", "p999")


def latency(run, server):
    """From the time of sending in each message to its arrival at an origin behind the server.

    The bare sink stands in the server's place: what it adds is the link and the two ends.
    """
    path = run.link.dir / "latency.json"
    path.unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        origins = []
        if "relay" in server.carries:
            origins = start_origins(run, stack, 1, path)
        else:
            server.latency = path
        stack.enter_context(running(run, server, Workload(
            LATENCY, RELAYED_KBPS, origins=tuple(origin.url for origin in origins))))
        load(run, server, run.seconds, publishers=LATENCY, bitrate=RELAYED_KBPS)
    report = json.loads(path.read_text())
    if report["messages"] == 0:
        raise Failure(f"no message with a time came through {server.name}")
    for rank in LATENCY_RANKS:
        run.figures.add(f"latency_us_{rank}_{server.name}", report[f"latency_us_{rank}"])


def add_trains(run, kind):
    """The most that comes through of trains, whatever rate they are offered at."""
    for gbps in TRAIN_GBPS:
        row = testpmd.trains_over_veth(run.link, run.seconds, kind, gbps)
        run.figures.add(f"link_gbps_testpmd_rxonly_{kind}_trains_of_{gbps}_gbps", row["gbps"])


def link_alone(run, kinds):
    """What testpmd reaches on the very ports: nobody's TCP, nobody's RTMP."""
    for kind in kinds:
        row = testpmd.over_veth(run.link, run.seconds, kind)
        run.figures.add(f"link_gbps_testpmd_rxonly_{kind}", row["gbps"])
        run.figures.add(f"link_cycles_per_packet_testpmd_rxonly_{kind}", row["cycles_per_packet"])
        run.figures.add(f"link_sender_busy_percent_{kind}", row["sender_busy_percent"])
        add_trains(run, kind)
    row = testpmd.over_memif(run.link.dir, run.seconds)
    run.figures.add("link_gbps_testpmd_rxonly_memif", row["gbps"])
    run.figures.add("link_cycles_per_packet_testpmd_rxonly_memif", row["cycles_per_packet"])
