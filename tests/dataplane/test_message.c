/*
 * Messages under way, from a byte stream of chunks cut into mbufs at every place.
 *
 *	mbuf   |hdr|piece 1|hdr|piece 2|hdr|other|hdr|piece 3|
 *	after  |hdr|piece 1 piece 2|   |hdr|other|hdr|piece 3|
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/message.h"
#include "dataplane/packets.h"
#include "rtmp/chunk_writer.h"
#include "world.h"

#define MBUFS 512u

static struct dp_packets packets;
static struct dp_packets_table table;
static struct message_pool pool;
static struct dp_counters counters;
static struct message_set set;
static struct rtmp_chunk_reader chunks;

/* What was published, and what it looked like then. */
struct kept {
	uint64_t refs[4096];
	uint32_t count;
	uint32_t length;
	uint8_t bytes[70000];
};

static struct kept kept[64];
static uint32_t kept_count;
static uint8_t wire[1 << 20];
static bool takes_runs;

static int setup(void)
{
	if (dp_packets_create(&packets, 0, MBUFS, 2048, -1, 0) < 0) {
		return 1;
	}
	table = (struct dp_packets_table){.count = 1, .workers = &packets};
	if (message_pool_init(&pool, 64, -1, &table, 0, &counters) < 0) {
		return 1;
	}
	pool.collapse_max = 0; /* what follows is about segments that are kept */
	return 0;
}

static int setup_runs(void)
{
	takes_runs = true;
	return setup();
}

static int teardown(void)
{
	message_pool_fini(&pool);
	dp_packets_destroy(&packets);
	return 0;
}

static void start(uint32_t bytes_max)
{
	memset(&counters, 0, sizeof(counters));
	message_set_init(&set, &pool, bytes_max, 1 << 22);
	rtmp_chunk_reader_init(&chunks, 1 << 20);
	kept_count = 0;
}

static const uint8_t *bytes_of(uint64_t ref)
{
	return packets.region.base + abi_ref_offset(ref);
}

static void publish(const struct message *m)
{
	struct kept *k = &kept[kept_count++];

	k->count = 0;
	k->length = 0;
	for (const struct message_block *b = m->first; b; b = b->next) {
		for (uint32_t i = 0; i < b->count; i++) {
			k->refs[k->count++] = b->refs[i];
			memcpy(k->bytes + k->length, bytes_of(b->refs[i]),
			       abi_ref_length(b->refs[i]));
			k->length += abi_ref_length(b->refs[i]);
		}
	}
	uint32_t start = k->length < RTMP_CLASSIFY_BYTES ? k->length : RTMP_CLASSIFY_BYTES;
	CU_ASSERT_EQUAL(m->start_len, start);
	CU_ASSERT_EQUAL(memcmp(m->start, k->bytes, start), 0);
	CU_ASSERT_EQUAL(k->count, m->slices);
	CU_ASSERT_EQUAL(k->length, m->bytes);
}

/* Published bytes are where and what they were. */
static void check_unmoved(void)
{
	for (uint32_t i = 0; i < kept_count; i++) {
		uint32_t done = 0;
		for (uint32_t j = 0; j < kept[i].count; j++) {
			uint32_t len = abi_ref_length(kept[i].refs[j]);
			CU_ASSERT_EQUAL(
				memcmp(bytes_of(kept[i].refs[j]), kept[i].bytes + done, len), 0);
			done += len;
		}
	}
}

static void give_back(void)
{
	for (uint32_t i = 0; i < kept_count; i++) {
		message_put_refs(&pool, kept[i].refs, kept[i].count);
	}
	kept_count = 0;
	message_set_clear(&set);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(packets.pool), MBUFS);
	CU_ASSERT_EQUAL(pool.free_count, 64);
	CU_ASSERT_EQUAL(set.bytes, 0);
}

