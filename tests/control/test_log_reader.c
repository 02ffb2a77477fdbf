/*
 * Reading the log: every block boundary, and what a worker gone mad could write.
 */
#include "relay/log_reader.h"

#include <string.h>

#include "abi/ref.h"
#include "check.h"
#include "fake_worker.h"
#include "relay/batch.h"
#include "relay/headers.h"
#include "relay/origin_state.h"

static struct fake_worker worker;
static struct log_view view;

static void set_up(void)
{
	const uint8_t *base;

	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	base = (const uint8_t *)worker.pub;
	view = (struct log_view){
		.units = (const union abi_log_unit *)(base + worker.pub->blocks_offset),
		.block_next = (const _Atomic uint32_t *)(base + worker.pub->block_next_offset),
		.blocks = FAKE_BLOCKS,
		.regions = &worker.regions,
	};
	fake_pending(&worker, 0, 1, "live", "x");
}

static union abi_log_unit *unit(uint64_t position)
{
	uint32_t block = fake_stream(&worker, 0)->first_block;

	for (; position >= ABI_LOG_BLOCK_UNITS; position -= ABI_LOG_BLOCK_UNITS) {
		block = view.block_next[block];
	}
	return (union abi_log_unit *)&view.units[(uint64_t)block * ABI_LOG_BLOCK_UNITS + position];
}

static struct log_cursor beginning(void)
{
	struct log_cursor cursor;

	log_cursor_init(&cursor, 0, fake_stream(&worker, 0)->first_block);
	return cursor;
}

static bool payload_right(const struct log_message *message, uint64_t n)
{
	struct log_slices slices;
	struct iovec iov;
	uint32_t at = 0;
	int rc;

	log_slices_init(&slices, message);
	while ((rc = log_slices_next(&view, &slices, &iov)) > 0) {
		for (size_t i = 0; i < iov.iov_len; i++, at++) {
			if (((uint8_t *)iov.iov_base)[i] != fake_byte(n, at)) {
				return false;
			}
		}
	}
	return rc == 0 && at == message->entry.length;
}

/* Messages of 0 to 1299 slices: entry and slices at every place of a block. */
static void test_every_boundary(void)
{
	struct log_message message;
	struct log_cursor cursor;
	uint64_t head;
	uint32_t count = 0;

	set_up();
	for (uint32_t i = 0; i < 600; i++) {
		struct fake_message m = {9, 0, i, i % 130 * 10 + (i == 300 ? 13000 : 0), 10};

		CU_ASSERT(fake_send(&worker, 0, &m));
	}
	head = fake_stream(&worker, 0)->head;
	cursor = beginning();
	while (log_reader_next(&view, &cursor, head, &message) > 0) {
		CU_ASSERT_EQUAL(message.entry.number, count);
		CU_ASSERT(payload_right(&message, count));
		CU_ASSERT(log_cursor_hold(&cursor) >= message.at.position);
		count++;
	}
	CU_ASSERT_EQUAL(count, 600);
	CU_ASSERT_EQUAL(cursor.position, head);
	CU_ASSERT_EQUAL(cursor.messages, 600);
	fake_worker_fini(&worker);
}

/* A cursor that waits where a block ends finds the way on, whatever was released meanwhile. */
static void test_waits_at_block_end(void)
{
	struct fake_message m = {8, 0, 0, 5, 5}; /* two units */
	struct log_message message;
	struct log_cursor cursor;

	set_up();
	cursor = beginning();
	for (uint32_t i = 0; i < 64 * 3; i++) {
		CU_ASSERT(fake_send(&worker, 0, &m));
		if (i == 0) {
			cursor.block = fake_stream(&worker, 0)->first_block;
		}
		CU_ASSERT_EQUAL(
			log_reader_next(&view, &cursor, fake_stream(&worker, 0)->head, &message),
			1);
		CU_ASSERT(payload_right(&message, i));
		worker.sub->tail[0].generation = 1;
		worker.sub->tail[0].position = log_cursor_hold(&cursor);
		fake_reclaim(&worker, 0);
		CU_ASSERT_EQUAL(
			log_reader_next(&view, &cursor, fake_stream(&worker, 0)->head, &message),
			0);
	}
	CU_ASSERT_EQUAL(worker.refused_tails, 0);
	fake_worker_fini(&worker);
}

