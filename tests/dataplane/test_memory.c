/*
 * Who gets packet memory and who pins it: admission, collapsing, the accounts.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/publish_admission.h"
#include "dataplane/publish_gops.h"
#include "publisher.h"
#include "suite.h"
#include "tcpstack/tcp.h"

#define MANY 200u

static struct world w;
static struct publisher publishers[8];
static struct reader reader;
static uint8_t payload[20000];

static void test_admission(void)
{
	const struct config_admission rate = {.bitrate_kbps = 6000, .gop_ms = 2000};
	const struct publish_admission_config config = {.rate = &rate,
							.mbufs = 16384,
							.reserve_mbufs = 2048,
							.truesize = 2368,
							.mtu = 1500};
	struct publish_admission a;
	struct publish_reservation r[64];
	uint32_t admitted = 0;

	publish_admission_init(&a, &config);
	/* (1.5 MB + 256 KiB) * 2 * 2368 / 1448 */
	CU_ASSERT_EQUAL(a.initial, (UINT64_C(1500000) + 262144) * 2 * 2368 / 1448);
	while (publish_admission_open(&a, &r[admitted], 0)) {
		admitted++;
	}
	CU_ASSERT_EQUAL(admitted, (16384 - 2048) * UINT64_C(2368) / a.initial);
	CU_ASSERT_TRUE(a.promised + a.reserve <= a.total);
	publish_admission_close(&a, &r[0]);
	CU_ASSERT_TRUE(publish_admission_open(&a, &r[0], 0));
	CU_ASSERT_FALSE(publish_admission_open(&a, &r[admitted], 0));
	for (uint32_t i = 0; i < admitted; i++) {
		publish_admission_close(&a, &r[i]);
	}
	CU_ASSERT_EQUAL(a.promised, 0);
}

/* Up at once, down when it is known; never below what is pinned. */
static void test_promise_follows(void)
{
	struct publish_admission a = {.total = 1000000, .initial = 1000};
	struct publish_reservation r;
	uint64_t now_us = 1;

	CU_ASSERT_TRUE(publish_admission_open(&a, &r, now_us));
	publish_admission_measure(&a, &r, 5000, 200, true, now_us);
	CU_ASSERT_EQUAL(r.bytes, 5200);
	publish_admission_measure(&a, &r, 10, 200, true, now_us);
	CU_ASSERT_EQUAL(r.bytes, 5200);
	for (int i = 0; i < 3; i++) {
		now_us += 5000000;
		publish_admission_measure(&a, &r, 10, 200, true, now_us);
	}
	CU_ASSERT_EQUAL(r.bytes, 210);
	CU_ASSERT_EQUAL(a.promised, 210);
	/* Unread it grows to its promise: which stands. */
	for (int i = 0; i < 10; i++) {
		now_us += 5000000;
		publish_admission_measure(&a, &r, 210, 200, false, now_us);
	}
	CU_ASSERT_EQUAL(r.bytes, 210);
	/* One whose GOP is not known keeps the initial promise. */
	struct publish_reservation silent;
	CU_ASSERT_TRUE(publish_admission_open(&a, &silent, now_us));
	for (int i = 0; i < 3; i++) {
		now_us += 5000000;
		publish_admission_measure(&a, &silent, 0, 0, true, now_us);
	}
	CU_ASSERT_EQUAL(silent.bytes, 1000);
}

static void test_gops(void)
{
	struct publish_gops g;

	publish_gops_clear(&g);
	CU_ASSERT_EQUAL(publish_gops_next(&g, 0), PUBLISH_GOP_NONE);
	for (uint64_t i = 0; i < 100; i++) {
		publish_gops_note(&g, i * 10, i, i * 1000, i % 10 == 0, true);
	}
	CU_ASSERT_EQUAL(publish_gops_next(&g, 0), 100);
	CU_ASSERT_EQUAL(publish_gops_next(&g, 99), 100);
	CU_ASSERT_EQUAL(publish_gops_next(&g, 100), 200);
	CU_ASSERT_EQUAL(publish_gops_next(&g, 899), 900);
	CU_ASSERT_EQUAL(publish_gops_next(&g, 900), PUBLISH_GOP_NONE);
	CU_ASSERT_EQUAL(g.longest, 10000);
	/* More than it can hold: still whole GOPs, and the last one is there. */
	for (uint64_t i = 100; i < 1000; i++) {
		publish_gops_note(&g, i * 10, i, i * 1000, i % 10 == 0, true);
	}
	uint64_t last = 0;
	for (uint64_t at = 0; (at = publish_gops_next(&g, at)) != PUBLISH_GOP_NONE;) {
		CU_ASSERT_EQUAL(at % 100, 0);
		CU_ASSERT_TRUE(at > last);
		last = at;
	}
	CU_ASSERT_EQUAL(last, 9900);
}

