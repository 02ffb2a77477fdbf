"""What bench/compare and bench/limit share: links, servers, generators, testpmd, the host's figures."""
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Children, namespaces and waiting are those of the integration tests.
sys.path.insert(0, str(ROOT / "tests/integration"))


def end(number, frame):
    """A SIGTERM (timeout(1), a service manager) ends a run as ^C does: nothing is left behind."""
    del frame
    sys.exit(128 + number)


signal.signal(signal.SIGTERM, end)
