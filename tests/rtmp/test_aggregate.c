/*
 * Aggregate messages: what is within comes out as if it had come alone, however it was cut.
 */
#include "peer.h"
#include "rtmp/aggregate.h"
#include "rtmp/heap_buffers.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX 4096u

static struct peer peer;
static uint8_t body[BODY_MAX];
static uint32_t body_len;

static void put_bytes(const void *bytes, uint32_t len)
{
	memcpy(body + body_len, bytes, len);
	body_len += len;
}

static void put_header(uint8_t type, uint32_t time, uint32_t length)
{
	const uint8_t header[RTMP_AGGREGATE_HEADER] = {
		type,
		(uint8_t)(length >> 16),
		(uint8_t)(length >> 8),
		(uint8_t)length,
		(uint8_t)(time >> 16),
		(uint8_t)(time >> 8),
		(uint8_t)time,
		(uint8_t)(time >> 24),
		7, /* the stream id, which does not count */
	};

	put_bytes(header, sizeof(header));
}

static void put_pointer(uint32_t value)
{
	const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
				  (uint8_t)(value >> 8), (uint8_t)value};

	put_bytes(bytes, sizeof(bytes));
}

/* A message within: `length` bytes from `seed` on. */
static void put_message(uint8_t type, uint32_t time, uint8_t seed, uint32_t length)
{
	put_header(type, time, length);
	for (uint32_t i = 0; i < length; i++) {
		body[body_len++] = (uint8_t)(seed + i);
	}
	put_pointer(RTMP_AGGREGATE_HEADER + length);
}

/* What came out, one entry for each message. */
static struct seen {
	struct rtmp_message msg;
	uint64_t hash;
	uint32_t bytes;
	bool last;
} seen[32];
static uint32_t seen_count;

static void see(const struct rtmp_piece *piece)
{
	struct seen *s;

	if (piece->first) {
		CU_ASSERT_FATAL(seen_count < sizeof(seen) / sizeof(seen[0]));
		CU_ASSERT_TRUE(seen_count == 0 || seen[seen_count - 1].last);
		seen[seen_count++] = (struct seen){.msg = *piece->msg, .hash = hash_fill(0, 0)};
	}
	CU_ASSERT_FATAL(seen_count > 0);
	s = &seen[seen_count - 1];
	CU_ASSERT_FALSE(s->last);
	s->hash = hash_bytes(s->hash, piece->data, piece->len);
	s->bytes += piece->len;
	s->last = piece->last;
}

/* Feeds the body in two pieces, or in pieces of `step` bytes. Returns the last code. */
static int take_apart(uint32_t cut, uint32_t step, uint32_t steps[4])
{
	struct rtmp_message msg = {
		.timestamp = 1000, .length = body_len, .stream_id = 1, .csid = 4, .type = 22};
	struct rtmp_aggregate a = {.next = NULL};
	struct rtmp_piece piece = {.msg = &msg, .slot = 3, .first = true};
	struct rtmp_piece out;
	uint32_t at = 0;
	int rc = 0;

	seen_count = 0;
	memset(steps, 0, 4 * sizeof(steps[0]));
	rtmp_aggregate_begin(&a, &piece);
	do {
		uint32_t n = at < cut ? cut - at : step;

		n = n < body_len - at ? n : body_len - at;
		/* In memory of its own: the sanitizer sees what is read outside. */
		uint8_t *copy = malloc(n != 0 ? n : 1);

		if (copy == NULL) {
			abort();
		}
		memcpy(copy, body + at, n);
		at += n;
		piece.data = n != 0 ? copy : NULL;
		piece.len = n;
		piece.last = at == body_len;
		rtmp_aggregate_feed(&a, &piece);
		while ((rc = rtmp_aggregate_next(&a, &out)) > 0) {
			steps[rc]++;
			if (rc == RTMP_AGGREGATE_PIECE) {
				CU_ASSERT_EQUAL(out.slot, 3);
				see(&out);
			}
		}
		free(copy);
	} while (rc == 0 && at < body_len);
	return rc;
}