/* From every unit of a log, the next entry is found, never slices taken for one. */
static void test_finds_next_entry(void)
{
	struct log_bounds bounds = {.to_us = UINT64_MAX};
	uint64_t starts[200];
	uint64_t next = 0;

	set_up();
	for (uint32_t i = 0; i < 199; i++) {
		struct fake_message m = {9, 0, i, i % 50 * 10, 10};

		starts[i] = fake_stream(&worker, 0)->head;
		CU_ASSERT(fake_send(&worker, 0, &m));
	}
	starts[199] = fake_stream(&worker, 0)->head;
	bounds.head = starts[199];
	bounds.messages = 199;
	bounds.from_us = fake_stream(&worker, 0)->started_us;
	for (uint64_t position = 0; position <= bounds.head; position++) {
		struct log_cursor cursor = beginning();

		next += position > starts[next];
		CU_ASSERT_EQUAL(log_cursor_skip(&view, &cursor, position), 0);
		CU_ASSERT_EQUAL(log_reader_find_entry(&view, &cursor, &bounds), 0);
		CU_ASSERT_EQUAL(cursor.position, starts[next]);
	}
	fake_worker_fini(&worker);
}

static int read_all(uint64_t head)
{
	struct log_cursor cursor = beginning();
	struct log_message message;
	struct log_slices slices;
	struct iovec iov;
	int rc;

	while ((rc = log_reader_next(&view, &cursor, head, &message)) > 0) {
		log_slices_init(&slices, &message);
		while ((rc = log_slices_next(&view, &slices, &iov)) > 0) {
		}
		if (rc < 0) {
			return rc;
		}
	}
	return rc;
}

static void send_two(void)
{
	struct fake_message m = {9, 0, 0, 100, 20};

	set_up();
	CU_ASSERT(fake_send(&worker, 0, &m)); /* units 0, 1, 2 */
	CU_ASSERT(fake_send(&worker, 0, &m)); /* units 3, 4, 5 */
	CU_ASSERT_EQUAL(read_all(6), 0);
}

#define HOSTILE(change)                                   \
	do {                                              \
		send_two();                               \
		change;                                   \
		CU_ASSERT_EQUAL(read_all(6), LOG_BROKEN); \
		fake_worker_fini(&worker);                \
	} while (0)

static void test_hostile_values(void)
{
	HOSTILE(unit(3)->entry.flags = 0);
	HOSTILE(unit(0)->entry.slices = 4);
	HOSTILE(unit(0)->entry.slices = UINT32_MAX);
	HOSTILE(unit(3)->entry.slices = 9);
	HOSTILE(unit(0)->entry.length = 99);
	HOSTILE(unit(0)->entry.length = 101);
	HOSTILE(unit(0)->entry.length = UINT32_MAX);
	HOSTILE(unit(0)->entry.length = 0);
	HOSTILE(unit(1)->slices[0] = 0);
	HOSTILE(unit(1)->slices[1] = abi_ref_make(1, 0, 64, 20));
	HOSTILE(unit(1)->slices[1] = abi_ref_make(255, 0, 64, 20));
	HOSTILE(unit(1)->slices[1] = abi_ref_make(0, FAKE_PACKETS - 64, 64, 20));
	HOSTILE(unit(1)->slices[1] = abi_ref_make(0, FAKE_PACKETS, 0, 20));
	HOSTILE(unit(1)->slices[1] = abi_ref_make(0, FAKE_PACKETS - 64, 45, 20));
	HOSTILE(unit(1)->slices[1] = UINT64_MAX);
	HOSTILE(fake_stream(&worker, 0)->first_block = FAKE_BLOCKS);
	HOSTILE(fake_stream(&worker, 0)->first_block = ABI_LOG_NO_BLOCK);
}

static void test_hostile_chain(void)
{
	struct fake_message m = {9, 0, 0, 10, 10};
	uint32_t first;

	set_up();
	for (int i = 0; i < 70; i++) {
		CU_ASSERT(fake_send(&worker, 0, &m));
	}
	first = fake_stream(&worker, 0)->first_block;
	CU_ASSERT_EQUAL(read_all(140), 0);
	CU_ASSERT_EQUAL(read_all(141), LOG_BROKEN); /* a head beyond what was written */
	((_Atomic uint32_t *)view.block_next)[first] = FAKE_BLOCKS;
	CU_ASSERT_EQUAL(read_all(140), LOG_BROKEN);
	fake_worker_fini(&worker);
}

