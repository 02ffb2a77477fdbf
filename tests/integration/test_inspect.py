"""penstockctl connections, connection and trace, beside what the kernel at the other end says."""
import json
import re
import socket
import struct
import subprocess

from lab import ADDRESS4, PORT, Lab, check, equal, wait_for

APPS = [{"name": "live", "open": True, "origins": []}]


def ctl(lab, *words):
    command = [str(lab.tool("penstockctl")), "-r", str(lab.run_dir), *words]
    done = subprocess.run(lab.inside(command), capture_output=True, text=True, timeout=30, check=False)
    check(done.returncode == 0, f"penstockctl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def connections(lab, *words):
    return [json.loads(line) for line in ctl(lab, "connections", "--json", *words).splitlines()]


def trace(lab, *words):
    return [json.loads(line) for line in ctl(lab, "trace", "--json", *words).splitlines()]


def kernel_info(lab):
    """ss -ti of the publisher's socket: names and numbers."""
    done = subprocess.run(lab.inside(["ss", "-tinH", "dst", ADDRESS4]), capture_output=True, text=True,
                          check=False)
    info = dict(re.findall(r"(\w+):([\d.,/]+)", done.stdout))
    info["text"] = done.stdout
    return info


def test_connection_as_the_kernel_sees_it(context):
    with Lab(context.build, "inspect") as lab:
        lab.start(APPS)
        lab.spawn("publish", lab.publish_command(context.clip, "cam", pace=True))
        lab.wait_live()
        idle = lab.connect()
        wait_for("both connections", lambda: len(connections(lab)) == 2)
        wait_for("a round-trip time", lambda: connections(lab, "--publisher", "live/cam")[0]["rtt_us"])
        brief = connections(lab, "--publisher", "cam")[0]
        equal("state", (brief["state"], brief["session"]), ("ESTABLISHED", "LIVE"))
        name = f"{brief['worker']}:{brief['id']}"
        full = json.loads(ctl(lab, "connection", name, "--json"))
        kernel = kernel_info(lab)
        check(f":{full['remote'].split(':')[1]} " in kernel["text"], "another connection")
        equal("local", full["local"], f"{ADDRESS4}:{PORT}")
        ours, theirs = kernel["wscale"].split(",")  # what it received, what it sent
        equal("window scales", (full["snd_wscale"], full["rcv_wscale"]), (int(theirs), int(ours)))
        equal("mss", full["mss"], int(kernel["advmss"]))
        equal("path mtu", full["path_mtu"], int(kernel["pmtu"]))
        check(full["timestamps"] and full["sack"] and full["window_scaling"], "options")
        check(0 < full["rtt_us"] < 200000, f"round-trip time {full['rtt_us']} us")
        check(full["rx_bytes"] > 10000, "nothing was received")
        check(full["rcv_wnd"] > 10000 and full["snd_wnd"] > 10000, "a window is closed")
        check(full["cwnd"] >= full["mss"], "congestion window")
        check(full["life_in_us"] > 0, "no keepalive is due")
        idle_one = [c for c in connections(lab) if c["session"] == "HANDSHAKE"]
        equal("connections that say nothing", len(idle_one), 1)
        check(not idle_one[0]["name"] and not idle_one[0]["rx_bytes"], "the idle one did something")
        table = ctl(lab, "connections", "--sort", "rx")
        check("live/cam" in table.splitlines()[1] and "2 connections" in table, table)
        check("congestion window" in ctl(lab, "connection", name), "no table for one")
        idle.close()
        wait_for("the idle one to be gone", lambda: len(connections(lab)) == 1)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def send_syn(lab, source, port):
    """A SYN in the name of somebody who is not there, so that nobody answers what it brings."""
    ends = socket.inet_aton(source) + socket.inet_aton(ADDRESS4)
    head, tail = struct.pack("!HHIIBB", port, PORT, 1, 0, 5 << 4, 2), struct.pack("!H", 0)
    pseudo = ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
    window = struct.pack("!H", 65535)
    tcp = head + window + struct.pack("!H", checksum(pseudo + head + window + tail + tail)) + tail
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 64, socket.IPPROTO_TCP, 0) + ends
    with lab.namespace():
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with sock:
        sock.sendto(ip + tcp, (ADDRESS4, 0))