static void expect_message(uint32_t i, uint8_t type, uint32_t time, uint8_t seed, uint32_t length)
{
	CU_ASSERT_FATAL(i < seen_count);
	CU_ASSERT_EQUAL(seen[i].msg.type, type);
	CU_ASSERT_EQUAL(seen[i].msg.timestamp, time);
	CU_ASSERT_EQUAL(seen[i].msg.stream_id, 1);
	CU_ASSERT_EQUAL(seen[i].msg.length, length);
	CU_ASSERT_EQUAL(seen[i].bytes, length);
	CU_ASSERT_EQUAL(seen[i].hash, hash_fill(seed, length));
	CU_ASSERT_TRUE(seen[i].last);
}

/* Audio, video, data, nothing, and between them what does not belong in an aggregate. */
static void make_all_kinds(void)
{
	body_len = 0;
	put_message(RTMP_TYPE_AUDIO, 50, 1, 20);
	put_message(RTMP_TYPE_VIDEO, 60, 2, 300);
	put_message(RTMP_TYPE_AGGREGATE, 60, 3, 40);
	put_message(RTMP_TYPE_AUDIO, 70, 4, 0);
	put_message(RTMP_TYPE_COMMAND_AMF0, 70, 5, 33);
	put_message(RTMP_TYPE_DATA_AMF0, 40, 6, 5);
	put_message(RTMP_TYPE_DATA_AMF3, 0x01000000u, 7, 1);
}

static void expect_all_kinds(void)
{
	CU_ASSERT_EQUAL_FATAL(seen_count, 5);
	expect_message(0, RTMP_TYPE_AUDIO, 1000, 1, 20);
	expect_message(1, RTMP_TYPE_VIDEO, 1010, 2, 300);
	expect_message(2, RTMP_TYPE_AUDIO, 1020, 4, 0);
	expect_message(3, RTMP_TYPE_DATA_AMF0, 990, 6, 5);
	expect_message(4, RTMP_TYPE_DATA_AMF3, 0x01000000u + 950, 7, 1);
}

static void test_every_cut(void)
{
	uint32_t steps[4];

	make_all_kinds();
	for (uint32_t cut = 0; cut <= body_len; cut++) {
		CU_ASSERT_EQUAL(take_apart(cut, BODY_MAX, steps), 0);
		expect_all_kinds();
		CU_ASSERT_EQUAL(steps[RTMP_AGGREGATE_SKIPPED], 2);
		CU_ASSERT_EQUAL(steps[RTMP_AGGREGATE_MISMATCH], 0);
	}
	for (uint32_t step = 1; step < 40; step++) {
		CU_ASSERT_EQUAL(take_apart(0, step, steps), 0);
		expect_all_kinds();
	}
}

/* Only at a message's end may an aggregate end; its last back pointer may be missing. */
static void test_every_truncation(void)
{
	static const uint32_t lengths[] = {20, 0, 7};
	uint32_t whole = 0;
	uint32_t steps[4];
	uint32_t full;

	body_len = 0;
	for (uint32_t i = 0; i < 3; i++) {
		put_message(RTMP_TYPE_AUDIO, i, 0, lengths[i]);
	}
	full = body_len;
	for (body_len = 0; body_len <= full; body_len++) {
		bool fits = false;
		uint32_t end = 0;

		whole = 0;
		for (uint32_t i = 0; i < 3; i++) {
			end += RTMP_AGGREGATE_HEADER + lengths[i];
			whole += body_len >= end;
			fits |= body_len == end || body_len == end + 4;
			end += 4;
		}
		fits |= body_len == 0;
		CU_ASSERT_EQUAL(take_apart(body_len / 2, BODY_MAX, steps),
				fits ? 0 : RTMP_ERR(AGGREGATE));
		CU_ASSERT_EQUAL(seen_count, whole);
	}
}

