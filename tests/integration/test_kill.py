"""The kill matrix, each case once; tests/run kill-matrix repeats them."""
import random

import kill_matrix
from lab import Failure


def once(context, name):
    seed = random.randrange(1 << 32)
    wrong = kill_matrix.problems(name, kill_matrix.run_case(context.build, name, 1, seed))
    if wrong:
        raise Failure(f"{', '.join(wrong)} (seed {seed})")


def test_control_killed(context):
    once(context, "control kill -9")


def test_control_stopped(context):
    once(context, "control stopped")


def test_control_restarted(context):
    once(context, "control SIGTERM")


def test_origin_killed(context):
    once(context, "origin kill -9")


def test_origin_stopped(context):
    once(context, "origin stopped")


def test_origin_never_reads(context):
    once(context, "origin never reads")


def test_origin_resets(context):
    once(context, "origin resets")


def test_relay_stuck(context):
    once(context, "relay thread stuck")


def test_dataplane_killed(context):
    once(context, "dataplane kill -9")
