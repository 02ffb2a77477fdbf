#!/usr/bin/env python3
"""The kill matrix: everything that may die or hang dies or hangs, under load, at random moments.

    tests/integration/kill_matrix.py [--build DIR] [--repeat N] [--seed N] [--hugepages] [CASE ...]

Fifty publishers at mixed chunk sizes send marked streams over two workers to two origins. Each case
injects its fault N times, waits until both origins have again everything that was published, and
goes on; at its end the publishers stop in order and all books are compared. Prints a table and a
last line of totals; the exit code is 0 only when every figure is what it must be.

Huge pages are looked at twice: by the kernel's count of free ones (before and after the case, and
after each fault), and by what control has mapped. The first needs the dataplane's memory in huge
pages and nobody else who uses any: without, it says that it was not measured, and --hugepages makes
a failure of that.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lab import Failure, Lab, check, json_lines, wait_for  # noqa: E402

PUBLISHERS = 50
CHUNK_SIZES = "128,4096,60000"
GOP_MS = 2000  # holds more than an origin may leave unacknowledged (256 KiB)
KBPS = 1100
PORTS = (19350, 19351)
CONTROL_TIMEOUT_MS = 1000
RESTART_S = 0.2  # RestartSec= of the systemd unit
RECOVERY_S = 30.0
APPS = [{"name": "live", "open": True,
         "origins": [{"url": f"rtmp://127.0.0.1:{port}/live"} for port in PORTS]}]
MEMORY = {"packets": 65535, "log_blocks": 8192, "streams": 256, "connections": 512}
DATAPLANE = {"control_timeout_ms": CONTROL_TIMEOUT_MS,
             "admission": {"bitrate_kbps": 1500, "gop_ms": GOP_MS}}


class Keeper(threading.Thread):
    """Starts control again 200 ms after its end, as systemd does."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab = lab
        self.ended = threading.Event()
        self.starts = 0

    def run(self):
        while not self.ended.wait(0.02):
            if not self.lab.control.running() and not self.ended.wait(RESTART_S):
                self.lab.control.stop()
                self.lab.control = self.lab.spawn_control()
                self.starts += 1

    def stop(self):
        self.ended.set()
        self.join()


class Matrix:
    """One case: a lab under load."""

    def __init__(self, lab, seed):
        self.lab = lab
        self.random = random.Random(seed)
        self.sinks = [self.start_sink(i) for i in range(2)]
        lab.start(APPS, memory=MEMORY, dataplane=DATAPLANE, log_level="info")
        self.mbufs = self.packets_free()
        self.hugepages = hugepages_of(lab.control.pid)
        self.hugepages_leaked = 0
        self.free = None  # huge pages of the kernel, once everything runs
        self.free_lost = 0
        self.keeper = Keeper(lab)
        self.keeper.start()
        self.status_file = lab.dir / "publish.json"
        self.publisher = lab.spawn("publish", [
            lab.tool("penstock-publish"), "--marks", "--count", PUBLISHERS, "--chunk-size",
            CHUNK_SIZES, "--gop", GOP_MS, "--kbps", KBPS, "--reconnect", "--status",
            self.status_file, "--timeout", 7200, "rtmp://198.18.0.2:1935/live", "cam"])
        self.wait_publishing()
        self.wait_recovered()

    def start_sink(self, index, faults=()):
        name = f"sink{index + 1}"
        return self.lab.start_sink(name, PORTS[index], marks=self.lab.dir / f"{name}.marks",
                                   faults=faults)

    def replace_sink(self, faults=(), how=signal.SIGTERM):
        self.sinks[1].process.stop(how=how)
        self.sinks[1] = self.start_sink(1, faults)

    def pause(self, least, most):
        time.sleep(self.random.uniform(least, most))

    def packets_free(self):
        return sum(free for free, _blocks in self.lab.memory())

    # What publishers sent and what origins saw

    def status(self):
        check(self.publisher.running() or self.publisher.code == 0, self.publisher.reason())
        return json.loads(self.status_file.read_text())

    def wait_publishing(self):
        def all_publish():
            return self.status_file.exists() and all(
                p["state"] == "publishing" for p in self.status())
        wait_for("every publisher to publish", all_publish, RECOVERY_S)

    def wait_recovered(self):
        """Both origins have everything that has been published until now."""
        sent = self.status()
        for sink in self.sinks:
            self.wait_has(sink, sent)
        excess = hugepages_of(self.lab.control.pid) - self.hugepages
        self.hugepages_leaked = max(self.hugepages_leaked, excess)
        if self.free is None:
            self.free = hugepages_free()
        self.free_lost = max(self.free_lost, hugepages_lost(self.free))

    def wait_has(self, sink, sent):
        def behind():
            seen = sink.marks()
            return [p["name"] for p in sent
                    if last_seen(seen, p["name"], len(p["numbers"]) - 1) < p["numbers"][-1]]
        end = time.monotonic() + RECOVERY_S
        while names := behind():
            check(time.monotonic() < end,
                  f"{sink.process.name} did not catch up within {RECOVERY_S:g} s: "
                  f"{len(names)} streams, {' '.join(names[:5])}")
            time.sleep(0.1)

    def lost(self):
        return sum(p["lost"] for p in self.status())

    # The end of a case

    def finish(self):
        """Everything ends in order; returns the figures."""
        self.keeper.stop()
        self.publisher.child.send_signal(signal.SIGTERM)
        code = self.publisher.wait(RECOVERY_S)
        self.lab.wait_idle()
        sent = json.loads(self.status_file.read_text())
        leaked = self.mbufs_leaked()
        check(self.lab.dataplane.stop() == 0, self.lab.dataplane.reason())
        figures = {"lost": sum(p["lost"] for p in sent), "code": code,
                   "mbufs": leaked + mbufs_left(self.lab), "mapped": self.hugepages_leaked,
                   "hugepages": self.free_lost if in_hugepages(self.lab) else None}
        figures.update(self.compare(sent))
        return figures

    def mbufs_leaked(self):
        end = time.monotonic() + 10
        while (leaked := self.mbufs - self.packets_free()) != 0 and time.monotonic() < end:
            time.sleep(0.2)
        return leaked

    def compare(self, sent):
        books = [sink.marks() for sink in self.sinks]
        missing = [sum(missing_of(book, p) for p in sent) for book in books]
        seen = [s for book in books for s in book.values()]
        return {
            "missing": missing[0],
            "missing_failed": missing[1],
            "repeated": max(s["repeated_max"] for s in seen),
            "gops": max(s["repeated_gops"] for s in seen),
            "backward": sum(s["backward"] for s in seen),
            "foreign": sum(s["foreign_bytes"] for s in seen),
        }


