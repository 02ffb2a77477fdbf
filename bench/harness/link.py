"""Links between namespaces: generator -- server -- origins.

    clients: encoder0 198.18.0.1 ... === edge0 198.18.0.2   (server) edge1 198.18.0.129
                                                              === origin0 198.18.0.130 (origins)

Packets are as large as on a wire: no checksum, segmentation or receive offload at either end. Work of
receiving is steered to the core of whom it is done for: edge0 and edge1 to the server's, the others to
the generator's. An interface with an XDP socket receives in a kernel thread of its own instead
(threaded NAPI), which is bound to the same core, because RPS comes too late for it.
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from lab import Failure, Process, run, wait_for

SERVER_CPU, CLIENT_CPU = 0, 1
SERVER, PORT = "198.18.0.2", 1935
EDGE_ORIGIN_SIDE = "198.18.0.129"
ORIGIN = "198.18.0.130"
# Several, so that connections that come and go find a free port.
CLIENTS = ["198.18.0.1", *(f"198.18.0.{n}" for n in range(3, 11))]
OFFLOADS = ("rx", "tx", "sg", "tso", "gso", "gro", "lro")
PAIRS = (("edge", "edge0", "clients", "encoder0"), ("edge", "edge1", "origins", "origin0"))
SYSCTLS = ("net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=1024 65535",
           "net.ipv4.tcp_congestion_control=reno", "net.core.somaxconn=8192", "net.ipv4.tcp_max_syn_backlog=8192",
           "net.ipv6.conf.all.disable_ipv6=1")


class Link:
    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.names = {role: f"penstock-bench-{os.getpid()}-{role}"
                      for role in ("clients", "edge", "origins")}
        self.processes = []
        self.number = 0

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="penstock-bench-"))
        self.dir.chmod(0o755)  # control is not root
        try:
            for name in self.names.values():
                run(["ip", "netns", "add", name])
                run(["ip", "-n", name, "link", "set", "lo", "up"])
                run(["ip", "netns", "exec", name, "sysctl", "-qw", *SYSCTLS])
            for pair in PAIRS:
                self.join(*pair)
            self.address("clients", "encoder0", *CLIENTS)
            self.address("origins", "origin0", ORIGIN)
            self.address("edge", "edge1", EDGE_ORIGIN_SIDE)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.stop_all()
        self.remove(keep=isinstance(error, Exception))
        if isinstance(error, Exception):
            print(f"logs: {self.dir}", flush=True)

    def remove(self, keep=False):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def inside(self, role):
        return ["ip", "netns", "exec", self.names[role]]

    def join(self, role, interface, peer_role, peer):
        run(["ip", "-n", self.names[role], "link", "add", interface, "type", "veth", "peer", "name",
             peer, "netns", self.names[peer_role]])
        for where, name, cpu in ((role, interface, SERVER_CPU), (peer_role, peer, CLIENT_CPU)):
            run([*self.inside(where), "ethtool", "-K", name,
                 *(word for offload in OFFLOADS for word in (offload, "off"))])
            self.write(where, f"/sys/class/net/{name}/queues/rx-0/rps_cpus", f"{1 << cpu:x}")
            run(["ip", "-n", self.names[where], "link", "set", name, "up"])

    def write(self, role, path, text):
        """To a file of sysfs as the namespace sees it."""
        run([*self.inside(role), "sh", "-c", f"echo {text} >{path}"])

    def address(self, role, interface, *addresses):
        for address in addresses:
            run(["ip", "-n", self.names[role], "addr", "add", f"{address}/25", "dev", interface])

    def permanent_neighbour(self, role, interface, address, mac):
        run(["ip", "-n", self.names[role], "neigh", "replace", address, "lladdr", mac, "dev", interface])

    def forget_neighbour(self, role, interface, address):
        """`neigh flush` leaves permanent ones."""
        run(["ip", "-n", self.names[role], "neigh", "del", address, "dev", interface])

    def take_edge(self, owner):
        """Whose edge0 is: the kernel's, with its address, or a port's, without one."""
        name = self.names["edge"]
        run(["ip", "-n", name, "link", "set", "edge0", "down"])
        run(["ip", "-n", name, "addr", "flush", "dev", "edge0"])
        if owner == "kernel":
            self.address("edge", "edge0", SERVER)
        run(["ip", "-n", name, "link", "set", "edge0", "up"])
        run(["ip", "-n", self.names["clients"], "neigh", "flush", "all"])

    def thread_receive(self):
        """Once an XDP socket is open: only then has a veth NAPI, which can have threads."""
        def threaded():
            try:
                self.write("edge", "/sys/class/net/edge0/threaded", 1)
            except Failure:
                return False
            return True
        wait_for("the XDP socket", threaded, 10)
        for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if comm.read_text().startswith("napi/edge0"):
                    os.sched_setaffinity(int(comm.parent.name), {SERVER_CPU})

    def spawn(self, role, name, command, cpu=SERVER_CPU, env=None):
        self.number += 1
        process = Process(name, [*self.inside(role), "taskset", "-c", str(cpu), *command],
                          self.dir / f"{self.number:03}-{name}.log", env)
        self.processes.append(process)
        return process

    def stop(self, *processes):
        for process in processes:
            process.stop(20)
            self.processes.remove(process)

    def stop_all(self):
        self.stop(*reversed(self.processes))

    def wait_listens(self, role, process, address, port):
        def listens():
            if not process.running():
                raise Failure(process.reason())
            out = subprocess.run([*self.inside(role), "ss", "-Hltn", f"sport = :{port}"],
                                 capture_output=True, text=True, check=True).stdout
            return out.strip()
        wait_for(f"{process.name} to listen on {address}:{port}", listens, 20)

    def queued_bytes(self, role):
        """In the receive and send queues of all its TCP sockets."""
        out = run([*self.inside(role), "ss", "-tnH"])
        return sum(int(field) for line in out.splitlines() for field in line.split()[1:3])

    def read(self, role, path):
        return run([*self.inside(role), "cat", path]).strip()

    def tool(self, name):
        path = self.build / {
            "penstock-dataplane": "dataplane/penstock-dataplane",
            "penstock-control": "control/penstock-control",
            "penstockctl": "control/cli/penstockctl",
            "penstock-sink": "bench/sink/penstock-sink",
            "penstock-gen": "bench/gen/penstock-gen",
        }[name]
        if not path.exists():
            raise Failure(f"{path} was not built")
        return path


