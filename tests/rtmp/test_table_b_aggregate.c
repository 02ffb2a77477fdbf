/*
 * Aggregate messages, lines B12 and F20 of CONFORMANCE.md (RTMP 1.0 section 7.1.6), through a
 * session: what is within comes out as if it had come alone. And runs of chunks, which are taken at
 * once: they count for acknowledgement (B9); an aggregate has none.
 */
#include "rtmp/aggregate.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { A = RTMP_TYPE_AUDIO, V = RTMP_TYPE_VIDEO };

static uint8_t body[4096];
static uint32_t length;

static struct got {
	struct rtmp_message msg;
	uint64_t hash;
	uint32_t bytes;
} got[16];
static uint32_t count;

static void put_be(uint32_t value, uint32_t bytes)
{
	for (uint32_t i = bytes; i-- > 0;) {
		body[length++] = (uint8_t)(value >> (8 * i));
	}
}

/* The FLV tag header of a message within; the stream id in it, 9, does not count. */
static void put_header(uint8_t type, uint32_t time, uint32_t len)
{
	put_be(type, 1);
	put_be(len, 3);
	put_be(time, 3);
	put_be(time >> 24, 1);
	put_be(9, 3);
}

static void put_message(uint8_t type, uint32_t time, uint8_t seed, uint32_t len)
{
	put_header(type, time, len);
	for (uint32_t i = 0; i < len; i++) {
		body[length++] = (uint8_t)(seed + i);
	}
	put_be(11 + len, 4);
}

static void take(const struct rtmp_server_event *e)
{
	if (e->type != RTMP_SERVER_MEDIA) {
		return;
	}
	if (e->piece.first) {
		CU_ASSERT_FATAL(count < sizeof(got) / sizeof(got[0]));
		got[count++] = (struct got){.msg = *e->piece.msg, .hash = hash_fill(0, 0)};
	}
	CU_ASSERT_FATAL(count > 0);
	got[count - 1].hash = hash_bytes(got[count - 1].hash, e->piece.data, e->piece.len);
	got[count - 1].bytes += e->piece.len;
	CU_ASSERT_EQUAL(e->piece.last, got[count - 1].bytes == got[count - 1].msg.length);
}

/* One span, in memory of exactly its size. */
static int feed(const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = calloc(1, len != 0 ? len : 1);
	struct rtmp_span in = {.data = copy, .len = len};
	struct rtmp_server_event event;
	int rc;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	do {
		rc = rtmp_server_next(&encoder.server, &in, &encoder.out, &event);
		if (rc == 0) {
			take(&event);
		}
	} while (rc == 0 && event.type != RTMP_SERVER_MORE);
	free(copy);
	return rc;
}

/* Sends the body as an aggregate at `time`, cut once, to a publish that is live. */
static int send_cut(uint32_t time, uint32_t cut)
{
	int rc;

	count = 0;
	table_live();
	tape_fmt0(&encoder.tape, 6, time, length, RTMP_TYPE_AGGREGATE, 1);
	for (uint32_t at = 0; at < length; at += RTMP_DEFAULT_CHUNK_SIZE) {
		if (at != 0) {
			tape_fmt3(&encoder.tape, 6);
		}
		tape_put(&encoder.tape, body + at, length - at < 128 ? length - at : 128);
	}
	cut = cut < encoder.tape.len ? cut : encoder.tape.len;
	rc = feed(encoder.tape.bytes, cut);
	if (rc == 0) {
		rc = feed(encoder.tape.bytes + cut, encoder.tape.len - cut);
	}
	tape_reset(&encoder.tape);
	return rc;
}

static void check(uint32_t i, uint8_t type, uint32_t time, uint8_t seed, uint32_t len)
{
	CU_ASSERT_FATAL(i < count);
	CU_ASSERT_EQUAL(got[i].msg.type, type);
	CU_ASSERT_EQUAL(got[i].msg.timestamp, time);
	CU_ASSERT_EQUAL(got[i].msg.length, len);
	CU_ASSERT_EQUAL(got[i].msg.stream_id, 1);
	CU_ASSERT_EQUAL(got[i].bytes, len);
	CU_ASSERT_EQUAL(got[i].hash, hash_fill(seed, len));
}

/* B12: the first message gets the time of the aggregate, the others keep their distance. */
static void test_times(void)
{
	length = 0;
	put_message(V, 40, 1, 200);
	put_message(A, 63, 2, 0);
	put_message(RTMP_TYPE_DATA_AMF0, 63, 3, 30);
	put_message(A, 86, 4, 9);
	for (uint32_t cut = 0; cut < length + 20; cut++) {
		CU_ASSERT_EQUAL(send_cut(1000, cut), 0);
		CU_ASSERT_EQUAL_FATAL(count, 4);
		check(0, V, 1000, 1, 200);
		check(1, A, 1023, 2, 0);
		check(2, RTMP_TYPE_DATA_AMF0, 1023, 3, 30);
		check(3, A, 1046, 4, 9);
	}
}

