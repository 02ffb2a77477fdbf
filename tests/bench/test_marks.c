/*
 * Marks of synthetic payloads: written, read, damaged; sets of numbers; the table of a sink.
 */
#include "bench/common/mark.h"
#include "latency.h"
#include "marks.h"
#include "rtmp/message.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD 500u

static const uint8_t audio_head[MARK_AUDIO] = {0xaf, 1};

static void test_every_byte_counts(void)
{
	const struct mark mark = {
		.stream = 7, .incarnation = 2, .number = 5, .keyframe = 3, .sent_ns = 9};
	uint8_t data[PAYLOAD];
	struct mark got;

	mark_write(&mark, data, sizeof(data));
	for (uint32_t i = 0; i < sizeof(data); i++) {
		data[i] ^= 0x10;
		bool read = mark_read(&got, data, sizeof(data));
		CU_ASSERT_EQUAL(read, i >= MARK_BYTES);
		if (read) {
			CU_ASSERT_EQUAL(mark_foreign_bytes(&got, data, sizeof(data)), 1);
		}
		data[i] ^= 0x10;
	}
	CU_ASSERT_TRUE(mark_read(&got, data, sizeof(data)));
	CU_ASSERT_EQUAL(mark_foreign_bytes(&got, data, sizeof(data)), 0);
	CU_ASSERT_EQUAL(got.stream, 7);
	CU_ASSERT_EQUAL(got.incarnation, 2);
	CU_ASSERT_EQUAL(got.number, 5);
	CU_ASSERT_EQUAL(got.keyframe, 3);
	CU_ASSERT_EQUAL(got.sent_ns, 9);
}

/* Another message of the same stream, another stream, and the same message displaced. */
static void test_fillers_differ(void)
{
	const struct mark mark = {.stream = 7, .number = 5};
	const struct mark later = {.stream = 7, .number = 6};
	const struct mark other = {.stream = 8, .number = 5};
	uint8_t data[PAYLOAD];

	mark_write(&later, data, sizeof(data));
	CU_ASSERT_TRUE(mark_foreign_bytes(&mark, data, sizeof(data)) > 0);
	mark_write(&other, data, sizeof(data));
	CU_ASSERT_TRUE(mark_foreign_bytes(&mark, data, sizeof(data)) > 0);
	mark_write(&mark, data, sizeof(data));
	memmove(data + MARK_BYTES, data + MARK_BYTES + 8, sizeof(data) - MARK_BYTES - 8);
	CU_ASSERT_TRUE(mark_foreign_bytes(&mark, data, sizeof(data)) > PAYLOAD / 2);
}

static void test_truncated_marks(void)
{
	const struct mark mark = {.stream = 7};
	uint8_t data[MARK_BYTES];
	struct mark got;

	mark_write(&mark, data, sizeof(data));
	for (uint32_t len = 0; len < MARK_BYTES; len++) {
		CU_ASSERT_FALSE(mark_read(&got, data, len));
		CU_ASSERT_EQUAL(mark_offset(RTMP_TYPE_AUDIO, len + MARK_AUDIO), UINT32_MAX);
		CU_ASSERT_EQUAL(mark_offset(RTMP_TYPE_VIDEO, len + MARK_VIDEO), UINT32_MAX);
	}
	CU_ASSERT_EQUAL(mark_offset(RTMP_TYPE_VIDEO, PAYLOAD), MARK_VIDEO);
	CU_ASSERT_EQUAL(mark_offset(RTMP_TYPE_AUDIO, PAYLOAD), MARK_AUDIO);
	CU_ASSERT_EQUAL(mark_offset(RTMP_TYPE_DATA_AMF0, PAYLOAD), PAYLOAD - MARK_BYTES);
	CU_ASSERT_EQUAL(mark_stream("cam?key=x"), mark_stream("cam"));
	CU_ASSERT_NOT_EQUAL(mark_stream("cam1"), mark_stream("cam2"));
}

static bool add_bit(struct ranges *r, uint64_t *bits, unsigned int bit)
{
	bool fresh = (*bits & UINT64_C(1) << bit) == 0;

	*bits |= UINT64_C(1) << bit;
	CU_ASSERT_EQUAL(ranges_contain(r, bit), !fresh);
	return ranges_add(r, bit) == fresh;
}

