/*
 * Commands that come late: the slot they name is another publication's by then, and nothing of it
 * changes.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <string.h>

#include "publisher.h"
#include "rtmp/server.h"
#include "suite.h"

static struct world w;
static struct publisher first;
static struct publisher second;
static struct reader reader;

/* `first` has left, and `second` asked in the same slot; returns the event of `first`. */
static struct abi_event open_both(struct abi_event *of_second)
{
	struct abi_event of_first;

	world_init(&w);
	w.memory.streams = 1;
	world_open(&w);
	world_attach(&w);
	publisher_open(&first, &w, "one", 128, 1448);
	of_first = world_expect(&w, ABI_EVENT_PUBLISH);
	publisher_close(&first);
	(void)world_expect(&w, ABI_EVENT_ENDED);
	world_poll(&w);
	publisher_open(&second, &w, "two", 128, 1448);
	*of_second = world_expect(&w, ABI_EVENT_PUBLISH);
	CU_ASSERT_EQUAL_FATAL(of_second->slot, of_first.slot);
	CU_ASSERT_NOT_EQUAL_FATAL(of_second->generation, of_first.generation);
	return of_first;
}

static void close_both(void)
{
	publisher_close(&second);
	world_close(&w);
}

static void command(uint32_t type, const struct abi_event *event, uint32_t value, const char *name)
{
	world_command(&w, type, event->slot, event->generation, value, name);
	world_poll(&w);
	publisher_pump(&second);
}

/* The key of the first was good, that of the second is not known yet. */
static void test_late_accept(void)
{
	struct abi_event of_second;
	struct abi_event of_first = open_both(&of_second);
	const struct abi_stream *s = world_stream(&w, of_second.slot);

	command(ABI_COMMAND_ACCEPT, &of_first, 0, "first");
	CU_ASSERT_FALSE(second.publishing);
	CU_ASSERT_EQUAL(atomic_load(&s->state), ABI_STREAM_PENDING);
	CU_ASSERT_STRING_EQUAL(s->name, "");
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_accepted), 0);
	/* And the second one's own answer is still taken. */
	command(ABI_COMMAND_REJECT, &of_second, RTMP_REJECT_AUTH, NULL);
	CU_ASSERT_TRUE(second.refused);
	CU_ASSERT_STRING_EQUAL(second.code, "NetStream.Publish.Denied");
	close_both();
}

static void test_late_reject(void)
{
	struct abi_event of_second;
	struct abi_event of_first = open_both(&of_second);

	command(ABI_COMMAND_REJECT, &of_first, RTMP_REJECT_AUTH, NULL);
	CU_ASSERT_FALSE(second.refused);
	CU_ASSERT_FALSE(second.conn.closed);
	command(ABI_COMMAND_ACCEPT, &of_second, 0, "second");
	CU_ASSERT_TRUE(second.publishing);
	CU_ASSERT_STRING_EQUAL(world_stream(&w, of_second.slot)->name, "second");
	close_both();
}

static void test_late_kick(void)
{
	static const uint8_t video[] = {0x17, 1, 2, 3, 4, 5, 6, 7, 8};
	struct abi_event of_second;
	struct abi_event of_first = open_both(&of_second);

	command(ABI_COMMAND_ACCEPT, &of_second, 0, "second");
	CU_ASSERT_TRUE(second.publishing);
	command(ABI_COMMAND_KICK, &of_first, RTMP_REJECT_KICKED, NULL);
	CU_ASSERT_FALSE(second.conn.closed);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_kicked), 0);
	reader_init(&reader, &w, of_second.slot);
	publisher_media(&second, RTMP_TYPE_VIDEO, 6, 0, video, sizeof(video));
	publisher_pump(&second);
	CU_ASSERT_TRUE_FATAL(reader_next(&reader));
	CU_ASSERT_EQUAL(memcmp(reader.payload, video, sizeof(video)), 0);
	close_both();
}

/* What the worker asks before it sleeps; a head that nobody believes does not keep it awake. */
static void test_command_waits(void)
{
	world_init(&w);
	world_open(&w);
	CU_ASSERT_FALSE(dp_ingest_commanded(w.ingest)); /* by whom? */
	world_attach(&w);
	CU_ASSERT_FALSE(dp_ingest_commanded(w.ingest));
	world_command(&w, ABI_COMMAND_KICK, 0, 1, RTMP_REJECT_KICKED, NULL);
	CU_ASSERT_TRUE(dp_ingest_commanded(w.ingest));
	world_poll(&w);
	CU_ASSERT_FALSE(dp_ingest_commanded(w.ingest));
	atomic_store(&w.sub->command_head, ABI_COMMAND_RING + 1);
	CU_ASSERT_TRUE(dp_ingest_commanded(w.ingest)); /* full */
	atomic_store(&w.sub->command_head, ABI_COMMAND_RING + 2);
	CU_ASSERT_FALSE(dp_ingest_commanded(w.ingest));
	atomic_store(&w.sub->command_head, 0);
	CU_ASSERT_FALSE(dp_ingest_commanded(w.ingest));
	world_close(&w);
}

/* What was released of the one before is nothing of the next. */
static void test_late_tail(void)
{
	static const uint8_t video[] = {0x17, 1, 2, 3, 4, 5, 6, 7, 8};
	struct abi_event of_second;
	struct abi_event of_first = open_both(&of_second);
	const struct abi_stream *s = world_stream(&w, of_second.slot);

	command(ABI_COMMAND_ACCEPT, &of_second, 0, "second");
	publisher_media(&second, RTMP_TYPE_VIDEO, 6, 0, video, sizeof(video));
	publisher_pump(&second);
	atomic_store(&w.sub->tail[of_second.slot].generation, of_first.generation);
	atomic_store(&w.sub->tail[of_second.slot].position, atomic_load(&s->head));
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&s->reclaimed), 0);
	CU_ASSERT_TRUE(atomic_load(&s->pinned_bytes) > 0);
	world_set_tail(&w, of_second.slot, atomic_load(&s->head));
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&s->reclaimed), atomic_load(&s->head));
	close_both();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"a command that waits", test_command_waits},
		{"an accept that comes late", test_late_accept},
		{"a reject that comes late", test_late_reject},
		{"a kick that comes late", test_late_kick},
		{"a release that comes late", test_late_tail},
		{NULL, NULL},
	};

	world_start_eal();
	return suite_run("commands", tests);
}