/* B12: 32 bits: the fourth byte of a timestamp stands behind the others; all of it wraps. */
static void test_long_times(void)
{
	length = 0;
	put_message(A, 0xfffffff0u, 1, 3);
	put_message(A, 0x10, 2, 3);
	put_message(A, 0x01020304, 3, 3);
	CU_ASSERT_EQUAL(send_cut(5, 0), 0);
	CU_ASSERT_EQUAL_FATAL(count, 3);
	check(0, A, 5, 1, 3);
	check(1, A, 0x25, 2, 3);
	check(2, A, 0x01020319, 3, 3);
}

/* B12: back pointers are not used: a wrong one, and a last one that is missing, do no harm. */
static void test_back_pointers(void)
{
	length = 0;
	put_message(A, 0, 1, 3);
	body[length - 1] ^= 0xff;
	put_message(A, 7, 2, 3);
	length -= 4;
	CU_ASSERT_EQUAL(send_cut(0, 0), 0);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	check(1, A, 7, 2, 3);
}

/* B12: nothing at all, and every end that is none: an error with a counter of its own. */
static void test_bounds(void)
{
	length = 0;
	CU_ASSERT_EQUAL(send_cut(0, 0), 0);
	CU_ASSERT_EQUAL(count, 0);
	put_message(A, 0, 1, 3);
	put_message(V, 0, 2, 40);
	for (uint32_t whole = length; length > 0; length--) {
		bool ends = length == whole || length == whole - 4 || length == 18 || length == 14;

		CU_ASSERT_EQUAL(send_cut(0, 0), ends ? 0 : RTMP_ERR(AGGREGATE));
		/* Of a message that does not fit nothing comes out, as soon as it is known. */
		CU_ASSERT_EQUAL(count, length >= whole - 4 ? 2 : length >= 11 + 3);
	}
	/* A length within that reaches behind the aggregate. */
	put_message(A, 0, 1, 3);
	put_header(V, 0, 0xffffff);
	CU_ASSERT_EQUAL(send_cut(0, 0), RTMP_ERR(AGGREGATE));
	CU_ASSERT_EQUAL(count, 1);
}

/* B12: of an aggregate that belongs to no publish nothing comes out. */
static void test_unowned(void)
{
	length = 0;
	put_message(A, 0, 1, 3);
	table_connected();
	table_send(RTMP_TYPE_AGGREGATE, 6, 1, body, length);
	table_expect(0, "ignored=22 ", "");
}

/* F20: aggregates within aggregates are stepped over, and so is what is no media. */
static void test_nested(void)
{
	static const uint8_t types[] = {RTMP_TYPE_AGGREGATE,
					RTMP_TYPE_SET_CHUNK_SIZE,
					RTMP_TYPE_ABORT,
					RTMP_TYPE_COMMAND_AMF0,
					RTMP_TYPE_WINDOW_ACK_SIZE,
					0,
					255};

	length = 0;
	for (size_t i = 0; i < sizeof(types); i++) {
		put_message(types[i], 0, 0, 30);
	}
	put_message(A, 5, 7, 200);
	CU_ASSERT_EQUAL(send_cut(0, 0), 0);
	CU_ASSERT_EQUAL_FATAL(count, 1);
	check(0, A, 5, 7, 200);
	CU_ASSERT_EQUAL(encoder.server.reader.chunk_size, RTMP_DEFAULT_CHUNK_SIZE);
	CU_ASSERT_EQUAL(encoder.server.peer_window, 0);
}

/* Feeds what is on the tape as one span, runs taken at once; payload bytes that came in runs. */
static uint32_t feed_runs(void)
{
	struct rtmp_span in = {.data = encoder.tape.bytes, .len = encoder.tape.len};
	struct rtmp_server_event event;
	struct rtmp_run run;
	uint32_t bytes = 0;

	do {
		CU_ASSERT_EQUAL_FATAL(rtmp_server_next(&encoder.server, &in, &encoder.out, &event),
				      0);
		if (event.type == RTMP_SERVER_MEDIA && !event.piece.last &&
		    rtmp_server_run(&encoder.server, &in, 4096, &run)) {
			bytes += run.len;
		}
	} while (event.type != RTMP_SERVER_MORE);
	return bytes;
}

/* B9: headers and payload of runs are received like all else. */
static void test_bytes_of_runs(void)
{
	uint64_t before;

	table_live();
	before = encoder.server.received;
	peer_message(&encoder, V, 6, 1, 0, 1, 1000);
	CU_ASSERT_EQUAL(feed_runs(), 1000 - 128);
	CU_ASSERT_EQUAL(encoder.server.received - before, encoder.tape.len);
}

/* B12: what is within an aggregate is not chunks. */
static void test_no_runs(void)
{
	length = 0;
	put_message(V, 0, 1, 600);
	table_live();
	table_send(RTMP_TYPE_AGGREGATE, 6, 1, body, length);
	CU_ASSERT_EQUAL(feed_runs(), 0);
}

static const struct test tests[] = {
	{"B9 bytes of runs", test_bytes_of_runs},
	{"B12 no runs in aggregates", test_no_runs},
	{"B12 times and cuts", test_times},
	{"B12 long times", test_long_times},
	{"B12 back pointers", test_back_pointers},
	{"B12 bounds", test_bounds},
	{"B12 nobody's", test_unowned},
	{"F20 nested aggregates", test_nested},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_b_aggregate", tests);
}
