"""A lab: one network namespace with dataplane, control, origins and encoders in it.

    with Lab(build, "media") as lab:
        lab.start(apps=[...])
        ...

Everything a lab starts is stopped in reverse order, by pid, and everything it makes is removed, also
after a failure and after ^C. After a failure the logs stay and the error says where.
"""
import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ADDRESS4 = "198.18.0.2"
ADDRESS6 = "fd00:198:18::2"
PORT = 1935
TAP = "penstock0"
NGINX_MODULES = pathlib.Path("/usr/lib/nginx/modules")
CLONE_NEWNET = 0x40000000

_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What the test is about did not hold; the text is the reason that people read."""


class Skip(Exception):
    """What the test needs is not to be had here; the text says what. A test skipped is not passed."""


def check(condition, reason):
    if not condition:
        raise Failure(reason)


def equal(what, got, wanted):
    check(got == wanted, f"{what}: {got}, expected {wanted}")


def wait_for(what, predicate, timeout=10.0, interval=0.05):
    """Waits until predicate() is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {timeout:g} s for {what}")
        time.sleep(interval)


def tail(path, lines=3):
    try:
        text = pathlib.Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " | ".join(line for line in text[-lines:])


class Process:
    """A child with its output in a log (stdout in a file of its own: `out`), ended by its own pid."""

    def __init__(self, name, command, log, env=None, out=None):
        self.name = name
        self.log = log
        self.code = None
        with open(log, "ab") as text, open(out or log, "ab") as stdout:
            self.child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=stdout,
                stderr=text, start_new_session=True, env=env)
        self.pid = self.child.pid

    def running(self):
        return self.child.poll() is None

    def wait(self, timeout):
        try:
            self.code = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {timeout:g} s") from None
        return self.code

    def stop(self, timeout=10.0, how=signal.SIGTERM):
        """Asks it to end; returns its exit code, or None when it had to be killed."""
        if self.running():
            self.child.send_signal(how)
            self.child.send_signal(signal.SIGCONT)  # it may have been stopped
        try:
            self.code = self.child.wait(timeout)
            return self.code
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            return None

    def reason(self):
        return f"{self.name} ended with {self.child.returncode}: {tail(self.log)}"