/* Against a bit set, in random orders. */
static void test_ranges_random(void)
{
	unsigned int seed = 1;

	for (int run = 0; run < 200; run++) {
		struct ranges r = {0};
		uint64_t bits = 0;
		for (int i = 0; i < 100; i++) {
			seed = seed * 1103515245 + 12345;
			CU_ASSERT_TRUE(add_bit(&r, &bits, seed >> 16 & 63));
		}
		uint64_t total = 0;
		for (uint32_t i = 0; i < r.count; i++) {
			CU_ASSERT_TRUE(r.range[i].from < r.range[i].to);
			CU_ASSERT_TRUE(i == 0 || r.range[i - 1].to < r.range[i].from);
			total += r.range[i].to - r.range[i].from;
		}
		CU_ASSERT_EQUAL(total, (uint64_t)__builtin_popcountll(bits));
	}
}

static void test_ranges_full(void)
{
	struct ranges r = {0};

	for (uint64_t n = 0; n < RANGES_MAX + 3; n++) {
		(void)ranges_add(&r, n * 2);
	}
	CU_ASSERT_EQUAL(r.count, RANGES_MAX);
	CU_ASSERT_EQUAL(r.lost, 3);
	CU_ASSERT_FALSE(ranges_contain(&r, UINT64_C(2) * RANGES_MAX));
	CU_ASSERT_TRUE(ranges_add(&r, 1)); /* joins two */
	CU_ASSERT_EQUAL(r.count, RANGES_MAX - 1);
}

struct table {
	char path[64];
	struct marks *marks;
};

static struct marks *map_table(const struct table *t)
{
	struct marks *marks = marks_open(t->path);

	if (marks == NULL) {
		CU_FAIL_FATAL("the table could not be mapped");
		abort();
	}
	return marks;
}

static void open_table(struct table *t)
{
	snprintf(t->path, sizeof(t->path), "/tmp/penstock-test-marks-XXXXXX");
	int fd = mkstemp(t->path);
	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	t->marks = map_table(t);
}

static void close_table(struct table *t)
{
	marks_close(t->marks);
	unlink(t->path);
}

static void send(struct marks_publish *p, const char *from, uint64_t number, uint64_t keyframe)
{
	const struct mark mark = {
		.stream = mark_stream(from), .number = number, .keyframe = keyframe};
	uint8_t data[PAYLOAD];

	memcpy(data, audio_head, sizeof(audio_head));
	mark_write(&mark, data + MARK_AUDIO, PAYLOAD - MARK_AUDIO);
	marks_message(p, RTMP_TYPE_AUDIO, data, sizeof(data));
}

static void send_run(struct marks_publish *p, uint64_t from, uint64_t to, uint64_t gop)
{
	for (uint64_t n = from; n < to; n++) {
		send(p, "cam", n, n - n % gop);
	}
}

static void test_repeated_gops(void)
{
	struct table t;
	struct marks_publish p;

	open_table(&t);
	marks_publish_init(&p, t.marks, "live", "cam");
	send_run(&p, 0, 25, 10);
	CU_ASSERT_EQUAL(p.counts.repeated, 0);
	marks_publish_init(&p, t.marks, "live", "cam"); /* one whole GOP, half of the next */
	send_run(&p, 10, 30, 10);
	CU_ASSERT_EQUAL(p.counts.repeated, 15);
	CU_ASSERT_EQUAL(p.counts.repeated_gops, 1);
	marks_publish_init(&p, t.marks, "live", "cam"); /* up to the last message, and no new one */
	send_run(&p, 20, 30, 10);
	CU_ASSERT_EQUAL(p.counts.repeated_gops, 0);
	send_run(&p, 30, 40, 10);
	CU_ASSERT_EQUAL(p.counts.repeated_gops, 1);
	CU_ASSERT_EQUAL(t.marks->streams[0].counts.repeated_max, 15);
	CU_ASSERT_EQUAL(t.marks->streams[0].publishes, 3);
	CU_ASSERT_EQUAL(t.marks->streams[0].seen.count, 1);
	CU_ASSERT_EQUAL(t.marks->streams[0].seen.range[0].to, 40);
	close_table(&t);
}

