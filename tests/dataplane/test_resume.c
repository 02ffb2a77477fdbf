/*
 * Control dies and the next one comes: what is kept meanwhile, what is given up, and where the next
 * one starts. Sessions as in test_session.c; the test is control.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/publish.h"
#include "publisher.h"
#include "suite.h"
#include "tcpstack/tcp.h"

static struct world w;
static struct publisher pub1;
static struct publisher pub2;
static struct reader reader;
static uint8_t payload[20000];

static void start(void)
{
	world_init(&w);
	w.memory.log_blocks = 256;
	world_open(&w);
	world_attach(&w);
}

/* Every message says which publisher sent it and its number. */
static void send_video(struct publisher *p, uint8_t mark, uint32_t number, bool key, uint32_t len)
{
	memset(payload, mark, len);
	payload[0] = key ? 0x17 : 0x27;
	payload[1] = 1;
	memcpy(payload + 5, &number, sizeof(number));
	publisher_media(p, RTMP_TYPE_VIDEO, 6, number, payload, len);
	publisher_pump(p);
}

static void send_gops(struct publisher *p, uint8_t mark, uint32_t from, uint32_t to, uint32_t gop,
		      uint32_t len)
{
	for (uint32_t i = from; i < to; i++) {
		send_video(p, mark, i, i % gop == 0, len);
	}
}

/* Reads on to the end: messages `from` to `to`, nothing between them missing. */
static void expect(uint8_t mark, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		uint32_t number;
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
		memcpy(&number, reader.payload + 5, sizeof(number));
		CU_ASSERT_EQUAL_FATAL(number, i);
		CU_ASSERT_EQUAL(reader.payload[reader.entry.length - 1], mark);
	}
	CU_ASSERT_FALSE(reader_next(&reader));
}

static uint64_t dropped(uint32_t slot)
{
	return atomic_load(&world_stream(&w, slot)->dropped_unread_messages);
}

/* Attaches and checks the seeds; the reader then stands where control would start. */
static void attach_next(uint32_t slot)
{
	world_attach(&w);
	const struct abi_stream *s = world_stream(&w, slot);
	CU_ASSERT_EQUAL(atomic_load(&w.sub->tail[slot].generation), atomic_load(&s->generation));
	CU_ASSERT_EQUAL(atomic_load(&w.sub->tail[slot].position), atomic_load(&s->reclaimed));
	CU_ASSERT_EQUAL(atomic_load(&w.sub->event_tail), atomic_load(&w.pub->event_head));
	reader_init(&reader, &w, slot);
}

/* What was released before stays released; the rest is all there, and what came meanwhile. */
static void test_nothing_missing(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 128, 1448);
	reader_init(&reader, &w, slot);
	send_gops(&pub1, 'a', 0, 20, 10, 3000);
	expect('a', 0, 20);
	/* Message 10 begins the current GOP: control keeps it. */
	reader_init(&reader, &w, slot);
	for (uint32_t i = 0; i < 10; i++) {
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
	}
	world_set_tail(&w, slot, reader.position);
	world_poll(&w);
	world_detach(&w);
	send_gops(&pub1, 'a', 20, 30, 40, 3000);
	CU_ASSERT_EQUAL(dropped(slot), 0);
	attach_next(slot);
	expect('a', 10, 30);
	world_check_memory(&w);
	publisher_close(&pub1);
	world_close(&w);
}

static struct abi_resume *resume_of(uint32_t slot)
{
	return &abi_sub_resume(w.sub, w.memory.streams)[slot];
}

static void put_position(uint32_t slot, uint32_t entry, uint64_t origin, uint64_t position)
{
	struct abi_resume *resume = resume_of(slot);

	atomic_store(&resume->generation, atomic_load(&world_stream(&w, slot)->generation));
	atomic_store(&resume->origins[entry].origin, origin);
	atomic_store(&resume->origins[entry].position, position);
}