static void test_does_not_fit(void)
{
	uint32_t steps[4];

	body_len = 0;
	put_header(RTMP_TYPE_VIDEO, 0, 100);
	body_len += 99;
	CU_ASSERT_EQUAL(take_apart(0, BODY_MAX, steps), RTMP_ERR(AGGREGATE));
	CU_ASSERT_EQUAL(seen_count, 0);
	body_len = 0;
	put_header(RTMP_TYPE_AGGREGATE, 0, 0xffffff);
	put_pointer(0);
	CU_ASSERT_EQUAL(take_apart(0, 1, steps), RTMP_ERR(AGGREGATE));
	body_len = 0;
	put_header(RTMP_TYPE_VIDEO, 0, 0);
	put_pointer(5); /* tolerated */
	put_message(RTMP_TYPE_VIDEO, 0, 1, 9);
	CU_ASSERT_EQUAL(take_apart(0, BODY_MAX, steps), 0);
	CU_ASSERT_EQUAL(steps[RTMP_AGGREGATE_MISMATCH], 1);
	CU_ASSERT_EQUAL(seen_count, 2);
}

/* The aggregate's timestamp is that of the first message, also across 2^32. */
static void test_shift(void)
{
	uint32_t steps[4];

	body_len = 0;
	put_message(RTMP_TYPE_AUDIO, 0xfffffff0u, 0, 1);
	put_message(RTMP_TYPE_AUDIO, 0x00000010u, 0, 1);
	CU_ASSERT_EQUAL(take_apart(0, BODY_MAX, steps), 0);
	expect_message(0, RTMP_TYPE_AUDIO, 1000, 0, 1);
	expect_message(1, RTMP_TYPE_AUDIO, 1032, 0, 1);
}

/* ---- in a connection ---- */

static void send_aggregate(uint32_t csid, uint32_t stream_id)
{
	struct rtmp_message msg = {.timestamp = 1000,
				   .length = body_len,
				   .stream_id = stream_id,
				   .csid = csid,
				   .type = RTMP_TYPE_AGGREGATE};
	struct rtmp_out out = {peer.tape.bytes, peer.tape.len, TAPE_MAX, false};

	CU_ASSERT_TRUE(rtmp_chunk_writer_put(&peer.writer, &msg, body, &out));
	peer.tape.len = (uint32_t)out.len;
}

static void make_dialogue(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	make_all_kinds();
	send_aggregate(4, 1);
	peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 300);
	send_aggregate(4, 1);
}

#define WITHIN "media=8:20 media=9:300 media=8:0 media=18:5 media=15:1 "

static void test_in_a_connection(void)
{
	static const char log[] = "connected=live publish=live/key:1 " WITHIN "media=9:300 " WITHIN;
	uint32_t len;

	make_dialogue();
	len = peer.tape.len;
	for (uint32_t cut = 3000; cut < len; cut++) {
		make_dialogue();
		peer_run(&peer, UINT32_MAX, cut);
		CU_ASSERT_EQUAL(peer.error, 0);
		CU_ASSERT_STRING_EQUAL(peer.log, log);
		CU_ASSERT_EQUAL(peer.media_bytes, 2 * 326 + 300);
		CU_ASSERT_PTR_NULL(peer.server.aggregates);
		CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_AGGREGATE], 2);
		CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_AGGREGATE_SKIPPED], 4);
	}
	make_dialogue();
	peer_run(&peer, 1, 0);
	CU_ASSERT_STRING_EQUAL(peer.log, log);
	for (uint32_t slot = 0; slot < RTMP_CHUNK_STREAMS; slot++) {
		CU_ASSERT_FALSE(rtmp_server_owns(&peer.server, slot));
	}
}