def last_seen(seen, name, incarnation):
    stream = seen.get((f"live/{name}", incarnation))
    return stream["seen"][-1][1] if stream and stream["seen"] else 0


def missing_of(book, publisher):
    """Numbers that an origin never saw. What a dead dataplane had not passed on is not counted:
    only of its last publish did the publisher learn that everything arrived."""
    missing = 0
    last = len(publisher["numbers"]) - 1
    for incarnation, count in enumerate(publisher["numbers"]):
        stream = book.get((f"live/{publisher['name']}", incarnation))
        ranges = stream["seen"] if stream else []
        if incarnation < last:
            count = ranges[-1][1] if ranges else 0
        missing += count - sum(to - since for since, to in ranges)
    return missing


def hugepages_free():
    """The kernel's count."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(re.search(r"^HugePages_Free: +(\d+)", text, re.M)[1])


def hugepages_lost(before, timeout=5.0):
    """How many there are less than before; what just died gets its time to give them back."""
    end = time.monotonic() + timeout
    while (lost := before - hugepages_free()) > 0 and time.monotonic() < end:
        time.sleep(0.05)
    return max(lost, 0)


def hugepage_users():
    """Who has huge pages mapped, by pid."""
    users = []
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            if not re.search(r"^HugetlbPages:\s+0 kB", text, re.M) and "HugetlbPages" in text:
                users.append(int(status.parent.name))
    return users


def in_hugepages(lab):
    """Whether the dataplane found huge pages for its memory, EAL's and what it shares."""
    started = [line for line in json_lines(lab.dataplane.log) if line.get("event") == "started"]
    return bool(started) and all(line["hugepages"] for line in started)


def hugepages_of(pid):
    """KiB of huge pages that a process has mapped, touched or not."""
    try:
        smaps = pathlib.Path(f"/proc/{pid}/smaps").read_text()
    except OSError:
        return 0
    sizes = re.findall(r"^Size: +(\d+) kB\nKernelPageSize: +(\d+) kB", smaps, re.M)
    return sum(int(size) for size, page in sizes if int(page) > 4)


def mbufs_left(lab):
    """What the dataplane itself found missing at its end."""
    lines = [line for line in json_lines(lab.dataplane.log) if any("leak" in k for k in line)]
    check(lines, "the dataplane said nothing of leaks at its end")
    return sum(sum(numbers(lines[-1][key])) for key in lines[-1] if "leak" in key)


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [n for one in value for n in numbers(one)]
    return [value] if isinstance(value, int) and not isinstance(value, bool) else []


# Cases: each injects its fault once and takes it away again.

