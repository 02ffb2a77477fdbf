"""penstock-gen on the generator's core: publishers over kernel sockets or over memif."""
import json
import re
import subprocess
import time

from lab import Failure

from .link import CLIENT_CPU, CLIENTS, PORT, SERVER
from .server import memif

LONGEST_S = 600  # it is ended when enough is seen
STALLED_S = 10   # publishers that do not come for so long do not come
ENOUGH = 0.9
MEMIF_ADDRESSES = ",".join(f"{address}/25" for address in CLIENTS)


class Generator:
    """Options as penstock-gen(1) has them, with _ for -: None leaves one out, True is a flag."""

    def __init__(self, link, server, **options):
        self.link = link
        self.report = link.dir / "gen.json"
        self.report.unlink(missing_ok=True)
        where = self.over_memif(link, server) if server.link_name == "memif" else self.over_veth()
        command = [link.tool("penstock-gen"), *where, "--server", f"{SERVER}:{PORT}",
                   "--app", "live", "--core", CLIENT_CPU, "--seconds", LONGEST_S,
                   "--json", self.report, *words(options)]
        self.process = link.spawn("clients", "gen", command, CLIENT_CPU)

    @staticmethod
    def over_veth():
        return ["--kernel", "--bind", ",".join(CLIENTS)]

    @staticmethod
    def over_memif(link, server):
        return ["--device", memif("client", server.socket), "--address", MEMIF_ADDRESSES]

    def running(self):
        return self.process.running()

    def connections(self):
        """Of its kernel sockets."""
        text = self.link.read("clients", "/proc/net/sockstat")
        return int(re.search(r"^TCP: inuse (\d+)", text, re.M).group(1))

    def wait_publishing(self, server, publishers):
        """Until all are there, or no more come; and a little longer for them to get going.

        Returns how many: nine of ten are enough, since one that is lost does not come again.
        """
        came, since = 0, time.monotonic()
        while came < publishers:
            self.check()
            server.check()
            count = server.count_publishers(self)
            if count > came:
                came, since = count, time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                break
            time.sleep(0.05)
        if came < ENOUGH * publishers:
            raise Failure(f"{came} of {publishers} publishers came to {server.name}: "
                          f"{server.why_refused()}")
        self.pass_time(server, 0.5)
        return came

    def check(self):
        if not self.running():
            raise Failure(f"the generator ended early: {self.process.reason()}")

    def pass_time(self, server, seconds):
        """As long as both are alive."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            server.check()
            self.check()
            time.sleep(min(0.2, max(end - time.monotonic(), 0)))

    def retransmissions(self):
        """Segments that the generator's kernel sent again."""
        out = subprocess.run([*self.link.inside("clients"), "cat", "/proc/net/snmp"],
                             capture_output=True, text=True, check=True).stdout
        names, values = [line.split() for line in out.splitlines() if line.startswith("Tcp:")]
        return int(values[names.index("RetransSegs")])

    def result(self):
        """Ends it; its report. An exit code of 1 says that publishers were refused or lost."""
        code = self.process.stop(30)
        self.link.processes.remove(self.process)
        if code not in (0, 1) or not self.report.exists():
            raise Failure(self.process.reason())
        return json.loads(self.report.read_text())


def words(options):
    for name, value in options.items():
        if value is None or value is False:
            continue
        yield "--" + name.replace("_", "-")
        if value is not True:
            yield value

