"""Servers that are measured: one is started on the server's core, measured, stopped.

Each has start(link, workload), stop(), processes() and memory(), and says by `carries` what it can do
beyond taking publishes in: "relay" to origins.
"""
import dataclasses
import json
import pathlib
import re
import shlex
import subprocess

from lab import Failure, wait_for

from . import host
from .link import CLIENT_CPU, ORIGIN, PORT, SERVER, SERVER_CPU

NGINX_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
MEMIF_MAC = "02:00:00:00:00:02"
CLIENT_MAC = "02:00:00:00:00:01"
# As dataplane/publish_admission.c reckons: each origin may leave so much unacknowledged.
ACK_WINDOW, SEGMENT = 256 << 10, 1448
PACKETS_MAX = 1 << 22  # of dataplane.memory.packets


@dataclasses.dataclass
class Workload:
    """What a server has to be ready for."""
    publishers: int = 10
    bitrate_kbps: int = 0  # of each; 0: as fast as they can
    gop_ms: int = 2000
    chunk_size: int = 4096
    origins: tuple = ()    # URLs
    admit_kbps: int = 0    # what Penstock promises a publisher, where it is not the bitrate


def memif(role, socket):
    """The client's address stays from one to the next: its peer has learnt it."""
    mac = f",mac={CLIENT_MAC}" if role == "client" else ""
    return f"net_memif0,role={role},id=0,socket={socket},socket-abstract=no,rsize=11{mac}"


class Server:
    name = ""
    carries = ("relay",)
    link_name = "veth"

    def __init__(self):
        self.link = None
        self.started = []

    def start(self, link, workload):
        self.link = link
        link.take_edge("kernel")
        process = link.spawn("edge", self.name, self.command(workload))
        self.started = [process]
        link.wait_listens("edge", process, SERVER, PORT)

    def command(self, workload):
        raise NotImplementedError

    def stop(self):
        self.link.stop(*self.started)
        self.started = []

    def check(self):
        for process in self.started:
            if not process.running():
                raise Failure(process.reason())

    def count_publishers(self, generator):
        return generator.connections()

    def why_refused(self):
        return ""

    def received_bytes(self):
        """On the link, so far."""
        return int(self.link.read("edge", "/sys/class/net/edge0/statistics/rx_bytes"))

    @staticmethod
    def memory_bytes(_workload):
        """Of hugepages."""
        return 0

    def processes(self):
        return [pid for process in self.started for pid in host.children(process.pid)]

    def memory(self):
        """Bytes: its processes, hugepages, and what the kernel holds for its connections."""
        return host.process_memory(self.processes()) + host.socket_memory(self.link.inside("edge"))


class Sink(Server):
    """The bare receiver: what kernel sockets cost when nobody does anything with the media."""
    name = "sink"
    carries = ()
    latency = None

    def command(self, workload):
        return sink_command(self.link, SERVER, PORT, self.latency)


def sink_command(link, address, port, latency=None):
    """`latency`: file for how long messages took. Without a report, which costs at each publish."""
    return [link.tool("penstock-sink"), "--listen", f"{address}:{port}", "--no-checksum", "--quiet",
            *(["--latency", latency] if latency else [])]


class Nginx(Server):
    """Debian's nginx with libnginx-mod-rtmp, one worker."""
    name = "nginx"

    def command(self, workload):
        root = self.link.dir / "nginx"
        root.mkdir(exist_ok=True)
        push = "".join(f"push {url};" for url in workload.origins)
        conf = root / "nginx.conf"
        conf.write_text(f"""
            load_module {NGINX_MODULE};
            user root; daemon off; worker_processes 1; worker_rlimit_nofile 200000;
            pid {root}/nginx.pid; error_log {root}/error.log crit;
            events {{ worker_connections 65536; }}
            rtmp {{
                access_log off;
                server {{
                    listen {PORT}; chunk_size 4096; max_message 8M;
                    application live {{ live on; record off; {push} }}
                }}
            }}
        """)
        return ["nginx", "-c", conf, "-p", root, "-e", root / "error.log"]


class Command(Server):
    """Any other, by a command line: {address} {port} {chunk_size} {dir} are filled in; one that has
    {origins} (RTMP URLs with blanks between) or {origin1} and {origin2} can relay."""

    def __init__(self, name, template):
        super().__init__()
        self.name = name
        self.template = template
        self.carries = ("relay",) if "{origin" in template else ()

    def command(self, workload):
        origins = [*workload.origins, "", ""]
        text = self.template.format(
            address=SERVER, port=PORT, chunk_size=workload.chunk_size, dir=self.link.dir,
            origins=" ".join(workload.origins), origin1=origins[0], origin2=origins[1])
        return shlex.split(text)