/* As a session does; true when the message is complete. */
static bool read_run(const struct rtmp_piece *piece, struct rtmp_span *span, struct rte_mbuf *m,
		     bool exclusive)
{
	struct rtmp_run run;

	if (!takes_runs || !message_is_open(&set, piece->slot, m, exclusive) ||
	    !rtmp_chunk_reader_run(&chunks, span, MESSAGE_JOIN_MAX, &run)) {
		return false;
	}
	message_extend(&set, piece->slot, &run);
	return run.last;
}

static void read_mbuf(struct rte_mbuf *m, bool exclusive)
{
	struct rtmp_span span = {.data = rte_pktmbuf_mtod(m, uint8_t *), .len = m->data_len};
	struct rtmp_piece piece;
	struct rtmp_control control;
	int rc;

	while ((rc = rtmp_chunk_reader_next(&chunks, &span, &piece, &control)) > 0) {
		if (rc != RTMP_READ_PIECE) {
			message_set_break(&set);
			continue;
		}
		message_add(&set, &piece, m, exclusive);
		if (piece.last || read_run(&piece, &span, m, exclusive)) {
			publish(set.messages[piece.slot]);
			message_take(&set, piece.slot);
			check_unmoved();
		}
	}
	CU_ASSERT_EQUAL(rc, RTMP_READ_MORE);
	rte_pktmbuf_free(m);
}

static void read_bytes(const uint8_t *data, uint32_t len, bool exclusive)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(packets.pool);

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), data, len);
	read_mbuf(m, exclusive);
}

static uint8_t byte_of(uint32_t csid, uint32_t i)
{
	return (uint8_t)(csid * 89 + i * 3 + (i >> 7));
}

static uint32_t write_message(struct rtmp_chunk_writer *w, uint32_t at, uint32_t csid, uint32_t len)
{
	static uint8_t payload[70000];
	struct rtmp_message msg = {.csid = csid, .length = len, .stream_id = 1, .type = 9};
	struct rtmp_out out = {.data = wire, .len = at, .cap = sizeof(wire)};

	for (uint32_t i = 0; i < len; i++) {
		payload[i] = byte_of(csid, i);
	}
	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_put(w, &msg, payload, &out));
	return (uint32_t)out.len;
}

/* Chunks of two messages of `len` bytes, in turns. */
static uint32_t write_interleaved(uint32_t len)
{
	struct rtmp_chunk_writer a;
	struct rtmp_chunk_writer b;
	struct rtmp_chunk chunk;
	struct rtmp_chunk_writer *writers[2] = {&a, &b};
	uint32_t done[2] = {0, 0};
	uint32_t at = 0;
	bool more = true;

	for (uint32_t i = 0; i < 2; i++) {
		struct rtmp_message msg = {
			.csid = 4 + i, .length = len, .stream_id = 1, .type = (uint8_t)(8 + i)};
		rtmp_chunk_writer_init(writers[i], 128);
		rtmp_chunk_writer_begin(writers[i], &msg);
	}
	while (more) {
		more = false;
		for (uint32_t i = 0; i < 2; i++) {
			if (!rtmp_chunk_writer_next(writers[i], &chunk)) {
				continue;
			}
			more = true;
			memcpy(wire + at, chunk.header, chunk.header_len);
			at += chunk.header_len;
			for (uint32_t j = 0; j < chunk.payload_len; j++) {
				wire[at++] = byte_of(4 + i, done[i]++);
			}
		}
	}
	return at;
}

static void check_message(uint32_t index, uint32_t csid, uint32_t len)
{
	CU_ASSERT_EQUAL_FATAL(kept[index].length, len);
	for (uint32_t i = 0; i < len; i++) {
		if (kept[index].bytes[i] != byte_of(csid, i)) {
			CU_FAIL("payload differs");
			return;
		}
	}
}

