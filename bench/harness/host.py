"""Figures of this machine: what a core did, what memory processes hold."""
import contextlib
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

from . import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
HUGEPAGE = 2 << 20
HUGEPAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
GENERATOR_BYTES = 1 << 30  # of penstock-gen, or of testpmd, over memif
SLABS = ("TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi")


def machine(**more):
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text()).group(1)
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], check=False,
                            capture_output=True, text=True).stdout.strip()
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(), "commit": commit,
            "date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0],
            "command": " ".join(["bench/" + pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]), **more}


def core_times(cpu):
    """Seconds since boot that a core was idle, and that the hypervisor gave to others.

    Niced processes are none of ours, and run when nobody else wants to: their time is as good as idle.
    """
    line = re.search(rf"^cpu{cpu} (.*)$", pathlib.Path("/proc/stat").read_text(), re.M).group(1)
    field = [int(number) / TICKS for number in line.split()]
    return field[1] + field[3] + field[4], field[7]


class Core:
    """How much of a core's time was not idle between start() and stop().

    Idle time lost, not CPU time of named processes: softirq, kernel threads and a worker that polls
    count by what they take from others. The kernel counts idle time exactly where it stops its tick.
    """

    def __init__(self, cpu):
        self.cpu = cpu

    def start(self):
        self.began = time.monotonic()
        self.idle, self.stolen = core_times(self.cpu)

    def stop(self):
        """Seconds that passed, seconds that the core was busy."""
        elapsed = time.monotonic() - self.began
        idle, stolen = core_times(self.cpu)
        stolen -= self.stolen
        busy = max(elapsed - (idle - self.idle) - stolen, 0)
        return elapsed - stolen, min(busy, elapsed - stolen)


def busy_fraction(cpu, seconds):
    core = Core(cpu)
    core.start()
    time.sleep(seconds)
    elapsed, busy = core.stop()
    return busy / elapsed


def has_hugepages():
    return (HUGEPAGES / "nr_hugepages").exists() and int((HUGEPAGES / "nr_hugepages").read_text()) > 0


def add_hugepages(count):
    """Relative to what there is: others may add theirs at the same time. Returns how many came."""
    path = HUGEPAGES / "nr_hugepages"
    before = int(path.read_text())
    path.write_text(str(before + count))
    return int(path.read_text()) - before


@contextlib.contextmanager
def hugepages(wanted):
    """So many bytes of free hugepages, as far as there is memory; what was added goes again."""
    if not HUGEPAGES.exists():
        yield
        return
    missing = -(-wanted // HUGEPAGE) - int((HUGEPAGES / "free_hugepages").read_text())
    added = add_hugepages(missing) if missing > 0 else 0
    try:
        yield
    finally:
        add_hugepages(-added)


def children(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += children(int(child))
    return found


def process_memory(pids):
    """Bytes of these processes: shared pages in proportion, hugepages once."""
    total, seen = 0, {}
    for pid in pids:
        total += rollup(pid)
        seen.update(hugepage_mappings(pid))
    return total + sum(seen.values())


def rollup(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M).group(1)) * 1024


def own_memory(pid):
    """Bytes that are the process's alone and no file's: heap, stacks."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss_Anon:\s+(\d+) kB", text, re.M).group(1)) * 1024


def hugepage_mappings(pid):
    """Bytes of populated hugepages by mapping: shared ones have the same inode in every process."""
    found = {}
    for head, body in split_smaps(pathlib.Path(f"/proc/{pid}/smaps").read_text()):
        sizes = [int(size) for size in re.findall(r"^(?:Shared|Private)_Hugetlb:\s+(\d+) kB", body,
                                                  re.M)]
        field = head.split()
        if sum(sizes) > 0:
            inode = field[4]
            key = (inode, field[2]) if inode != "0" else (pid, field[0])
            found[key] = sum(sizes) * 1024
    return found


def split_smaps(text):
    parts = re.split(r"^([0-9a-f]+-[0-9a-f]+ .*)$", text, flags=re.M)
    return zip(parts[1::2], parts[2::2])


def socket_size():
    """Bytes of kernel objects behind a TCP socket that a process polls with epoll."""
    total = 0
    for line in pathlib.Path("/proc/slabinfo").read_text().splitlines():
        field = line.split()
        if field[0] in SLABS:
            total += int(field[3])
    return total


def socket_memory(inside):
    """Bytes of the TCP connections in a namespace: their objects and what they buffer."""
    text = subprocess.run([*inside, "ss", "-tmnH"], capture_output=True, text=True,
                          check=True).stdout
    found = re.findall(r"skmem:\(r(\d+),rb\d+,t(\d+),tb\d+,f(\d+),w(\d+),o(\d+)", text)
    return len(found) * socket_size() + sum(sum(map(int, one)) for one in found)