static uint32_t open_all(const char *name, uint32_t count)
{
	uint32_t admitted = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct abi_event event;

		publisher_open(&publishers[i], &w, name, 4096, 1448);
		if (world_event(&w, &event)) {
			admitted++;
			continue;
		}
		publisher_pump(&publishers[i]);
		CU_ASSERT_TRUE(publishers[i].refused);
		CU_ASSERT_STRING_EQUAL(publishers[i].code, "NetStream.Publish.Denied");
	}
	return admitted;
}

/* More publishers than memory: the rest is refused with a reason, and gets in when one goes. */
static void test_refused(void)
{
	world_init(&w);
	w.admission = (struct config_admission){.bitrate_kbps = 100, .gop_ms = 1000};
	w.memory.streams = 8;
	world_open(&w);
	world_attach(&w);
	uint32_t admitted = open_all("key", 7);
	CU_ASSERT_EQUAL(admitted, 5);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_no_memory), 2);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_no_slot), 0);
	world_check_memory(&w);
	CU_ASSERT_TRUE(atomic_load(&w.pub->reserved_bytes) > 0);
	publisher_close(&publishers[0]);
	struct abi_event event;
	(void)world_event(&w, &event);
	publisher_close(&publishers[6]);
	world_poll(&w);
	publisher_open(&publishers[6], &w, "key", 4096, 1448);
	CU_ASSERT_FALSE(publishers[6].refused);
	for (uint32_t i = 1; i < 7; i++) {
		publisher_close(&publishers[i]);
	}
	world_close(&w);
}

/* One that has ended and waits for its consumer keeps nobody out who needs what it no longer does.
 */
static void test_ended_holds_little(void)
{
	static const uint8_t video[] = {0x17, 1, 2, 3, 4, 5, 6, 7, 8};
	struct abi_event event;

	world_init(&w);
	w.admission = (struct config_admission){.bitrate_kbps = 100, .gop_ms = 1000};
	w.memory.streams = 8;
	world_open(&w);
	world_attach(&w);
	publisher_open(&publishers[0], &w, "first", 4096, 1448);
	event = world_expect(&w, ABI_EVENT_PUBLISH);
	world_command(&w, ABI_COMMAND_ACCEPT, event.slot, event.generation, 0, "first");
	world_poll(&w);
	publisher_media(&publishers[0], RTMP_TYPE_VIDEO, 6, 0, video, sizeof(video));
	publisher_pump(&publishers[0]);
	const struct abi_stream *s = world_stream(&w, event.slot);
	uint64_t promised = atomic_load(&s->reserved_bytes);
	publisher_close(&publishers[0]);
	world_poll(&w);
	CU_ASSERT_EQUAL(atomic_load(&s->state), ABI_STREAM_ENDED);
	CU_ASSERT_TRUE(atomic_load(&s->pinned_bytes) > 0);
	CU_ASSERT_EQUAL(atomic_load(&s->reserved_bytes), atomic_load(&s->pinned_bytes));
	CU_ASSERT_TRUE(atomic_load(&s->reserved_bytes) < promised);
	world_check_memory(&w);
	world_set_tail(&w, event.slot, atomic_load(&s->head));
	world_poll(&w);
	world_close(&w);
}

/* Packets run short: nobody new; who is there goes on. */
static void test_tight(void)
{
	static struct rte_mbuf *taken[2048];

	world_init(&w);
	world_open(&w);
	world_attach(&w);
	(void)publisher_go_live(&publishers[0], &w, "one", 4096, 1448);
	uint32_t count = rte_mempool_avail_count(w.packets.pool) - w.memory.packets / 6 + 10;
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_alloc_bulk(w.packets.pool, taken, count), 0);
	world_poll(&w);
	world_poll(&w);
	publisher_open(&publishers[1], &w, "two", 4096, 1448);
	publisher_pump(&publishers[1]);
	CU_ASSERT_TRUE(publishers[1].refused);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_no_memory), 1);
	payload[0] = 0x27;
	publisher_media(&publishers[0], RTMP_TYPE_VIDEO, 6, 1, payload, 3000);
	publisher_pump(&publishers[0]);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages), 1);
	rte_pktmbuf_free_bulk(taken, count);
	publisher_close(&publishers[0]);
	publisher_close(&publishers[1]);
	world_close(&w);
}