class Lab:
    def __init__(self, build, name):
        self.build = pathlib.Path(build)
        self.name = name
        self.netns = f"penstock-lab-{os.getpid()}-{next(_numbers)}"
        self.encoders = self.netns  # where encoders run: beside the TAP, or at the far end of a veth
        self.processes = []
        self.dataplane = None
        self.control = None

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"penstock-lab-{self.name}-"))
        self.dir.chmod(0o755)  # control is not root
        self.run_dir = self.dir / "run"
        try:
            run(["ip", "netns", "add", self.netns])
            self.ip("link", "set", "lo", "up")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind, error, trace):
        failure = error
        try:
            self._end_all(orderly=error is None)
        except Failure as late:
            failure = failure or late
        self._remove(keep=isinstance(failure, Exception))  # not after ^C
        if isinstance(failure, Failure):
            raise Failure(f"{failure} (logs: {self.dir})") from None
        if isinstance(failure, Exception):
            raise Failure(f"{kind.__name__}: {failure} (logs: {self.dir})") from failure

    def _end_all(self, orderly):
        """Encoders first, origins last; the exit codes of our own processes count."""
        problems = []
        for process in reversed(self.processes):
            died = not process.running() and process.code is None
            code = process.stop()
            if process in (self.dataplane, self.control) and (code != 0 or died):
                problems.append(f"{process.name} {'died' if died else 'ended'} with {code}: "
                                f"{tail(process.log)}")
        self.processes.clear()
        if problems and orderly:
            raise Failure("; ".join(problems))

    def _remove(self, keep=False):
        for netns in {self.netns, self.encoders}:
            subprocess.run(["ip", "netns", "del", netns], stderr=subprocess.DEVNULL, check=False)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    # Namespace

    def inside(self, command, netns=None):
        return ["ip", "netns", "exec", netns or self.netns, *command]

    def ip(self, *arguments, netns=None):
        run(["ip", "-n", netns or self.netns, *arguments])

    def make_veth(self):
        """A second namespace for encoders, joined by a veth pair; returns the edge's interface.

        The encoders' end must not leave checksums and segmentation to hardware that is not there:
        af_packet would see the packets as they stood before it.
        """
        netns = f"{self.netns}-encoders"
        run(["ip", "netns", "add", netns])
        self.encoders = netns
        self.ip("link", "add", "edge0", "type", "veth", "peer", "name", "encoder0", "netns", netns)
        run(self.inside(["ethtool", "-K", "encoder0", "tx", "off", "tso", "off", "gso", "off"], netns))
        self.ip("link", "set", "edge0", "up")
        self.address("encoder0", netns)
        return "edge0"

    @contextlib.contextmanager
    def namespace(self, netns=None):
        """This thread's new sockets are made in the lab."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        lab = os.open(f"/run/netns/{netns or self.netns}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(lab)
            yield
        finally:
            _setns(own)
            os.close(own)
            os.close(lab)

    def connect(self, address=ADDRESS4, port=PORT, timeout=5.0):
        with self.namespace():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    # Processes

    def spawn(self, name, command, env=None, netns=None, out=None):
        process = Process(name, self.inside(command, netns), self.dir / f"{name}.log", env, out)
        self.processes.append(process)
        return process

    def wait_for(self, process, what, predicate, timeout=10.0):
        def ready():
            check(process.running(), process.reason())
            return predicate()
        return wait_for(what, ready, timeout)

    def tool(self, name):
        found = {
            "penstock-dataplane": "dataplane/penstock-dataplane",
            "penstock-control": "control/penstock-control",
            "penstockctl": "control/cli/penstockctl",
            "penstock-sink": "bench/sink/penstock-sink",
            "penstock-gen": "bench/gen/penstock-gen",
            "penstock-publish": "tests/integration/penstock-publish",
            "attach-probe": "tests/integration/attach-probe",
            "stick-thread": "tests/integration/stick-thread",
        }[name]
        path = self.build / found
        check(path.exists(), f"{path} was not built")
        return path

    def write_config(self, apps, port=None, rtmp=None, memory=None, cores=(0, 1),
                     dataplane=None, log_level="debug"):
        """The configuration of both processes (JSON is YAML)."""
        config = {
            "run_dir": str(self.run_dir),
            "dataplane": {
                "cores": list(cores),
                "ports": [{
                    "device": "tap", "name": TAP,
                    "addresses": [f"{ADDRESS4}/24", f"{ADDRESS6}/64"],
                    **(port or {}),
                }],
                "rtmp": {"listen": [PORT], **(rtmp or {})},
                # Twenty clips at once have to fit before their rates are known.
                "admission": {"bitrate_kbps": 500, "gop_ms": 1000},
                # Hundreds of encoders may come from one address, at once.
                "per_source": {"connections": 0, "rate": 0},
            },
            "control": {"user": "nobody", "log_level": log_level},
            "apps": apps,
        }
        if memory:
            config["dataplane"]["memory"] = memory
        config["dataplane"].update(dataplane or {})
        path = self.dir / "penstock.yaml"
        path.write_text(json.dumps(config, indent=2) + "\n")
        return path

    def start(self, apps, env=None, control=True, **config):
        """Dataplane, addresses on the kernel's side of the TAP, control; attached when it returns."""
        self.config = self.write_config(apps, **config)
        self.start_dataplane(env)
        if control:
            self.start_control()

    def start_dataplane(self, env=None):
        command = [self.tool("penstock-dataplane"), "-c", self.config]
        full = {**os.environ, **env} if env else None
        self.dataplane = self.spawn("dataplane", command, full)
        self.wait_for(self.dataplane, "the dataplane's socket",
                      (self.run_dir / "dataplane.sock").exists, 20)
        if self.encoders == self.netns:
            # The socket may be that of one that was killed; the interface went with it.
            self.wait_for(self.dataplane, "the TAP interface", lambda: self.has_link(TAP), 20)
        if self.encoders == self.netns:
            self.address(TAP, self.netns)

    def has_link(self, name):
        found = subprocess.run(["ip", "-n", self.netns, "link", "show", name],
                               capture_output=True, check=False)
        return found.returncode == 0

    def address(self, interface, netns):
        """The encoders' side of the link."""
        self.ip("addr", "add", "198.18.0.1/24", "dev", interface, netns=netns)
        self.ip("addr", "add", "fd00:198:18::1/64", "dev", interface, "nodad", netns=netns)
        self.ip("link", "set", interface, "up", netns=netns)

    def start_control(self):
        self.control = self.spawn_control()
        self.wait_for(self.control, "control to attach", self.attached)

    def spawn_control(self):
        return self.spawn("control", [self.tool("penstock-control"), "-c", self.config])

    def attached(self):
        answer = self.ctl("status", check_code=False)
        return bool(answer) and answer["dataplane"]["attached"]

    def start_sink(self, name="sink", port=19350, **options):
        """An embedded origin; returns a Sink."""
        return Sink(self, name, port, **options)

    def start_nginx(self, port=19360, chunk_size=4096):
        """Debian's nginx with its RTMP module, recording; returns the directory of recordings."""
        root = self.dir / "nginx"
        record = root / "rec"
        record.mkdir(parents=True)
        conf = root / "nginx.conf"
        conf.write_text(f"""
            load_module {NGINX_MODULES / 'ngx_rtmp_module.so'};
            user root; daemon off; worker_processes 1;
            pid {root}/nginx.pid; error_log {root}/error.log info;
            events {{ worker_connections 1024; }}
            rtmp {{
                access_log {root}/access.log;
                server {{
                    listen 127.0.0.1:{port};
                    chunk_size {chunk_size};
                    max_message 4M;
                    application live {{
                        live on; record all; record_path {record}; record_suffix .flv;
                    }}
                }}
            }}
        """)
        nginx = self.spawn("nginx", ["nginx", "-c", conf, "-p", root, "-e", root / "error.log"])
        self.wait_for(nginx, "nginx to listen", lambda: self.listens(port))
        return record

    def listens(self, port):
        try:
            self.connect("127.0.0.1", port, 1.0).close()
            return True
        except OSError:
            return False

    # Encoders

    def ffmpeg(self, clip, url, realtime=False, timeout=60, name="ffmpeg", wait=True):
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning",
                   *(["-re"] if realtime else []), "-i", clip, "-c", "copy", "-f", "flv", url]
        process = self.spawn(name, command, netns=self.encoders)
        if wait:
            code = process.wait(timeout)
            check(code == 0, f"ffmpeg could not publish: exit code {code}: {tail(process.log)}")
        return process

    def publish_command(self, clip, name, url=f"rtmp://{ADDRESS4}:{PORT}/live", count=1,
                        chunk_size=128, pace=False, query=None, timeout=60):
        return [self.tool("penstock-publish"), "--count", count, "--chunk-size", chunk_size,
                *(["--pace"] if pace else []), *(["--query", query] if query else []),
                "--timeout", timeout, url, name, clip]

    def publish(self, clip, name, whole=True, **options):
        """Publishes with our own publisher; returns its report, one object per stream."""
        command = self.inside(self.publish_command(clip, name, **options), self.encoders)
        done = subprocess.run([str(w) for w in command], capture_output=True, text=True,
                              timeout=options.get("timeout", 60) + 10, check=False)
        check(done.returncode in (0, 1), f"penstock-publish: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        if whole:
            for one in report:
                check(one["complete"], f"publisher {one['name']}: {one['code']} {one['text']}")
        return report

    # Operator

    def ctl(self, *words, check_code=True):
        """The JSON answer of penstockctl, without its envelope; None when control said no."""
        command = [self.tool("penstockctl"), "-r", self.run_dir, "--json", *words]
        done = subprocess.run(self.inside([str(w) for w in command]), capture_output=True,
                              text=True, timeout=20, check=False)
        if done.returncode != 0:
            check(not check_code, f"penstockctl {words[0]}: {done.stderr.strip()} {done.stdout}")
            return None
        answer = json.loads(done.stdout)
        return answer.get(words[0], answer) if isinstance(answer, dict) else answer

    def counter(self, name):
        """Sum of a dataplane counter over all workers."""
        workers = self.ctl("counters")["workers"]
        check(all(name in w["counters"] for w in workers), f"there is no counter {name}")
        return sum(w["counters"][name] for w in workers)

    def control_counter(self, name):
        return self.ctl("counters")["control"].get(name, 0)

    def wait_counter(self, name, least, timeout=10.0):
        wait_for(f"counter {name} to reach {least}", lambda: self.counter(name) >= least, timeout)

    def streams(self):
        return self.ctl("streams")

    def wait_live(self, count=1, timeout=10.0):
        def live():
            streams = [s for s in self.streams() if s["state"] == "live"]
            return streams if len(streams) >= count else None
        return wait_for(f"{count} live streams", live, timeout)

    def wait_idle(self, timeout=20.0):
        """No publisher, no stream that an origin still drains, no connection."""
        def idle():
            workers = self.ctl("workers")
            return not self.streams() and all(w["connections"] == 0 for w in workers)
        wait_for("all streams and connections to be gone", idle, timeout)

    def memory(self):
        return [(w["packets_free"], w["blocks_free"]) for w in self.ctl("workers")]


class Sink:
    """penstock-sink with its JSON and its recordings.

    `marks` is a file that its successors go on with; then there are no recordings.
    """

    def __init__(self, lab, name, port, marks=None, faults=()):
        self.lab = lab
        self.flv = lab.dir / name
        self.flv.mkdir(exist_ok=True)
        self.json = lab.dir / f"{name}.json"
        self.marks_file = marks
        self.url = f"rtmp://127.0.0.1:{port}/live"
        what = ["--check-marks", marks, "--quiet"] if marks else ["--flv-dir", self.flv]
        self.process = lab.spawn(name, [
            lab.tool("penstock-sink"), "--listen", f"127.0.0.1:{port}", "--json", self.json,
            *what, *faults])
        lab.wait_for(self.process, f"{name} to listen", lambda: lab.listens(port))

    def marks(self):
        """What it and its predecessors saw, by (name, incarnation)."""
        text = run([self.lab.tool("penstock-sink"), "--show-marks", self.marks_file])
        table = json.loads(text)
        equal("marks that found no room", table["lost"], 0)
        return {(s["name"], s["incarnation"]): s for s in table["streams"]}

    def streams(self):
        try:
            return json.loads(self.json.read_text())
        except (OSError, ValueError):
            return []

    def ended(self, count=1, timeout=20.0):
        """Waits until so many publishes ended; returns them by name."""
        def done():
            streams = self.streams()
            if any(s["ended"] == "running" for s in streams) or len(streams) < count:
                return None
            return streams
        return {s["name"]: s for s in wait_for(f"{count} recordings to end", done, timeout)}

    def pause(self):
        """The origin hangs: its sockets stay open and nobody reads them."""
        self.process.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.child.send_signal(signal.SIGCONT)

    def recording(self, name, app="live"):
        return self.flv / f"{app}_{name}.flv"


def run(command):
    done = subprocess.run([str(w) for w in command], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def json_lines(path):
    """The objects of a log of JSON lines; other lines are left out."""
    for line in pathlib.Path(path).read_text(errors="replace").splitlines():
        if re.match(r"\s*\{", line):
            with contextlib.suppress(ValueError):
                yield json.loads(line)