/* One mbuf, eleven pieces: one slice. */
static void test_join(void)
{
	struct rtmp_chunk_writer w;

	start(1 << 20);
	rtmp_chunk_writer_init(&w, 128);
	uint32_t len = write_message(&w, 0, 4, 1400);
	read_bytes(wire, len, true);
	CU_ASSERT_EQUAL_FATAL(kept_count, 1);
	CU_ASSERT_EQUAL(kept[0].count, 1);
	check_message(0, 4, 1400);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_pieces], 11);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_pieces_joined], 10);
	give_back();
}

static void test_every_chunk_size(void)
{
	struct rtmp_chunk_writer w;

	for (uint32_t size = 1; size < 300; size++) {
		start(1 << 20);
		rtmp_chunk_writer_init(&w, size);
		chunks.chunk_size = size;
		read_bytes(wire, write_message(&w, 0, 4, 700), true);
		CU_ASSERT_EQUAL_FATAL(kept_count, 1);
		check_message(0, 4, 700);
		give_back();
	}
}

/* Somebody else holds the mbuf: nothing moves. */
static void test_shared(void)
{
	struct rtmp_chunk_writer w;

	start(1 << 20);
	rtmp_chunk_writer_init(&w, 128);
	uint32_t len = write_message(&w, 0, 4, 1400);
	read_bytes(wire, len, false);
	CU_ASSERT_EQUAL_FATAL(kept_count, 1);
	CU_ASSERT_EQUAL(kept[0].count, 11);
	check_message(0, 4, 1400);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_pieces_joined], 0);
	give_back();
}

/* More lies between two pieces than a chunk header: it stays. */
static void test_gap(void)
{
	for (uint32_t gap = 0; gap < 40; gap++) {
		struct rtmp_message msg = {.length = 20, .type = 9};
		struct rtmp_piece piece = {.msg = &msg, .len = 10, .first = true};
		struct rte_mbuf *m = rte_pktmbuf_alloc(packets.pool);
		uint8_t *data = (uint8_t *)rte_pktmbuf_append(m, 100);

		start(1 << 20);
		for (uint32_t i = 0; i < 100; i++) {
			data[i] = (uint8_t)i;
		}
		piece.data = data;
		message_add(&set, &piece, m, true);
		piece.data = data + 10 + gap;
		piece.first = false;
		message_add(&set, &piece, m, true);
		rte_pktmbuf_free(m);
		publish(set.messages[0]);
		message_take(&set, 0);
		CU_ASSERT_EQUAL(kept[0].count, gap <= RTMP_CHUNK_HEADER_MAX ? 1 : 2);
		CU_ASSERT_EQUAL(kept[0].bytes[10], 10 + gap);
		CU_ASSERT_EQUAL(kept[0].bytes[19], 19 + gap);
		give_back();
	}
}

/* A piece so short that it would pass for a header. */
static void test_short_piece_between(void)
{
	struct rtmp_message msg = {.length = 20, .type = 9};
	struct rtmp_piece piece = {.msg = &msg, .len = 10, .first = true};
	struct rte_mbuf *m = rte_pktmbuf_alloc(packets.pool);
	uint8_t *data = (uint8_t *)rte_pktmbuf_append(m, 100);

	start(1 << 20);
	for (uint32_t i = 0; i < 100; i++) {
		data[i] = (uint8_t)i;
	}
	piece.data = data;
	message_add(&set, &piece, m, true);
	struct rtmp_piece other = {
		.msg = &msg, .data = data + 13, .len = 3, .slot = 1, .first = true, .last = true};
	message_add(&set, &other, m, true);
	publish(set.messages[1]);
	message_take(&set, 1);
	piece.data = data + 17;
	piece.first = false;
	message_add(&set, &piece, m, true);
	rte_pktmbuf_free(m);
	check_unmoved();
	CU_ASSERT_EQUAL(kept[0].bytes[0], 13);
	CU_ASSERT_EQUAL(set.messages[0]->slices, 2);
	give_back();
}