def wait_new_control(matrix, old):
    def attached():
        return (matrix.lab.control is not old and matrix.lab.control.running() and
                matrix.lab.attached())
    wait_for("the next control to attach", attached, RECOVERY_S)


def control_kill(matrix):
    control = matrix.lab.control
    control.child.send_signal(signal.SIGKILL)
    wait_new_control(matrix, control)


def control_stop(matrix):
    """Stopped for longer than its heartbeat may be late: the dataplane kills it."""
    control = matrix.lab.control
    control.child.send_signal(signal.SIGSTOP)
    try:
        matrix.pause(CONTROL_TIMEOUT_MS / 1000 + 0.8, CONTROL_TIMEOUT_MS / 1000 + 1.5)
    finally:
        control.child.send_signal(signal.SIGCONT)
    wait_for("the stopped control to be killed", lambda: not control.running(), 1.0)
    wait_new_control(matrix, control)


def control_term(matrix):
    control = matrix.lab.control
    control.child.send_signal(signal.SIGTERM)
    wait_for("control to end", lambda: not control.running(), 5.0)
    check(control.child.returncode == 0, control.reason())
    wait_new_control(matrix, control)


def origin_kill(matrix):
    matrix.sinks[1].process.stop(how=signal.SIGKILL)
    matrix.pause(0.0, 1.5)
    matrix.sinks[1] = matrix.start_sink(1)


def origin_stop(matrix):
    matrix.sinks[1].pause()
    matrix.pause(0.5, 3.0)
    matrix.sinks[1].resume()


def origin_never_reads(matrix):
    matrix.replace_sink(["--never-read"])
    matrix.pause(1.0, 3.0)
    matrix.replace_sink()


def origin_resets(matrix):
    matrix.replace_sink(["--reset-after", matrix.random.randint(10_000, 500_000)])
    matrix.pause(1.0, 4.0)
    matrix.replace_sink()


def lagging_control_kill(matrix):
    """One origin is away for several GOPs when control is killed: the other one must not get them
    again for its sake."""
    matrix.sinks[1].process.stop(how=signal.SIGKILL)
    try:
        matrix.pause(2.5 * GOP_MS / 1000, 3.0 * GOP_MS / 1000)
        control_kill(matrix)
        matrix.pause(0.0, 1.5)
    finally:
        matrix.sinks[1] = matrix.start_sink(1)


def relay_stuck(matrix):
    """One relay thread of control hangs, the rest of it lives: it has to be noticed and replaced."""
    control = matrix.lab.control
    check(len(os.listdir(f"/proc/{control.pid}/task")) == 3, "control has other threads than known")
    thread = matrix.random.choice((1, 2))  # 0 is the main one; addresses need no resolver's
    stick = matrix.lab.spawn("stick", [matrix.lab.tool("stick-thread"), control.pid, thread])
    try:
        wait_for("control with a stuck relay thread to be replaced",
                 lambda: not control.running(), CONTROL_TIMEOUT_MS / 1000 + 5)
    finally:
        stick.stop()
    wait_new_control(matrix, control)


def dataplane_kill(matrix):
    before = {p["name"]: p["lost"] for p in matrix.status()}
    matrix.lab.dataplane.stop(how=signal.SIGKILL)
    wait_for("control to let go of the dead dataplane's memory",
             lambda: hugepages_of(matrix.lab.control.pid) == 0, 5.0)
    matrix.lab.start_dataplane()
    wait_for("control to attach", matrix.lab.attached, RECOVERY_S)
    # The new one answers the first segment of each old connection with RST.
    wait_for("every publisher to notice",
             lambda: all(p["lost"] > before[p["name"]] for p in matrix.status()), RECOVERY_S)
    matrix.wait_publishing()


CASES = {
    "control kill -9": control_kill,
    "control stopped": control_stop,
    "control SIGTERM": control_term,
    "origin kill -9": origin_kill,
    "origin stopped": origin_stop,
    "origin never reads": origin_never_reads,
    "origin resets": origin_resets,
    "origin lags, kill -9": lagging_control_kill,
    "relay thread stuck": relay_stuck,
    "dataplane kill -9": dataplane_kill,
}


def run_case(build, name, repeat, seed, say=lambda text: None):
    """The figures of one case; "hugepages" is None when nothing can be said of them."""
    others = hugepage_users()
    before = hugepages_free()
    figures = run_faults(build, name, repeat, seed, say)
    others += hugepage_users()
    if others:
        say(f"  {name}: processes {sorted(set(others))} use huge pages, too")
        figures["hugepages"] = None
    if figures["hugepages"] is not None:
        figures["hugepages"] = max(figures["hugepages"], hugepages_lost(before))
    return figures