static void expect_position(uint32_t slot, uint32_t entry, uint64_t origin, uint64_t position)
{
	const struct abi_resume *resume = resume_of(slot);

	CU_ASSERT_EQUAL(resume->generation, atomic_load(&world_stream(&w, slot)->generation));
	CU_ASSERT_EQUAL(resume->origins[entry].origin, origin);
	CU_ASSERT_EQUAL(resume->origins[entry].position, position);
}

/* From one control to the next, over one that wrote nothing; a stream that ended, too. */
static void test_positions(void)
{
	start();
	uint32_t one = publisher_go_live(&pub1, &w, "one", 128, 1448);
	uint32_t two = publisher_go_live(&pub2, &w, "two", 128, 1448);
	send_gops(&pub1, 'a', 0, 20, 10, 3000);
	send_gops(&pub2, 'b', 0, 10, 10, 3000);
	uint64_t head = atomic_load(&world_stream(&w, one)->head);
	put_position(one, 0, 11, head);
	put_position(one, 1, 12, head / 2);
	put_position(one, 2, 13, head + 1);
	put_position(two, 3, 11, 5);
	publisher_close(&pub2);
	for (int i = 0; i < 3; i++) {
		world_attach(&w);
		expect_position(one, 0, 11, head);
		expect_position(one, 1, 12, head / 2);
		expect_position(one, 2, 13, 0);
		expect_position(two, 3, 11, 5);
		expect_position(two, 0, 0, 0);
	}
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_resume_refused), 1);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_sub_refused), 0);
	publisher_close(&pub1);
	world_close(&w);
}

/* What lies below them is dropped unread: they rise with it. */
static void test_positions_rise(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	put_position(slot, 0, 11, 3);
	world_detach(&w);
	send_gops(&pub1, 'a', 0, 95, 10, 3000);
	CU_ASSERT_EQUAL(dropped(slot), 90);
	attach_next(slot);
	expect_position(slot, 0, 11, reader.position);
	CU_ASSERT_TRUE(reader.position > 3);
	publisher_close(&pub1);
	world_close(&w);
}

/* The slot's next publication: nothing of the one before, whatever stands in `sub`. */
static void test_positions_of_the_one_before(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	send_gops(&pub1, 'a', 0, 10, 10, 3000);
	put_position(slot, 0, 11, 6);
	world_attach(&w);
	publisher_close(&pub1);
	world_set_tail(&w, slot, atomic_load(&world_stream(&w, slot)->head));
	world_poll(&w);
	(void)world_expect(&w, ABI_EVENT_ENDED);
	CU_ASSERT_EQUAL_FATAL(publisher_go_live(&pub2, &w, "key", 4096, 1448), slot);
	send_gops(&pub2, 'b', 0, 10, 10, 3000);
	world_attach(&w);
	expect_position(slot, 0, 0, 0);
	publisher_close(&pub2);
	world_close(&w);
}

/* A control that released half a message and died: its successor begins at a whole one. */
static void test_tail_in_a_message(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	send_gops(&pub1, 'a', 0, 2, 1, 15000);
	world_set_tail(&w, slot, 2);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->reclaimed), 2);
	world_detach(&w);
	attach_next(slot);
	CU_ASSERT_TRUE(reader.position > 2);
	expect('a', 1, 2);
	publisher_close(&pub1);
	world_close(&w);
}

/* Beyond the promise whole GOPs go, the oldest first; the current one never does. */
static void test_oldest_gops_go(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	world_detach(&w);
	send_gops(&pub1, 'a', 0, 95, 10, 3000);
	CU_ASSERT_EQUAL(dropped(slot), 90);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped_unread), 90);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped), 0);
	attach_next(slot);
	expect('a', 90, 95);
	/* With a control nothing is dropped. */
	send_gops(&pub1, 'a', 95, 125, 10, 3000);
	expect('a', 95, 125);
	CU_ASSERT_EQUAL(dropped(slot), 90);
	publisher_close(&pub1);
	world_close(&w);
}