/* Another message's piece lies between: it stays. */
static void test_interleaved(void)
{
	start(1 << 20);
	uint32_t len = write_interleaved(600);
	read_bytes(wire, len, true);
	CU_ASSERT_EQUAL_FATAL(kept_count, 2);
	check_message(0, 4, 600);
	check_message(1, 5, 600);
	CU_ASSERT_EQUAL(kept[0].count, 5);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_pieces_joined], 0);
	give_back();
}

/* Three messages, the stream cut into two mbufs at every byte. */
static void test_every_split(void)
{
	struct rtmp_chunk_writer w;

	rtmp_chunk_writer_init(&w, 128);
	uint32_t len = write_message(&w, 0, 4, 300);
	len = write_message(&w, len, 5, 200);
	len = write_message(&w, len, 4, 129);
	for (uint32_t split = 1; split < len; split++) {
		start(1 << 20);
		read_bytes(wire, split, true);
		read_bytes(wire + split, len - split, true);
		CU_ASSERT_EQUAL_FATAL(kept_count, 3);
		check_message(0, 4, 300);
		check_message(1, 5, 200);
		check_message(2, 4, 129);
		CU_ASSERT_TRUE(kept[0].count + kept[1].count + kept[2].count <= 4);
		give_back();
	}
}

/* Interleaved chunks in segments of every size. */
static void test_every_segment_size(void)
{
	uint32_t len = write_interleaved(1000);

	for (uint32_t size = 7; size < 1500; size += 3) {
		start(1 << 20);
		for (uint32_t at = 0; at < len; at += size) {
			read_bytes(wire + at, len - at < size ? len - at : size, true);
		}
		CU_ASSERT_EQUAL_FATAL(kept_count, 2);
		check_message(0, 4, 1000);
		check_message(1, 5, 1000);
		give_back();
	}
}

/* Over the session's limit: refused as a whole, nothing kept, the next one is read. */
static void test_limit(void)
{
	struct rtmp_chunk_writer w;

	start(1000);
	rtmp_chunk_writer_init(&w, 128);
	uint32_t len = write_message(&w, 0, 4, 1001);
	uint32_t before = len;
	len = write_message(&w, len, 4, 1000);
	read_bytes(wire, before, true);
	CU_ASSERT_EQUAL(kept[0].length, 0);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(packets.pool), MBUFS);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_messages_aborted], 1);
	read_bytes(wire + before, len - before, true);
	CU_ASSERT_EQUAL_FATAL(kept_count, 2);
	check_message(1, 4, 1000);
	give_back();
	/* Small segments reach the limit of what may be pinned first. */
	start(1000);
	set.held_max = 4 * packets.truesize;
	for (uint32_t i = 0; i < 6; i++) {
		read_bytes(wire + (size_t)20 * i, 20, true);
	}
	CU_ASSERT_EQUAL(set.held, 0);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_messages_aborted], 1);
	give_back();
}

/* No block of references is left. */
static void test_no_block(void)
{
	struct rtmp_chunk_writer w;

	start(1 << 20);
	rtmp_chunk_writer_init(&w, 60000);
	chunks.chunk_size = 60000;
	uint32_t len = write_message(&w, 0, 4, 60000);
	for (uint32_t at = 0; at < len; at += 20) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(packets.pool);
		if (!m) {
			break; /* the mbufs went first: the message is still whole */
		}
		uint16_t n = (uint16_t)(len - at < 20 ? len - at : 20);
		memcpy(rte_pktmbuf_append(m, n), wire + at, n);
		read_mbuf(m, true);
	}
	CU_ASSERT_TRUE(set.held >= (MBUFS - 1) * packets.truesize);
	give_back();
	struct message_block *all = pool.free;
	uint32_t count = pool.free_count;
	pool.free = NULL;
	start(1 << 20);
	rtmp_chunk_writer_init(&w, 128);
	len = write_message(&w, 0, 4, 100);
	read_bytes(wire, len, true);
	CU_ASSERT_EQUAL(kept[0].length, 0);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_messages_aborted], 1);
	pool.free = all;
	CU_ASSERT_EQUAL(pool.free_count, count);
	give_back();
}