/* Segments of a few bytes: the payload is right, and pins what it would in full segments. */
static void collapse(uint32_t segment, uint32_t chunk_size)
{
	world_init(&w);
	world_open(&w);
	world_attach(&w);
	uint32_t slot = publisher_go_live(&publishers[0], &w, "key", chunk_size, segment);
	reader_init(&reader, &w, slot);
	for (uint32_t i = 0; i < 20; i++) {
		for (uint32_t j = 0; j < 2000; j++) {
			payload[j] = (uint8_t)(i * 17 + j * 3 + (j >> 8));
		}
		payload[0] = 0x27;
		publisher_media(&publishers[0], RTMP_TYPE_VIDEO, 6, i, payload, 2000);
		publisher_pump(&publishers[0]);
		CU_ASSERT_TRUE_FATAL(reader_next(&reader));
		CU_ASSERT_EQUAL(memcmp(reader.payload, payload, 2000), 0);
		world_check_memory(&w);
	}
	/* 40,000 bytes in mbufs of 2,048, one of them still open. */
	CU_ASSERT_TRUE(rte_mempool_in_use_count(w.packets.pool) <= 22);
	CU_ASSERT_TRUE(atomic_load(&world_stream(&w, slot)->pinned_bytes) <= 42ull * 2368);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_bytes_collapsed) >= 40000);
	/* Both holds of a message that is not complete are counted, and go with the connection. */
	publisher_media(&publishers[0], RTMP_TYPE_VIDEO, 6, 99, payload, 2000);
	publishers[0].out.len -= 500;
	publisher_pump(&publishers[0]);
	world_check_memory(&w);
	CU_ASSERT_TRUE(atomic_load(&w.pub->pinned_partial_bytes) > 0);
	publisher_close(&publishers[0]);
	world_check_memory(&w);
	CU_ASSERT_EQUAL(atomic_load(&w.pub->pinned_partial_bytes), 0);
	world_close(&w);
}

static void test_collapse(void)
{
	static const uint32_t segments[] = {1, 2, 7, 100, 290};

	for (uint32_t i = 0; i < RTE_DIM(segments); i++) {
		collapse(segments[i], 128);
		collapse(segments[i], 4096);
	}
}

/* Two publishers, messages of all lengths, interleaved, released at random: at each step exact. */
static void test_accounts(void)
{
	world_init(&w);
	w.memory.log_blocks = 256;
	world_open(&w);
	world_attach(&w);
	uint32_t slots[2];
	slots[0] = publisher_go_live(&publishers[0], &w, "one", 128, 1448);
	slots[1] = publisher_go_live(&publishers[1], &w, "two", 4096, 300);
	srand(11);
	for (uint32_t i = 0; i < 2000; i++) {
		struct publisher *p = &publishers[i % 2];
		uint32_t len = 1 + (uint32_t)rand() % 5000;

		payload[0] = i % 20 < 2 ? 0x17 : 0x27;
		publisher_media(p, RTMP_TYPE_VIDEO, 6, i, payload, len);
		publisher_media(p, RTMP_TYPE_AUDIO, 4, i, payload, 1 + len / 20);
		publisher_pump(p);
		if (i % 10 == 0) {
			uint32_t slot = slots[i / 10 % 2];
			world_set_tail(&w, slot, atomic_load(&world_stream(&w, slot)->head));
			world_poll(&w);
		}
		world_check_memory(&w);
	}
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages_dropped), 0);
	CU_ASSERT_TRUE(world_count(&w, DP_COUNTER_pieces_collapsed) > 0);
	publisher_close(&publishers[0]);
	publisher_close(&publishers[1]);
	world_close(&w);
}

/* A worker that sleeps a millisecond at a time does not keep what was released for many of them. */
static void test_released_while_idle(void)
{
	struct publisher *all = calloc(MANY, sizeof(*all));

	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	world_init(&w);
	w.memory.streams = MANY;
	w.memory.connections = MANY;
	w.memory.log_blocks = 2 * MANY;
	world_open(&w);
	world_attach(&w);
	payload[0] = 0x27;
	for (uint32_t i = 0; i < MANY; i++) {
		(void)publisher_go_live(&all[i], &w, "key", 4096, 1448);
		publisher_media(&all[i], RTMP_TYPE_VIDEO, 6, 1, payload, 1000);
		publisher_pump(&all[i]);
	}
	world_poll(&w);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_messages), MANY);
	for (uint32_t slot = 0; slot < MANY; slot++) {
		world_set_tail(&w, slot, atomic_load(&world_stream(&w, slot)->head));
	}
	for (uint32_t i = 0; i < 4; i++) {
		world_poll(&w);
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(w.packets.pool), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		publisher_close(&all[i]);
	}
	free(all);
	world_close(&w);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"admission", test_admission},
		{"promise follows what is measured", test_promise_follows},
		{"GOPs", test_gops},
		{"what has ended holds little", test_ended_holds_little},
		{"refused for memory", test_refused},
		{"tight", test_tight},
		{"collapse", test_collapse},
		{"accounts", test_accounts},
		{"released while idle", test_released_while_idle},
		{NULL, NULL},
	};

	world_start_eal();
	return suite_run("memory", tests);
}