/* What was pinned with a control is promised, and kept without one. */
static void test_promise_is_kept(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	reader_init(&reader, &w, slot);
	send_gops(&pub1, 'a', 0, 50, 10, 3000);
	uint64_t pinned = atomic_load(&world_stream(&w, slot)->pinned_bytes);
	CU_ASSERT_TRUE(atomic_load(&world_stream(&w, slot)->reserved_bytes) >= pinned);
	for (uint32_t i = 0; i < 50; i++) {
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
	}
	world_set_tail(&w, slot, reader.position);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->pinned_bytes), 0);
	world_detach(&w);
	send_gops(&pub1, 'a', 50, 90, 10, 3000);
	CU_ASSERT_EQUAL(dropped(slot), 0);
	attach_next(slot);
	expect('a', 50, 90);
	publisher_close(&pub1);
	world_close(&w);
}

/* No keyframe ever: it may be cut anywhere, and does not grow for ever. */
static void test_audio_alone(void)
{
	static uint8_t aac[500] = {0xaf, 1};

	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	world_detach(&w);
	for (uint32_t i = 0; i < 1000; i++) {
		publisher_media(&pub1, RTMP_TYPE_AUDIO, 4, i, aac, sizeof(aac));
		publisher_pump(&pub1);
	}
	CU_ASSERT_TRUE(dropped(slot) > 900);
	attach_next(slot);
	while (reader_next(&reader)) {
	}
	CU_ASSERT_EQUAL(reader.entry.number, 999);
	CU_ASSERT_EQUAL(dropped(slot) % 32, 31);
	publisher_close(&pub1);
	world_close(&w);
}

/* Ended without a control: the next one finds all of it, if it comes in time. */
static void test_ended_is_kept(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	send_gops(&pub1, 'a', 0, 10, 10, 3000);
	world_detach(&w);
	publisher_close(&pub1);
	w.now_us += PUBLISH_LINGER_US - 1000000;
	world_poll(&w);
	attach_next(slot);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_ENDED);
	expect('a', 0, 10);
	/* It is given its own time to release it. */
	w.now_us += 2000000;
	world_poll(&w);
	CU_ASSERT_FALSE(dp_ingest_hung(w.ingest));
	world_set_tail(&w, slot, reader.position);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_FREE);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped_unread), 0);
	world_close(&w);
}

static void test_ended_is_given_up(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "key", 4096, 1448);
	send_gops(&pub1, 'a', 0, 10, 10, 3000);
	world_detach(&w);
	publisher_close(&pub1);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_ENDED);
	w.now_us += PUBLISH_LINGER_US;
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->state), ABI_STREAM_FREE);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped_unread), 10);
	world_close(&w);
}

/* Asked while control died: refused after its time; the next control may also still decide. */
static void test_pending(void)
{
	start();
	publisher_open(&pub1, &w, "one", 128, 1448);
	publisher_open(&pub2, &w, "two", 128, 1448);
	struct abi_event event = world_expect(&w, ABI_EVENT_PUBLISH);
	world_detach(&w);
	world_attach(&w);
	CU_ASSERT_EQUAL(atomic_load(&w.sub->tail[event.slot].generation), 0);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, event.slot)->state), ABI_STREAM_PENDING);
	world_command(&w, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, "public");
	world_poll(&w);
	publisher_pump(&pub1);
	CU_ASSERT_TRUE(pub1.publishing);
	world_detach(&w);
	w.now_us += 3100000;
	world_poll(&w);
	publisher_pump(&pub2);
	CU_ASSERT_TRUE(pub2.refused);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_decision), 1);
	CU_ASSERT_FALSE(pub1.conn.closed);
	publisher_close(&pub1);
	publisher_close(&pub2);
	world_close(&w);
}

static struct rte_mbuf *taken[2048];