/* A piece that the reader remembered itself goes to an mbuf of its own. */
static void test_copied(void)
{
	uint8_t bytes[3] = {1, 2, 3};
	struct rtmp_message msg = {.length = 3, .type = 9};
	struct rtmp_piece piece = {
		.msg = &msg, .data = bytes, .len = 3, .first = true, .last = true, .copied = true};

	start(1 << 20);
	struct rte_mbuf *m = rte_pktmbuf_alloc(packets.pool);
	message_add(&set, &piece, m, true);
	CU_ASSERT_EQUAL(set.held, packets.truesize);
	rte_pktmbuf_free(m);
	publish(set.messages[0]);
	message_take(&set, 0);
	memset(bytes, 0, sizeof(bytes));
	CU_ASSERT_EQUAL(kept[0].bytes[2], 3);
	check_unmoved();
	CU_ASSERT_EQUAL(rte_mempool_avail_count(packets.pool), MBUFS - 1);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_pieces_copied], 1);
	give_back();
}

/* The rest of a message whose beginning was another publication's is not a message. */
static void test_without_beginning(void)
{
	struct rtmp_chunk_writer w;

	start(1 << 20);
	rtmp_chunk_writer_init(&w, 128);
	uint32_t len = write_message(&w, 0, 4, 300);
	read_bytes(wire, 200, true);
	message_set_clear(&set);
	read_bytes(wire + 200, len - 200, true);
	CU_ASSERT_EQUAL(kept[0].length, 0);
	give_back();
}

/* What is held returns to nothing, and counts each mbuf of a message once. */
static void test_held(void)
{
	struct rtmp_chunk_writer w;
	struct rtmp_piece piece = {.slot = 0};
	struct rtmp_control control;

	start(1 << 20);
	rtmp_chunk_writer_init(&w, 128);
	uint32_t len = write_message(&w, 0, 4, 2000);
	for (uint32_t at = 0; at < len; at += 1000) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(packets.pool);
		uint16_t n = (uint16_t)(len - at < 1000 ? len - at : 1000);
		memcpy(rte_pktmbuf_append(m, n), wire + at, n);
		struct rtmp_span span = {.data = rte_pktmbuf_mtod(m, uint8_t *), .len = n};
		while (rtmp_chunk_reader_next(&chunks, &span, &piece, &control) ==
		       RTMP_READ_PIECE) {
			message_add(&set, &piece, m, true);
		}
		rte_pktmbuf_free(m);
	}
	CU_ASSERT_EQUAL(set.held, 3 * packets.truesize);
	message_drop(&set, piece.slot);
	CU_ASSERT_EQUAL(set.held, 0);
	give_back();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"pieces in one mbuf join", test_join},
	{"every chunk size", test_every_chunk_size},
	{"nothing moves in a shared mbuf", test_shared},
	{"nothing moves over more than a header", test_gap},
	{"nothing moves over a short piece", test_short_piece_between},
	{"nothing moves over another message", test_interleaved},
	{"every split", test_every_split},
	{"every segment size", test_every_segment_size},
	{"limit of the session", test_limit},
	{"no block", test_no_block},
	{"copied piece", test_copied},
	{"message without a beginning", test_without_beginning},
	{"held truesize", test_held},
};

static void add_tests(CU_pSuite suite)
{
	for (size_t i = 0; i < RTE_DIM(tests); i++) {
		CU_add_test(suite, tests[i].name, tests[i].run);
	}
}

int main(void)
{
	world_start_eal();
	CU_initialize_registry();
	add_tests(CU_add_suite("message, piece by piece", setup, teardown));
	add_tests(CU_add_suite("message, runs", setup_runs, teardown));
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}