static void test_faults_are_seen(void)
{
	struct table t;
	struct marks_publish p;
	uint8_t unmarked[PAYLOAD] = {0xaf, 1};

	open_table(&t);
	marks_publish_init(&p, t.marks, "live", "cam");
	send_run(&p, 0, 10, 10);
	send(&p, "cam", 12, 10);
	send(&p, "cam", 11, 10);
	CU_ASSERT_EQUAL(p.counts.skipped, 2);
	CU_ASSERT_EQUAL(p.counts.backward, 1);
	CU_ASSERT_EQUAL(p.counts.foreign_bytes, 0);
	send(&p, "other", 12, 10);
	CU_ASSERT_EQUAL(p.counts.foreign_messages, 1);
	CU_ASSERT_EQUAL(p.counts.foreign_bytes, PAYLOAD);
	marks_message(&p, RTMP_TYPE_AUDIO, unmarked, sizeof(unmarked));
	CU_ASSERT_EQUAL(p.counts.foreign_bytes, UINT64_C(2) * PAYLOAD);
	CU_ASSERT_EQUAL(t.marks->streams[0].counts.foreign_bytes, UINT64_C(2) * PAYLOAD);
	close_table(&t);
}

/* The next process goes on where a killed one stopped. */
static void test_table_stays(void)
{
	struct table t;
	struct marks_publish p;

	open_table(&t);
	marks_publish_init(&p, t.marks, "live", "cam");
	send_run(&p, 0, 5, 10);
	marks_close(t.marks);
	t.marks = map_table(&t);
	marks_publish_init(&p, t.marks, "live", "cam");
	send_run(&p, 3, 8, 10);
	CU_ASSERT_EQUAL(p.counts.repeated, 2);
	CU_ASSERT_EQUAL(t.marks->streams[0].seen.range[0].to, 8);
	CU_ASSERT_EQUAL(truncate(t.path, 100), 0);
	struct marks *cut = marks_open(t.path);
	CU_ASSERT_PTR_NULL(cut);
	unlink(t.path);
}

/* Sent 1 to 1000 us before it came; without a time, a mark or a past it is not counted. */
static void test_latency(void)
{
	static struct latency latency;
	struct mark mark = {.stream = 7};
	uint8_t data[PAYLOAD] = {0xaf, 1};

	latency_init(&latency);
	latency_arrived(&latency);
	CU_ASSERT_TRUE(latency.now_ns > 2000000);
	for (uint32_t us = 1; us <= 1000; us++) {
		mark.sent_ns = latency.now_ns - us * UINT64_C(1000);
		mark_write(&mark, data + MARK_AUDIO, PAYLOAD - MARK_AUDIO);
		latency_message(&latency, RTMP_TYPE_AUDIO, data, PAYLOAD);
	}
	CU_ASSERT_EQUAL(latency.us.count, 1000);
	CU_ASSERT_EQUAL(latency.us.max, 1000);
	CU_ASSERT_TRUE(histogram_quantile(&latency.us, 500) >= 500);
	CU_ASSERT_TRUE(histogram_quantile(&latency.us, 500) <= 504);
	mark.sent_ns = latency.now_ns + 1;
	mark_write(&mark, data + MARK_AUDIO, PAYLOAD - MARK_AUDIO);
	latency_message(&latency, RTMP_TYPE_AUDIO, data, PAYLOAD);
	CU_ASSERT_EQUAL(latency.early, 1);
	mark.sent_ns = 0;
	mark_write(&mark, data + MARK_AUDIO, PAYLOAD - MARK_AUDIO);
	latency_message(&latency, RTMP_TYPE_AUDIO, data, PAYLOAD);
	latency_message(&latency, RTMP_TYPE_AUDIO, data, 20);
	data[MARK_AUDIO + 4] ^= 1;
	latency_message(&latency, RTMP_TYPE_AUDIO, data, PAYLOAD);
	CU_ASSERT_EQUAL(latency.untimed, 3);
	CU_ASSERT_EQUAL(latency.us.count, 1000);
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	mark_init();
	CU_pSuite suite = CU_add_suite("marks", NULL, NULL);
	CU_ADD_TEST(suite, test_every_byte_counts);
	CU_ADD_TEST(suite, test_fillers_differ);
	CU_ADD_TEST(suite, test_truncated_marks);
	CU_ADD_TEST(suite, test_ranges_random);
	CU_ADD_TEST(suite, test_ranges_full);
	CU_ADD_TEST(suite, test_repeated_gops);
	CU_ADD_TEST(suite, test_faults_are_seen);
	CU_ADD_TEST(suite, test_table_stays);
	CU_ADD_TEST(suite, test_latency);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