/* Leaves `left` mbufs free. */
static uint32_t take_packets(uint32_t left)
{
	uint32_t count = rte_mempool_avail_count(w.packets.pool) - left;

	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_alloc_bulk(w.packets.pool, taken, count), 0);
	return count;
}

/* With nothing but current GOPs left, they go before messages are refused, not only then. */
static void test_current_goes_before_low(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "one", 4096, 1448);
	world_detach(&w);
	send_gops(&pub1, 'a', 0, 40, 100, 6000);
	CU_ASSERT_EQUAL(dropped(slot), 0);
	uint32_t count = take_packets(w.memory.packets / 6 - 10);
	world_poll(&w);
	world_poll(&w);
	CU_ASSERT_EQUAL(dropped(slot), 40);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped), 0);
	rte_pktmbuf_free_bulk(taken, count);
	publisher_close(&pub1);
	world_close(&w);
}

/* Shortage without a control: the longest gives first, and no more than it must. */
static void test_longest_first(void)
{
	start();
	uint32_t one = publisher_go_live(&pub1, &w, "one", 4096, 1448);
	uint32_t two = publisher_go_live(&pub2, &w, "two", 4096, 1448);
	send_gops(&pub1, 'a', 0, 75, 10, 6000);
	send_gops(&pub2, 'b', 0, 18, 10, 3000);
	world_poll(&w);
	world_detach(&w);
	CU_ASSERT_EQUAL(dropped(one) + dropped(two), 0);
	uint32_t count = take_packets(w.memory.packets / 3 - 10);
	for (int i = 0; i < 30; i++) {
		world_poll(&w);
	}
	CU_ASSERT_TRUE(dropped(one) >= 10 && dropped(one) % 10 == 0);
	CU_ASSERT_TRUE(dropped(one) < 70);
	CU_ASSERT_EQUAL(dropped(two), 0);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_gops_shed_unread) > 0);
	rte_pktmbuf_free_bulk(taken, count);
	uint32_t first = (uint32_t)dropped(one);
	attach_next(one);
	expect('a', first, 75);
	reader_init(&reader, &w, two);
	expect('b', 0, 18);
	publisher_close(&pub1);
	publisher_close(&pub2);
	world_close(&w);
}

/* Nothing but current GOPs is left: the one over its promise goes, and waits for a keyframe. */
static void test_current_gop_last(void)
{
	start();
	uint32_t slot = publisher_go_live(&pub1, &w, "one", 4096, 1448);
	world_detach(&w);
	send_gops(&pub1, 'a', 0, 9, 10, 6000);
	uint32_t count = take_packets(w.memory.packets / 8 - 10);
	for (int i = 0; i < 30; i++) {
		world_poll(&w);
	}
	CU_ASSERT_EQUAL(dropped(slot), 9);
	rte_pktmbuf_free_bulk(taken, count);
	world_poll(&w);
	world_poll(&w);
	send_gops(&pub1, 'a', 9, 15, 10, 3000);
	attach_next(slot);
	expect('a', 10, 15);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&w, slot)->dropped_messages), 1);
	publisher_close(&pub1);
	world_close(&w);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"nothing is missing", test_nothing_missing},
		{"positions of origins", test_positions},
		{"positions rise with the tail", test_positions_rise},
		{"positions of the publication before", test_positions_of_the_one_before},
		{"tail in a message", test_tail_in_a_message},
		{"oldest GOPs go", test_oldest_gops_go},
		{"promise is kept", test_promise_is_kept},
		{"audio alone", test_audio_alone},
		{"ended is kept", test_ended_is_kept},
		{"ended is given up", test_ended_is_given_up},
		{"pending", test_pending},
		{"current GOPs go before messages are refused", test_current_goes_before_low},
		{"longest first", test_longest_first},
		{"current GOP last", test_current_gop_last},
		{NULL, NULL},
	};

	world_start_eal();
	return suite_run("resume", tests);
}