/* Aggregates of two publishes chunk by chunk in turns, and one that is nobody's. */
static void test_two_at_a_time(void)
{
	static struct rtmp_chunk_writer writers[3];
	uint32_t at[3] = {0, 0, 0};
	bool more = true;

	peer_init(&peer);
	peer_publish(&peer);
	peer_command(&peer, "createStream", 4, 0, NULL);
	peer_command(&peer, "publish", 5, 2, "two");
	make_all_kinds();
	for (uint32_t i = 0; i < 3; i++) {
		struct rtmp_message msg = {
			.length = body_len, .stream_id = i + 1, .csid = 4 + i, .type = 22};

		rtmp_chunk_writer_init(&writers[i], RTMP_DEFAULT_CHUNK_SIZE);
		rtmp_chunk_writer_begin(&writers[i], &msg);
	}
	while (more) {
		more = false;
		for (uint32_t i = 0; i < 3; i++) {
			struct rtmp_chunk chunk;

			if (rtmp_chunk_writer_next(&writers[i], &chunk)) {
				tape_put(&peer.tape, chunk.header, chunk.header_len);
				tape_put(&peer.tape, body + at[i], chunk.payload_len);
				at[i] += chunk.payload_len;
				more = true;
			}
		}
	}
	peer_run(&peer, 100, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_EQUAL(peer.media_bytes, 2 * 326);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_UNOWNED_MEDIA], 1);
	CU_ASSERT_PTR_NULL(peer.server.aggregates);
}

/* The first `len` bytes of an aggregate on chunk stream 4. */
static void begin_aggregate(uint32_t len)
{
	make_all_kinds();
	tape_fmt0(&peer.tape, 4, 1000, body_len, RTMP_TYPE_AGGREGATE, 1);
	tape_put(&peer.tape, body, len);
}

/* Aborted, or its publish ended, in the middle: what holds its state goes back. */
static void test_ends_in_the_middle(void)
{
	for (int how = 0; how < 3; how++) {
		peer_init(&peer);
		peer_publish(&peer);
		begin_aggregate(100);
		peer_run(&peer, UINT32_MAX, 0);
		CU_ASSERT_PTR_NOT_NULL(peer.server.aggregates);
		CU_ASSERT_EQUAL(peer.error, 0);
		if (how == 0) {
			tape_put(&peer.tape, body + 100, 28);
			peer_control(&peer, RTMP_TYPE_ABORT, 4);
			peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 10);
			peer_run(&peer, UINT32_MAX, 0);
			CU_ASSERT_PTR_NOT_NULL(strstr(peer.log, "abort=1 media=8:10 "));
		} else if (how == 1) {
			CU_ASSERT_EQUAL(
				rtmp_server_reject(&peer.server, 1, RTMP_REJECT_KICKED, &peer.out),
				0);
			tape_put(&peer.tape, body + 100, 28);
			tape_fmt3(&peer.tape, 4);
			tape_put(&peer.tape, body + 128, 128);
			peer_run(&peer, UINT32_MAX, 0);
		} else {
			rtmp_server_fini(&peer.server);
		}
		CU_ASSERT_EQUAL(peer.error, 0);
		CU_ASSERT_PTR_NULL(peer.server.aggregates);
		CU_ASSERT_TRUE(peer.media_bytes <= 140);
	}
}

static void test_none_left(void)
{
	static struct rtmp_server_config config;
	static struct rtmp_aggregate_pool empty;

	config = peer_config;
	config.aggregates = &empty;
	for (int i = 0; i < 2; i++) {
		peer_init(&peer);
		rtmp_server_init(&peer.server, &config, 7);
		peer_publish(&peer);
		make_all_kinds();
		send_aggregate(4, 1);
		peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 10);
		peer_run(&peer, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(peer.error, 0);
		CU_ASSERT_STRING_EQUAL(peer.log, "connected=live publish=live/key:1 ignored=22 "
						 "media=8:10 ");
		CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_AGGREGATE_REFUSED], 1);
		config.aggregates = NULL;
	}
}

static void test_error_in_a_connection(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	body_len = 0;
	put_header(RTMP_TYPE_VIDEO, 0, 100);
	send_aggregate(4, 1);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(AGGREGATE));
}

static const struct test tests[] = {
	{"every cut", test_every_cut},
	{"every truncation", test_every_truncation},
	{"does not fit", test_does_not_fit},
	{"timestamps", test_shift},
	{"in a connection", test_in_a_connection},
	{"two at a time", test_two_at_a_time},
	{"ends in the middle", test_ends_in_the_middle},
	{"none left", test_none_left},
	{"error in a connection", test_error_in_a_connection},
};

int main(void)
{
	return RUN_TESTS("rtmp/aggregate", tests);
}
