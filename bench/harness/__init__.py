"""What bench/compare and bench/limit share: links, servers, generators, testpmd, the host's figures."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Children, namespaces and waiting are those of the integration tests.
sys.path.insert(0, str(ROOT / "tests/integration"))
