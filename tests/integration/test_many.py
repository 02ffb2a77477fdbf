"""A hundred publishers at once over two workers."""
import clips
from lab import Lab, check, equal, wait_for

PUBLISHERS = 100
APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]
# What admission promises a publisher whose rate it does not know yet has to fit a hundred times.
ROOM = {"memory": {"packets": 65535},
        "dataplane": {"admission": {"bitrate_kbps": 500, "gop_ms": 1000}}}
KINDS = ("audio_messages", "video_messages", "data_messages")
BYTES = ("audio_bytes", "video_bytes")


def hundred(context, name, **options):
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(APPS, **ROOM)
        crc = clips.crc32(context.small)
        sent = lab.publish(context.small, "cam", count=PUBLISHERS, timeout=120, **options)
        equal("publishers", len(sent), PUBLISHERS)
        got = sink.ended(PUBLISHERS, 60)
        equal("streams at the sink", sorted(got), sorted(one["name"] for one in sent))
        for one in sent:
            for what in KINDS + BYTES:
                equal(f"{one['name']} {what}", got[one["name"]][what], one[what])
            equal(f"CRC of {one['name']}", got[one["name"]]["crc32"], crc)
            equal(f"steps back of {one['name']}", got[one["name"]]["timestamp_backward"], 0)
        counted(lab, sent)
        lab.wait_idle()


def counted(lab, sent):
    """What the dataplane counted is what was sent; both workers had a share."""
    messages = sum(one[kind] for one in sent for kind in KINDS)
    workers = lab.ctl("counters")["workers"]
    equal("workers", len(workers), 2)
    for worker in workers:
        check(worker["counters"]["publish_accepted"] > PUBLISHERS // 10,
              f"worker {worker['worker']} had {worker['counters']['publish_accepted']} publishers")
    equal("publishes accepted", lab.counter("publish_accepted"), PUBLISHERS)
    equal("messages counted", lab.counter("messages"), messages)
    equal("messages dropped", lab.counter("messages_dropped"), 0)


def test_hundred_unpaced(context):
    hundred(context, "hundred")


def test_hundred_unpaced_4096(context):
    hundred(context, "hundred4096", chunk_size=4096)


def test_hundred_paced_live_counts(context):
    """While they are live, penstockctl and the sink agree on every stream."""
    with Lab(context.build, "hundredlive") as lab:
        sink = lab.start_sink()
        lab.start(APPS, **ROOM)
        command = lab.publish_command(context.small, "cam", count=PUBLISHERS, pace=True)
        publisher = lab.spawn("publish", command)
        live = lab.wait_live(PUBLISHERS, 20)
        equal("workers in use", {s["worker"] for s in live}, {0, 1})
        equal("publishers of the workers", sum(w["publishers"] for w in lab.ctl("workers")),
              PUBLISHERS)
        check(publisher.wait(60) == 0, publisher.reason())
        got = sink.ended(PUBLISHERS, 60)
        relayed = sum(sum(s[kind] for kind in KINDS) for s in got.values())
        wait_for("the dataplane's count to equal the sink's",
                 lambda: lab.counter("messages") == relayed)
        lab.wait_idle()