def test_half_open_and_time_wait(context):
    with Lab(context.build, "records") as lab:
        lab.start(APPS)
        lab.spawn("publish", lab.publish_command(context.clip, "cam", pace=True))
        lab.wait_live()
        publisher = connections(lab)[0]["remote"]
        ctl(lab, "kick", "live/cam")  # who closes first waits
        send_syn(lab, "198.18.0.77", 4242)
        wait_for("both", lambda: len(connections(lab, "--all")) == 2)
        equal("connections", connections(lab), [])
        states = {c["state"]: c for c in connections(lab, "--all")}
        half_open, time_wait = states["SYN_RECEIVED"], states["TIME_WAIT"]
        equal("remote", half_open["remote"], "198.18.0.77:4242")
        equal("local", half_open["local"], f"{ADDRESS4}:{PORT}")
        check("id" not in half_open and half_open["age_ms"] < 60000, half_open)
        equal("publisher", time_wait["remote"], publisher)
        check(0 < time_wait["life_in_us"] < 60_000_000, time_wait)
        table = ctl(lab, "connections", "--all", "--sort", "age")
        check("TIME_WAIT" in table and "198.18.0.77:4242" in table, table)
        check("0 connections; half-open: 1, in TIME_WAIT: 1" in table, table)


def test_trace_of_a_connection(context):
    with Lab(context.build, "trace") as lab:
        lab.start(APPS)
        lab.publish(context.small, "cam")
        wait_for("its end", lambda: "closed" in [e["event"] for e in trace(lab)])
        opened = [e for e in trace(lab) if e["event"] == "opened"]
        equal("connections", len(opened), 1)
        one = opened[0]["connection"]
        name = f"{opened[0]['worker']}:{one}"
        events = trace(lab, "--connection", name)
        names = [e["event"] for e in events]
        equal("first", names[0], "opened")
        equal("peer", events[0]["address"], "198.18.0.1")
        equal("states", [e["to"] for e in events if e["event"] == "state"][:3],
              ["LISTEN", "SYN_RECEIVED", "ESTABLISHED"])
        for wanted in ("negotiated", "rx_run", "tx_ack", "tx_data", "rx_acked"):
            check(wanted in names, f"no {wanted}")
        times = [e["time_us"] for e in events]
        check(times == sorted(times), "events out of order")
        equal("connections in it", {e["connection"] for e in events}, {one})
        runs = [e for e in events if e["event"] == "rx_run"]
        equal("runs that do not begin where the one before ended", [
            b for a, b in zip(runs, runs[1:]) if (a["seq"] + a["len"]) % 2**32 != b["seq"]], [])
        check("syn_received" in {e["event"] for e in trace(lab)}, "no SYN in the whole trace")
        text = ctl(lab, "trace", "--connection", name, "--count", "3")
        equal("lines", len(text.splitlines()), 3)
        check("opened" in text and "address=198.18.0.1" in text, text)


def test_trace_is_followed(context):
    with Lab(context.build, "follow") as lab:
        lab.start(APPS)
        command = [str(lab.tool("penstockctl")), "-r", str(lab.run_dir), "trace", "--follow", "--json"]
        follower = lab.spawn("follow", command)
        lab.publish(context.small, "cam")
        def seen():
            lines = follower.log.read_text().splitlines()
            return [json.loads(line) for line in lines if line.endswith("}")]
        wait_for("the end of the connection", lambda: "closed" in [e.get("event") for e in seen()])
        events = [e for e in seen() if "event" in e]
        equal("lost", [e for e in seen() if "lost" in e], [])
        opened = [e for e in events if e["event"] == "opened"]
        equal("opened", len(opened), 1)
        runs = [e for e in events if e["event"] == "rx_run"]
        equal("runs that do not follow the one before", [
            b for a, b in zip(runs, runs[1:]) if (a["seq"] + a["len"]) % 2**32 != b["seq"]], [])
        check(follower.running(), "it ended by itself")


def test_unknown_ids_are_refused(context):
    with Lab(context.build, "ids") as lab:
        lab.start(APPS)
        for words, code in ((["connection", "0:99"], 1), (["connection", "7:1"], 1),
                            (["connection", "x"], 2), (["connections", "--sort", "x"], 2),
                            (["connections", "--worker", "9"], 1), (["trace", "--worker", "9"], 1)):
            command = [str(lab.tool("penstockctl")), "-r", str(lab.run_dir), *words]
            done = subprocess.run(lab.inside(command), capture_output=True, timeout=20, check=False)
            equal(f"exit code of {' '.join(words)}", done.returncode, code)