def run_faults(build, name, repeat, seed, say):
    with Lab(build, "kill-" + name.replace(" ", "")) as lab:
        matrix = Matrix(lab, f"{seed} {name}")
        try:
            for i in range(repeat):
                matrix.pause(0.2, 0.2 + GOP_MS / 1000)
                began = time.monotonic()
                CASES[name](matrix)
                matrix.wait_recovered()
                say(f"  {name}: {i + 1} of {repeat}, recovered after "
                    f"{time.monotonic() - began:.1f} s, {matrix.lost()} publishers lost")
            return matrix.finish()
        finally:
            matrix.keeper.stop()


def problems(name, figures, hugepages=False):
    """What is not as it must be; `hugepages` says that they have to be measured."""
    must = {"missing": 0, "missing_failed": 0, "mbufs": 0, "mapped": 0, "foreign": 0,
            "backward": 0, "code": 0}
    if hugepages or figures["hugepages"] is not None:
        must["hugepages"] = 0
    if name != "dataplane kill -9":
        must["lost"] = 0
    found = [f"{key} is {measured(figures[key])}" for key, value in must.items() if figures[key] != value]
    if figures["gops"] > 1:
        found.append(f"{figures['gops']} whole GOPs were repeated")
    return found


def measured(value):
    return "NOT MEASURED" if value is None else value


COLUMNS = [("runs", "runs"), ("lost", "publishers lost"), ("missing", "missing, surviving"),
           ("missing_failed", "missing, failed"), ("repeated", "repeated max"),
           ("gops", "repeated GOPs"), ("mbufs", "mbufs leaked"), ("hugepages", "hugepages leaked"),
           ("mapped", "KiB still mapped"), ("foreign", "foreign bytes")]


def print_table(table):
    print("  ".join([f"{'case':20}", *(title for _key, title in COLUMNS)]))
    for name, figures in table.items():
        print("  ".join([f"{name:20}", *(f"{measured(figures.get(key, '-'))!s:>{len(title)}}"
                                         for key, title in COLUMNS)]))


def total(table, key):
    return sum(f[key] for f in table.values() if key in f)


def total_hugepages(table):
    found = [f["hugepages"] for f in table.values() if "hugepages" in f]
    return "NOT-MEASURED" if not found or None in found else sum(found)


def print_totals(table, failed):
    dropped = sum(f["lost"] for name, f in table.items()
                  if "lost" in f and name != "dataplane kill -9")
    print(f"kill-matrix: cases={len(table)} lost="
          f"{total(table, 'missing') + total(table, 'missing_failed')} repeated_gops_max="
          f"{max((f['gops'] for f in table.values() if 'gops' in f), default=0)} "
          f"publishers_dropped={dropped} mbufs_leaked={total(table, 'mbufs')} "
          f"hugepages_leaked={total_hugepages(table)} foreign_bytes={total(table, 'foreign')}" +
          (f" FAILED={failed}" if failed else ""))


def run_cases(arguments, names):
    table, failed = {}, 0
    for name in names:
        try:
            table[name] = run_case(arguments.build.resolve(), name, arguments.repeat,
                                   arguments.seed, lambda text: print(text, flush=True))
            table[name]["runs"] = arguments.repeat
            wrong = problems(name, table[name], arguments.hugepages)
        except Failure as error:
            table.setdefault(name, {"runs": arguments.repeat})
            wrong = [str(error)]
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok'} {name}{': ' if wrong else ''}{', '.join(wrong)}",
              flush=True)
    return table, failed


def end(_signal, _frame):
    raise KeyboardInterrupt


def main():
    here = pathlib.Path(__file__).resolve()
    parser = argparse.ArgumentParser(description="Penstock's kill matrix (as root)")
    parser.add_argument("--build", type=pathlib.Path, default=here.parent.parent.parent / "build")
    parser.add_argument("--repeat", type=int, default=20, help="faults of each case (20)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--hugepages", action="store_true",
                        help="fail when lost huge pages cannot be measured")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("cases", nargs="*", help="only cases that contain one of these texts")
    arguments = parser.parse_args()
    names = [n for n in CASES if not arguments.cases or any(c in n for c in arguments.cases)]
    if arguments.list or not names:
        print("\n".join(names) or "no case has such a name")
        return 0 if names else 2
    if os.geteuid() != 0:
        print("the kill matrix makes network namespaces: run it as root")
        return 2
    signal.signal(signal.SIGTERM, end)
    print(f"kill-matrix: {len(names)} cases, each {arguments.repeat} times, seed {arguments.seed}",
          flush=True)
    try:
        table, failed = run_cases(arguments, names)
    except KeyboardInterrupt:
        print("interrupted: everything that was started is ended")
        return 130
    print_table(table)
    print_totals(table, failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