/* Sends a header and takes it into the set. */
static void update(struct header_set **set, struct log_cursor *cursor, struct fake_message m)
{
	struct log_message message;

	m.slice = 7;
	CU_ASSERT(fake_send(&worker, 0, &m));
	cursor->block = cursor->position == 0 ? beginning().block : cursor->block;
	CU_ASSERT_EQUAL_FATAL(
		log_reader_next(&view, cursor, fake_stream(&worker, 0)->head, &message), 1);
	CU_ASSERT_EQUAL(headers_update(set, &view, &message), 0);
}

#define VIDEO_HEADER(length_, track_)                             \
	(struct fake_message)                                     \
	{                                                         \
		9, ABI_LOG_SEQUENCE_HEADER, 0, length_, 0, track_ \
	}
#define AUDIO_HEADER(length_, track_)                             \
	(struct fake_message)                                     \
	{                                                         \
		8, ABI_LOG_SEQUENCE_HEADER, 0, length_, 0, track_ \
	}

static void test_header_cache(void)
{
	struct header_set *set = NULL;
	struct header_set *copy;
	struct log_cursor cursor = {0};

	set_up();
	update(&set, &cursor, VIDEO_HEADER(30, 0));
	copy = headers_get(set);
	update(&set, &cursor, VIDEO_HEADER(31, 0));
	CU_ASSERT_EQUAL(headers_find(set, ABI_HEADER_VIDEO, 0)->length, 31);
	CU_ASSERT_EQUAL(headers_find(copy, ABI_HEADER_VIDEO, 0)->length, 30);
	CU_ASSERT_EQUAL(headers_find(copy, ABI_HEADER_VIDEO, 0)->data[29], fake_byte(0, 29));
	CU_ASSERT_PTR_NULL(headers_find(set, ABI_HEADER_VIDEO, 1));
	CU_ASSERT_PTR_NULL(headers_find(NULL, ABI_HEADER_VIDEO, 0));
	headers_put(copy);
	headers_put(set);
	fake_worker_fini(&worker);
}

/* One of each kind and track, by kind, and as they came; several tracks beside single ones. */
static void test_header_order(void)
{
	static const uint32_t lengths[] = {20, 12, 15, 17, 18, 13, 14, 16};
	struct header_set *set = NULL;
	struct log_cursor cursor = {0};

	set_up();
	update(&set, &cursor, (struct fake_message){9, ABI_LOG_METADATA, 0, 16, 0, 0});
	update(&set, &cursor, AUDIO_HEADER(13, 0));
	update(&set, &cursor, VIDEO_HEADER(11, 0));
	update(&set, &cursor, VIDEO_HEADER(12, 1));
	update(&set, &cursor, (struct fake_message){8, ABI_LOG_METADATA, 0, 14, 0, 0});
	update(&set, &cursor, VIDEO_HEADER(15, 2));
	update(&set, &cursor,
	       (struct fake_message){9, ABI_LOG_SEQUENCE_HEADER | ABI_LOG_TRACKS, 0, 17, 0, 0});
	update(&set, &cursor, VIDEO_HEADER(18, 0)); /* takes 11 out, not 17 */
	update(&set, &cursor, (struct fake_message){18, ABI_LOG_METADATA, 0, 20, 0, 0});
	CU_ASSERT_EQUAL_FATAL(set->count, sizeof(lengths) / sizeof(lengths[0]));
	for (uint32_t i = 0; i < set->count; i++) {
		CU_ASSERT_EQUAL(set->headers[i]->length, lengths[i]);
	}
	CU_ASSERT_EQUAL(headers_find(set, ABI_HEADER_VIDEO, 0)->length, 18);
	headers_put(set);
	fake_worker_fini(&worker);
}

