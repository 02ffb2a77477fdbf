"""Control can read what the dataplane shows it and write nothing but its own `sub`."""
import subprocess

from lab import Lab, check

APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]


def probe(context, user):
    with Lab(context.build, f"probe-{user}") as lab:
        lab.start(APPS, control=False)
        done = subprocess.run([str(lab.tool("attach-probe")), str(lab.run_dir), user],
                              capture_output=True, text=True, timeout=20, check=False)
        bad = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
        check(done.returncode == 0 and not bad,
              "; ".join(bad) or f"exit code {done.returncode}: {done.stderr.strip()}")
        check("reopen" in done.stdout, "the probe did not try to reopen descriptors")
        lab.start_control()  # the dataplane lives, and a control can attach after the probe


def test_writes_fail_as_control_user(context):
    probe(context, "nobody")


def test_writes_fail_as_root(context):
    probe(context, "root")


def test_other_users_may_not_attach(context):
    with Lab(context.build, "stranger") as lab:
        lab.start(APPS, control=False)
        done = subprocess.run([str(lab.tool("attach-probe")), str(lab.run_dir), "daemon"],
                              capture_output=True, text=True, timeout=20, check=False)
        check(done.returncode == 2, f"user daemon could attach: {done.stdout}")
