"""The commands of bench/ run through: what they say of speed is nobody's business here."""
import json
import pathlib
import shutil
import subprocess
import tempfile

from lab import check, equal

BENCH = pathlib.Path(__file__).resolve().parent.parent.parent / "bench"


def bench(name, *options, code=0):
    done = subprocess.run([str(word) for word in (BENCH / name, *options)], capture_output=True,
                          text=True, timeout=120, check=False)
    equal(f"exit code of bench/{name} ({done.stderr.strip()[-300:]})", done.returncode, code)
    return done.stdout


def measure(context, path, *options):
    bench("compare", "--quick", "--seconds", "0.5", "--build", context.build, "--json", path,
          *options)
    return json.loads(path.read_text())


def is_all_there(report, keys):
    for key in keys:
        check(report["figures"].get(key, 0) > 0, f"no {key}: {report['notes']}")


def test_compare(context):
    """Two servers, two measures, and what is made of the file."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "compare.json"
        report = measure(context, path, "--measure", "publishes", "--measure", "latency",
                         "--without", "penstock-memif")
        is_all_there(report, [f"publishes_per_second_{name}" for name in
                              ("sink", "nginx", "penstock")])
        is_all_there(report, [f"latency_us_p99_{name}" for name in ("sink", "nginx", "penstock")])
        equal("rounds", {len(values) for values in report["rounds"].values()}, {1})
        table = bench("goals", path)
        check("| publishes/s of a core to nginx-rtmp's" in table, f"no such goal in {table}")
        check("not measured" in table, "a goal was met that nobody measured")
        if shutil.which("gnuplot"):
            plots = bench("plots", path, directory).split()
            check(len(plots) > 0 and all(pathlib.Path(plot).stat().st_size > 1000 for plot in plots),
                  f"plots: {plots}")


def test_other_server(context):
    """By its command line; one that does not listen is a note, and the others go on."""
    with tempfile.TemporaryDirectory() as directory:
        sink = context.build / "bench/sink/penstock-sink"
        report = measure(
            context, pathlib.Path(directory) / "compare.json", "--measure", "publishes",
            "--without", "nginx", "--without", "penstock", "--without", "penstock-memif",
            "--server", f"mine={sink} --listen {{address}}:{{port}} --quiet",
            "--server", "broken=false")
        is_all_there(report, ["publishes_per_second_mine", "publishes_per_second_sink"])
        check(any("broken ended with 1" in note for note in report["notes"]),
              f"notes: {report['notes']}")


def test_bad_arguments(_context):
    bench("compare", "--server", "nameless", code=2)
    bench("limit", "--row", "none", code=2)
    bench("foreign", "telepathy", code=2)
