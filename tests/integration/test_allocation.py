"""After start-up no worker allocates: the real dataplane under an allocator that aborts."""
import os
import signal

import test_play
from lab import Lab, check, equal, tail

APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]


def preload(context, *modules):
    paths = [context.build / "tests" / module for module in modules]
    for path in paths:
        check(path.exists(), f"{path} was not built")
    return {"LD_PRELOAD": ":".join(map(str, paths))}


GUARD = "dataplane/libmalloc_guard.so"


def test_publish_under_the_guard(context):
    with Lab(context.build, "guard") as lab:
        sink = lab.start_sink()
        lab.start(APPS, env=preload(context, GUARD))
        sent = lab.publish(context.clip, "cam", count=10, chunk_size=4096)
        sent += lab.publish(context.small, "low", count=10)
        got = sink.ended(len(sent))
        for one in sent:
            equal(f"{one['name']} video", got[one["name"]]["video_messages"], one["video_messages"])
        lab.wait_idle()
        check(lab.dataplane.running(), lab.dataplane.reason())


def test_guard_is_armed(context):
    """A preloaded ppoll() that allocates is caught on a worker: the test above can fail."""
    with Lab(context.build, "armed") as lab:
        lab.config = lab.write_config(APPS)
        process = lab.spawn("caught", [lab.tool("penstock-dataplane"), "-c", lab.config], {
            **os.environ, **preload(context, GUARD, "integration/liballocating_poll.so")})
        equal("how the dataplane ended", process.wait(20), -signal.SIGABRT)
        check("malloc_guard: a worker called malloc" in process.log.read_text(),
              f"the guard did not say why: {tail(process.log)}")


def test_allocating_poll_alone_is_harmless(context):
    """It is the guard that ends the dataplane, not the module that provokes it."""
    with Lab(context.build, "harmless") as lab:
        sink = lab.start_sink()
        lab.start(APPS, env=preload(context, "integration/liballocating_poll.so"))
        lab.publish(context.small, "cam")
        sink.ended()
        lab.wait_idle()


def test_play_under_the_guard(context):
    test_play.watch(context, "play-guard", test_play.rtmpdump_player, env=preload(context, GUARD))