class Penstock(Server):
    """Dataplane and control; over veth as the kernel's neighbour, or over memif."""
    name = "penstock"

    def __init__(self, device="af_packet", power="adaptive", relay_cpu=SERVER_CPU, discard=None):
        super().__init__()
        self.discard = discard
        self.device = device
        self.power = power
        self.relay_cpu = relay_cpu
        if device != "af_packet":
            self.name = f"penstock-{device}"
        self.link_name = "memif" if device == "memif" else "veth"

    def start(self, link, workload):
        self.link = link
        self.run_dir = link.dir / "run"
        self.socket = link.dir / "memif.sock"
        for stale in (self.socket, self.run_dir / "dataplane.sock"):
            stale.unlink(missing_ok=True)
        link.take_edge("port")
        path = link.dir / "penstock.yaml"
        path.write_text(json.dumps(self.config(workload), indent=1) + "\n")
        dataplane = link.spawn("edge", "dataplane", [link.tool("penstock-dataplane"), "-c", path])
        self.started = [dataplane]
        wait_for("the dataplane's socket", self.opened, 120)
        if self.device == "af_xdp":
            link.thread_receive()
        self.control = link.spawn(
            "edge", "control", [link.tool("penstock-control"), "-c", path], self.relay_cpu)
        self.started.insert(0, self.control)
        wait_for("control to attach", self.attached, 20)

    def stop(self):
        """The memif PMD of DPDK 22.11 may end the dataplane when the generator goes."""
        self.link.stop(*self.started)
        self.started = []

    def config(self, workload):
        return {
            "run_dir": str(self.run_dir),
            "dataplane": {
                "cores": [SERVER_CPU], "power": self.power,
                # Falling back to ordinary pages unnoticed would measure something else.
                "hugepages": "required" if host.has_hugepages() else "off",
                "memory": self.sizes(workload),
                "admission": self.admission(workload),
                # All of them come from one address, at once.
                "per_source": {"connections": 0, "rate": 0},
                "ports": [self.port()],
                "rtmp": {"listen": [PORT], "idle_timeout_s": 600, "handshake_timeout_s": 60,
                         "publish_timeout_s": 60, "decision_timeout_ms": 10000},
                **({"listen": {"discard": self.discard}} if self.discard else {}),
            },
            "control": {"user": "nobody", "log_level": "warn"},
            "apps": [{"name": "live", "open": True, "gop_max_kib": self.gop_max_kib(workload),
                      "origins": [{"url": url} for url in workload.origins]}],
        }

    @staticmethod
    def gop_max_kib(workload):
        """As fast as they can has no GOP worth to keep: each lasts a few milliseconds."""
        return 32768 if workload.bitrate_kbps else 256

    @staticmethod
    def admission(workload):
        if workload.bitrate_kbps == 0 and workload.admit_kbps == 0:
            return {"bitrate_kbps": 16, "gop_ms": 100}
        return {"bitrate_kbps": workload.admit_kbps or workload.bitrate_kbps,
                "gop_ms": workload.gop_ms}

    @classmethod
    def sizes(cls, workload):
        """Packets for what admission promises all publishers, and the reserve of a 16th."""
        count = workload.publishers
        admission = cls.admission(workload)
        gop = admission["bitrate_kbps"] * 125 * admission["gop_ms"] // 1000
        promised = count * 2 * (gop + ACK_WINDOW) // SEGMENT * 16 // 15 + 4096
        return {"packets": min(max(promised, 65535), PACKETS_MAX),
                "connections": max(count + count // 8, 1024),
                "streams": max(count + count // 8, 1024),
                "log_blocks": max(4096, 4 * count)}

    @classmethod
    def memory_bytes(cls, workload):
        """What a dataplane for it takes at start-up, roughly (dataplane/eal.c)."""
        sizes = cls.sizes(workload)
        return ((256 << 20) + sizes["packets"] * 2560 + sizes["log_blocks"] * 4100
                + sizes["streams"] * 5568 + sizes["connections"] * 4096)

    def port(self):
        port = {"device": self.device, "addresses": [f"{SERVER}/25"], "mac": MEMIF_MAC}
        if self.device == "memif":
            port["device"] = memif("server", self.socket)
        elif self.device == "af_xdp":
            port["device"] = "net_af_xdp0,iface=edge0"
        else:
            port["name"] = "edge0"
        return port

    def opened(self):
        self.check()
        return (self.run_dir / "dataplane.sock").exists()

    def ctl(self, *words):
        done = subprocess.run([self.link.tool("penstockctl"), "-r", self.run_dir, "--json", *words],
                              capture_output=True, text=True, timeout=20, check=False)
        if done.returncode != 0:
            return None
        answer = json.loads(done.stdout)
        return answer.get(words[0], answer) if isinstance(answer, dict) else answer

    def attached(self):
        self.check()
        answer = self.ctl("status")
        return bool(answer) and answer["dataplane"]["attached"]

    def sample(self):
        """Gauges and counters of the worker."""
        return {**self.ctl("workers")[0], **self.ctl("counters")["workers"][0]["counters"]}

    def count_publishers(self, generator):
        return self.ctl("workers")[0]["publishers"]

    def received_bytes(self):
        return self.sample()["rx_bytes"]

    def why_refused(self):
        refused = {name: value for name, value in self.sample().items()
                   if re.match(r"publish_no|publish_rejected|timeout", name) and value > 0}
        return ", ".join(f"{name} {value}" for name, value in refused.items()) or "none refused"


class Origin:
    """penstock-sink in the origins' namespace, on the generator's core."""

    def __init__(self, link, number, latency=None):
        self.link = link
        self.port = 1935 + number
        self.url = f"rtmp://{ORIGIN}:{self.port}/live"
        self.process = link.spawn("origins", f"origin{number}",
                                  sink_command(link, ORIGIN, self.port, latency), CLIENT_CPU)
        link.wait_listens("origins", self.process, ORIGIN, self.port)

    def stop(self):
        self.link.stop(self.process)
