"""After start-up no worker allocates: the real dataplane under an allocator that aborts."""
from lab import Lab, check, equal

APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]


def guard(context):
    found = sorted((context.build / "tests" / "dataplane").glob("*malloc_guard*.so"))
    check(found, "the allocation guard was not built (tests/dataplane)")
    return found[0]


def test_publish_under_the_guard(context):
    with Lab(context.build, "guard") as lab:
        sink = lab.start_sink()
        lab.start(APPS, env={"LD_PRELOAD": str(guard(context))})
        sent = lab.publish(context.clip, "cam", count=10, chunk_size=4096)
        sent += lab.publish(context.small, "low", count=10)
        got = sink.ended(len(sent))
        for one in sent:
            equal(f"{one['name']} video", got[one["name"]]["video_messages"], one["video_messages"])
        lab.wait_idle()
        check(lab.dataplane.running(), lab.dataplane.reason())