/* More tracks than there is room for; one that is too long goes with the one before it. */
static void test_header_room(void)
{
	struct header_set *set = NULL;
	struct log_cursor cursor = {0};

	set_up();
	for (uint32_t i = 0; i < 256; i++) {
		update(&set, &cursor, VIDEO_HEADER(30, (uint8_t)i));
	}
	CU_ASSERT_EQUAL(set->count, ABI_HEADERS_MAX);
	update(&set, &cursor, VIDEO_HEADER(31, 5));
	CU_ASSERT_EQUAL(headers_find(set, ABI_HEADER_VIDEO, 5)->length, 31);
	update(&set, &cursor, VIDEO_HEADER(HEADER_MAX + 1, 5));
	CU_ASSERT_PTR_NULL(headers_find(set, ABI_HEADER_VIDEO, 5));
	CU_ASSERT_EQUAL(set->count, ABI_HEADERS_MAX - 1);
	headers_put(set);
	fake_worker_fini(&worker);
}

static int seed(struct header_set **set)
{
	headers_put(*set);
	*set = NULL;
	return headers_seed(set, &view, fake_stream(&worker, 0));
}

static void test_header_block(void)
{
	struct header_set *set = NULL;
	struct abi_header_block *block;
	struct abi_stream *stream;
	struct abi_header *h;

	set_up();
	stream = fake_stream(&worker, 0);
	CU_ASSERT_EQUAL(seed(&set), 0);
	CU_ASSERT_PTR_NULL(set);
	block = fake_headers(&worker, 0);
	h = &block->headers[0];
	*h = (struct abi_header){.length = 8, .offset = 5000, .kind = ABI_HEADER_AUDIO};
	CU_ASSERT_EQUAL(seed(&set), 0);
	block->count = 1;
	CU_ASSERT_EQUAL(seed(&set), -1);
	h->offset = sizeof(block->data) - 7;
	CU_ASSERT_EQUAL(seed(&set), -1);
	h->offset = sizeof(block->data) - 8;
	CU_ASSERT_EQUAL(seed(&set), 0);
	CU_ASSERT_PTR_NOT_NULL(headers_find(set, ABI_HEADER_AUDIO, 0));
	h->kind = ABI_HEADER_KINDS;
	CU_ASSERT_EQUAL(seed(&set), -1);
	h->kind = ABI_HEADER_NONE;
	CU_ASSERT_EQUAL(seed(&set), -1);
	h->kind = ABI_HEADER_AUDIO;
	block->count = ABI_HEADERS_MAX + 1;
	CU_ASSERT_EQUAL(seed(&set), -1);
	block->count = 1;
	stream->header_sequence = 1; /* never even: the worker died while it wrote */
	CU_ASSERT_EQUAL(seed(&set), -1);
	stream->header_sequence = 2;
	stream->header_block = FAKE_BLOCKS; /* out of the table */
	CU_ASSERT_EQUAL(seed(&set), -1);
	headers_put(set);
	fake_worker_fini(&worker);
}

static void test_origin_states(void)
{
	CU_ASSERT_STRING_EQUAL(origin_state_name(ORIGIN_BACKOFF), "backoff");
	for (int from = 0; from < ORIGIN_STATE_COUNT; from++) {
		CU_ASSERT_FALSE(origin_state_may_follow(from, from));
		/* From everywhere there is a way back to idle, in one step where it is not idle. */
		CU_ASSERT_EQUAL(origin_state_may_follow(from, ORIGIN_IDLE), from != ORIGIN_IDLE);
		CU_ASSERT_EQUAL(origin_state_may_follow(from, ORIGIN_PUBLISHING),
				from == ORIGIN_HANDSHAKE);
		CU_ASSERT_EQUAL(origin_state_may_follow(from, ORIGIN_CLOSING),
				from == ORIGIN_PUBLISHING);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every block boundary", test_every_boundary},
		{"waits at the end of a block", test_waits_at_block_end},
		{"finds the next entry from anywhere", test_finds_next_entry},
		{"hostile entries and references", test_hostile_values},
		{"hostile chain of blocks", test_hostile_chain},
		{"header cache", test_header_cache},
		{"headers by kind and track", test_header_order},
		{"more headers than there is room for", test_header_room},
		{"header block", test_header_block},
		{"states of an origin", test_origin_states},
		CU_TEST_INFO_NULL,
	};

	return check_run("log_reader", tests);
}
