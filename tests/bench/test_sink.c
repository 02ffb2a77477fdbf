/*
 * penstock-sink from outside: real publishers over loopback, its report and its files.
 */
#include "bench/common/crc32.h"
#include "process.h"
#include "publisher.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t audio_header[] = {0xaf, 0, 0x12, 0x10};
static const uint8_t video_header[] = {0x17, 0, 0, 0, 0, 1, 2, 3};
static const uint8_t keyframe[] = {0x17, 1, 0, 0, 0, 9, 9, 9, 9, 9};
static const uint8_t inter[] = {0x27, 1, 0, 0, 0, 7};
static const uint8_t audio[] = {0xaf, 1, 5, 6, 7};
static const uint8_t metadata[] =
	"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08\0\0\0\0\0\0\x09";

#define METADATA_LEN ((uint32_t)sizeof(metadata) - 1)
#define PREFIX_LEN   16u

static void expect_number(const json_t *stream, const char *key, json_int_t expected)
{
	json_int_t got = json_integer_value(json_object_get(stream, key));

	if (!json_is_integer(json_object_get(stream, key)) || got != expected) {
		fprintf(stderr, "\n  %s: %lld instead of %lld\n", key, (long long)got,
			(long long)expected);
		CU_FAIL("another number");
	}
}

static void expect_string(const json_t *stream, const char *key, const char *expected)
{
	const char *got = json_string_value(json_object_get(stream, key));

	CU_ASSERT_STRING_EQUAL(got != NULL ? got : "(none)", expected);
}

static void send_clip(struct publisher *p)
{
	publisher_message(p, RTMP_TYPE_DATA_AMF0, 0, metadata, METADATA_LEN);
	publisher_message(p, RTMP_TYPE_VIDEO, 0, video_header, sizeof(video_header));
	publisher_message(p, RTMP_TYPE_AUDIO, 0, audio_header, sizeof(audio_header));
	publisher_message(p, RTMP_TYPE_VIDEO, 100, keyframe, sizeof(keyframe));
	publisher_message(p, RTMP_TYPE_AUDIO, 110, audio, sizeof(audio));
	publisher_message(p, RTMP_TYPE_VIDEO, 140, inter, sizeof(inter));
}

static void clip_crc(char text[16])
{
	uint32_t crc = 0;

	sink_crc32_init();
	crc = sink_crc32(crc, video_header, sizeof(video_header));
	crc = sink_crc32(crc, audio_header, sizeof(audio_header));
	crc = sink_crc32(crc, keyframe, sizeof(keyframe));
	crc = sink_crc32(crc, audio, sizeof(audio));
	crc = sink_crc32(crc, inter, sizeof(inter));
	snprintf(text, 16, "%08x", crc);
}

static void expect_clip(const json_t *stream)
{
	char crc[16];

	expect_number(stream, "video_messages", 3);
	expect_number(stream, "audio_messages", 2);
	expect_number(stream, "data_messages", 1);
	expect_number(stream, "video_bytes",
		      sizeof(video_header) + sizeof(keyframe) + sizeof(inter));
	expect_number(stream, "audio_bytes", sizeof(audio_header) + sizeof(audio));
	expect_number(stream, "bytes",
		      sizeof(video_header) + sizeof(keyframe) + sizeof(inter) +
			      sizeof(audio_header) + sizeof(audio) + METADATA_LEN);
	expect_number(stream, "keyframes", 1);
	expect_number(stream, "sequence_headers", 2);
	expect_number(stream, "timestamp_backward", 0);
	expect_number(stream, "timestamp_gaps", 0);
	expect_number(stream, "first_timestamp", 100);
	expect_number(stream, "last_timestamp", 140);
	expect_number(stream, "duration_ms", 40);
	clip_crc(crc);
	expect_string(stream, "crc32", crc);
}

/* What an FLV file of the clip must be, byte by byte. */
struct expected {
	uint8_t data[1024];
	size_t len;
};

static void expect_bytes(struct expected *e, const void *data, size_t len)
{
	CU_ASSERT_FATAL(e->len + len <= sizeof(e->data));
	memcpy(e->data + e->len, data, len);
	e->len += len;
}

static void expect_tag(struct expected *e, uint8_t type, uint32_t timestamp, const void *data,
		       uint32_t len)
{
	const uint8_t header[] = {type,
				  0,
				  (uint8_t)(len >> 8),
				  (uint8_t)len,
				  (uint8_t)(timestamp >> 16),
				  (uint8_t)(timestamp >> 8),
				  (uint8_t)timestamp,
				  (uint8_t)(timestamp >> 24),
				  0,
				  0,
				  0};
	const uint8_t size[] = {0, 0, (uint8_t)((len + 11) >> 8), (uint8_t)(len + 11)};

	expect_bytes(e, header, sizeof(header));
	expect_bytes(e, data, len);
	expect_bytes(e, size, sizeof(size));
}

static void expect_head(struct expected *e, uint8_t flags)
{
	const uint8_t head[] = {'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0};

	e->len = 0;
	expect_bytes(e, head, sizeof(head));
}

static void expect_file(const struct process *p, const char *name, const struct expected *e)
{
	size_t len;
	unsigned char *data = process_file(p, name, &len);

	CU_ASSERT_EQUAL(len, e->len);
	CU_ASSERT_EQUAL(memcmp(data, e->data, len < e->len ? len : e->len), 0);
	free(data);
}

static void expect_clip_file(const struct process *p, const char *name)
{
	struct expected e;

	expect_head(&e, 5);
	expect_tag(&e, 18, 0, metadata + PREFIX_LEN, METADATA_LEN - PREFIX_LEN);
	expect_tag(&e, 9, 0, video_header, sizeof(video_header));
	expect_tag(&e, 8, 0, audio_header, sizeof(audio_header));
	expect_tag(&e, 9, 100, keyframe, sizeof(keyframe));
	expect_tag(&e, 8, 110, audio, sizeof(audio));
	expect_tag(&e, 9, 140, inter, sizeof(inter));
	expect_file(p, name, &e);
}

static void test_publish(void)
{
	struct process sink;
	struct publisher p = {.step = 0};

	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "live", "cam?key=secret");
	send_clip(&p);
	publisher_finish(&p);
	json_t *report = process_report(&sink, 1);
	const json_t *stream = json_array_get(report, 0);
	expect_number(stream, "stream", 1);
	expect_string(stream, "app", "live");
	expect_string(stream, "name", "cam");
	expect_string(stream, "ended", "unpublish");
	CU_ASSERT_TRUE(json_is_null(json_object_get(stream, "error")));
	expect_number(stream, "incomplete_messages", 0);
	expect_clip(stream);
	expect_clip_file(&sink, "live_cam.flv");
	json_decref(report);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

/* The same bytes one at a time: every state of the receiver is left and entered between two. */
static void test_byte_by_byte(void)
{
	struct process sink;
	struct publisher p = {.step = 1};

	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "live", "slow");
	send_clip(&p);
	publisher_finish(&p);
	json_t *report = process_report(&sink, 1);
	expect_clip(json_array_get(report, 0));
	expect_clip_file(&sink, "live_slow.flv");
	json_decref(report);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

/* The connection ends in the middle of a message: what was complete stays, and is all there is. */
static void test_close_in_message(void)
{
	struct process sink;
	struct publisher p = {.step = 0};
	struct expected e;

	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "live", "cut");
	publisher_message(&p, RTMP_TYPE_VIDEO, 20, keyframe, sizeof(keyframe));
	publisher_half_message(&p, 60, 3000);
	publisher_close(&p);
	json_t *report = process_report(&sink, 1);
	const json_t *stream = json_array_get(report, 0);
	expect_string(stream, "ended", "close");
	expect_number(stream, "video_messages", 1);
	expect_number(stream, "incomplete_messages", 1);
	expect_head(&e, 1);
	expect_tag(&e, 9, 20, keyframe, sizeof(keyframe));
	expect_file(&sink, "live_cut.flv", &e);
	json_decref(report);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

static void test_large_message_and_timestamp(void)
{
	static uint8_t large[300000];
	struct process sink;
	struct publisher p = {.step = 0};
	size_t len;

	for (size_t i = 0; i < sizeof(large); i++) {
		large[i] = (uint8_t)(i * 7);
	}
	large[0] = 0x17;
	large[1] = 1;
	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "live", "large");
	publisher_message(&p, RTMP_TYPE_VIDEO, 0x12345678, large, sizeof(large));
	publisher_finish(&p);
	json_decref(process_report(&sink, 1));
	unsigned char *file = process_file(&sink, "live_large.flv", &len);
	const uint8_t tag[] = {9, 0x04, 0x93, 0xe0, 0x34, 0x56, 0x78, 0x12, 0, 0, 0};
	CU_ASSERT_EQUAL_FATAL(len, 13 + 11 + sizeof(large) + 4);
	CU_ASSERT_EQUAL(memcmp(file + 13, tag, sizeof(tag)), 0);
	CU_ASSERT_EQUAL(memcmp(file + 24, large, sizeof(large)), 0);
	free(file);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

static void test_timestamps(void)
{
	struct process sink;
	struct publisher p = {.step = 0};

	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "live", "time");
	publisher_message(&p, RTMP_TYPE_VIDEO, 1000, keyframe, sizeof(keyframe));
	publisher_message(&p, RTMP_TYPE_AUDIO, 990, audio, sizeof(audio)); /* other type: no step */
	publisher_message(&p, RTMP_TYPE_VIDEO, 999, inter, sizeof(inter));
	publisher_message(&p, RTMP_TYPE_VIDEO, 2000, inter, sizeof(inter));
	/* A repeated sequence header at any time is no step either. */
	publisher_message(&p, RTMP_TYPE_VIDEO, 0, video_header, sizeof(video_header));
	publisher_message(&p, RTMP_TYPE_VIDEO, 3000, inter, sizeof(inter));
	publisher_finish(&p);
	json_t *report = process_report(&sink, 1);
	const json_t *stream = json_array_get(report, 0);
	expect_number(stream, "timestamp_backward", 1); /* 1000 -> 999 */
	expect_number(stream, "timestamp_gaps", 1);     /* 999 -> 2000; 2000 -> 3000 is 1 s */
	json_decref(report);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

static void test_aggregate(void)
{
	/* Two parts at 50 and 60 in a message at 1050: they are at 1050 and 1060. */
	static const uint8_t aggregate[] = {9, 0,  0, 6, 0, 0, 50,   0,  0, 0, 0, 0x17, 1,
					    0, 0,  0, 7, 0, 0, 0,    17, 8, 0, 0, 3,    0,
					    0, 60, 0, 0, 0, 0, 0xaf, 1,  5, 0, 0, 0,    14};
	struct process sink;
	struct publisher p = {.step = 0};
	struct expected e;

	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "live", "agg");
	publisher_message(&p, RTMP_TYPE_AGGREGATE, 1050, aggregate, sizeof(aggregate));
	publisher_message(&p, RTMP_TYPE_AGGREGATE, 1100, aggregate,
			  17); /* without the last back pointer */
	publisher_finish(&p);
	json_t *report = process_report(&sink, 1);
	const json_t *stream = json_array_get(report, 0);
	expect_number(stream, "video_messages", 2);
	expect_number(stream, "audio_messages", 1);
	expect_head(&e, 5);
	expect_tag(&e, 9, 1050, aggregate + 11, 6);
	expect_tag(&e, 8, 1060, aggregate + 32, 3);
	expect_tag(&e, 9, 1100, aggregate + 11, 6);
	expect_file(&sink, "live_agg.flv", &e);
	json_decref(report);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

static void test_same_name_twice(void)
{
	struct process sink;

	process_start(&sink, NULL);
	for (int i = 0; i < 2; i++) {
		struct publisher p = {.step = 0};
		publisher_open(&p, sink.port, "live", "cam");
		send_clip(&p);
		publisher_finish(&p);
	}
	json_t *report = process_report(&sink, 2);
	CU_ASSERT_EQUAL(json_array_size(report), 2);
	expect_clip_file(&sink, "live_cam.flv");
	expect_clip_file(&sink, "live_cam-2.flv");
	json_decref(report);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

/* No path out of the directory, no control byte in report or log. */
static void test_evil_names(void)
{
	static const char name[] = "../../../tmp/x\x1b[2J\xc3\xa9\xff";
	struct process sink;
	struct publisher p = {.step = 0};
	char line[1024];
	size_t len;

	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "..", name);
	send_clip(&p);
	publisher_finish(&p);
	json_t *report = process_report(&sink, 1);
	expect_string(json_array_get(report, 0), "name",
		      "../../../tmp/x\x1b[2J\xc3\xa9\xef\xbf\xbd");
	json_decref(report);
	unsigned char *text = process_file(&sink, "report.json", &len);
	for (size_t i = 0; i < len; i++) {
		CU_ASSERT_TRUE(text[i] == '\n' || (text[i] >= ' ' && text[i] < 0x7f));
	}
	free(text);
	expect_clip_file(&sink, "_.__._.._.._tmp_x__2J___.flv");
	CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), sink.errors));
	CU_ASSERT_PTR_NULL(strchr(line, '\x1b'));
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

static void test_garbage(void)
{
	struct process sink;
	struct publisher p = {.step = 0};
	uint8_t noise[8192];

	process_start(&sink, NULL);
	srandom(1);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(noise); i++) {
			noise[i] = (uint8_t)random();
		}
		noise[0] = round % 2 == 0 ? 3 : noise[0]; /* half of them pass for a handshake */
		int fd = publisher_connect(sink.port);
		(void)!send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
		close(fd);
	}
	publisher_open(&p, sink.port, "live", "good");
	send_clip(&p);
	publisher_finish(&p);
	json_t *report = process_report(&sink, 1);
	CU_ASSERT_EQUAL(json_array_size(report), 1);
	expect_clip(json_array_get(report, 0));
	json_decref(report);
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	process_clean(&sink);
}

static void test_stop_while_running(void)
{
	struct process sink;
	struct publisher p = {.step = 0};

	process_start(&sink, NULL);
	publisher_open(&p, sink.port, "live", "run");
	send_clip(&p);
	for (json_t *report = NULL;;) {
		report = process_report(&sink, 0);
		json_int_t video = json_integer_value(
			json_object_get(json_array_get(report, 0), "video_messages"));
		json_decref(report);
		if (video == 3) {
			break;
		}
		usleep(20000);
	}
	CU_ASSERT_EQUAL(process_stop(&sink), 0);
	json_t *report = process_report(&sink, 0);
	expect_string(json_array_get(report, 0), "ended", "running");
	expect_clip(json_array_get(report, 0));
	json_decref(report);
	expect_clip_file(&sink, "live_run.flv");
	publisher_close(&p);
	process_clean(&sink);
}

#define MANY 300

static void test_many(void)
{
	static const char *const extra[] = {"--once", "300", "--no-checksum", "--quiet", NULL};
	static struct publisher publishers[MANY];
	static char names[MANY][16];
	struct process sink;

	process_start(&sink, extra);
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "s%d", i);
		publisher_open(&publishers[i], sink.port, "live", names[i]);
	}
	for (int i = 0; i < MANY; i++) {
		send_clip(&publishers[i]);
	}
	for (int i = 0; i < MANY; i++) {
		publisher_finish(&publishers[i]);
	}
	CU_ASSERT_EQUAL(process_wait(&sink), 0); /* --once */
	json_t *report = process_report(&sink, MANY);
	CU_ASSERT_EQUAL(json_array_size(report), MANY);
	for (size_t i = 0; i < MANY; i++) {
		const json_t *stream = json_array_get(report, i);
		expect_string(stream, "name", names[i]);
		expect_number(stream, "video_messages", 3);
		CU_ASSERT_TRUE(json_is_null(json_object_get(stream, "crc32")));
	}
	json_decref(report);
	process_clean(&sink);
}

/* Sends until the sink ends the connection; bytes that it took from us. */
static size_t send_until_reset(struct publisher *p)
{
	static const uint8_t zeros[65536];
	size_t sent = 0;
	ssize_t n = 0;

	while (n >= 0) {
		sent += (size_t)n;
		n = send(p->fd, zeros, sizeof(zeros), MSG_NOSIGNAL);
	}
	return sent;
}

static void test_reset_after(void)
{
	static const char *const extra[] = {"--reset-after", "100000", NULL};
	struct process process;
	struct publisher p = {0};

	process_start(&process, extra);
	publisher_open(&p, process.port, "live", "reset");
	publisher_message(&p, RTMP_TYPE_VIDEO, 0, keyframe, sizeof(keyframe));
	(void)send_until_reset(&p);
	json_t *report = process_report(&process, 1);
	expect_string(json_array_get(report, 0), "error", "reset on purpose");
	json_decref(report);
	publisher_close(&p);
	CU_ASSERT_EQUAL(process_stop(&process), 0);
	process_clean(&process);
}

/* Whether the socket still takes bytes after a while of taking them without reading. */
static bool takes_for_ever(int fd)
{
	static const uint8_t zeros[65536];

	for (int i = 0; i < 1000; i++) { /* 64 MB, more than any socket buffer */
		if (send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			usleep(2000);
			if (send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
				return false;
			}
		}
	}
	return true;
}

static void test_stall(void)
{
	static const char *const never[] = {"--never-read", NULL};
	static const char *const later[] = {"--stall-after", "50000", NULL};
	struct process process;
	struct publisher p = {0};

	process_start(&process, never);
	int fd = publisher_connect(process.port);
	CU_ASSERT_FALSE(takes_for_ever(fd));
	close(fd);
	CU_ASSERT_EQUAL(process_stop(&process), 0);
	process_clean(&process);
	process_start(&process, later);
	publisher_open(&p, process.port, "live", "stall");
	CU_ASSERT_FALSE(takes_for_ever(p.fd));
	publisher_close(&p);
	CU_ASSERT_EQUAL(process_stop(&process), 0);
	process_clean(&process);
}

static void test_usage(void)
{
	static const char *const bad[][6] = {
		{NULL},
		{"--listen", NULL},
		{"--listen", "127.0.0.1:0", "x", NULL},
		{"--listen", "127.0.0.1:0", "--once", "0", NULL},
		{"--listen", "127.0.0.1:0", "--once", "-1", NULL},
		{"--listen", "127.0.0.1:0", "--seconds", "1s", NULL},
		{"--listen", "127.0.0.1:0", "--reset-after", "0", NULL},
		{"--listen", "127.0.0.1:0", "--stall-after", "x", NULL},
		{"--unknown", NULL},
	};
	static const char *const good[][6] = {{"--help", NULL}, {"--version", NULL}};
	static const char *const failing[][6] = {
		{"--listen", "127.0.0.1", NULL},
		{"--listen", "::1:80", NULL},
		{"--listen", "127.0.0.1:99999", NULL},
		{"--listen", "nohost:80", NULL},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(process_run(bad[i]), 2);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_EQUAL(process_run(good[i]), 0);
	}
	for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		CU_ASSERT_EQUAL(process_run(failing[i]), 1);
	}
	/* A report that cannot be written at the end is an error of the whole run. */
	const char *const unwritable[] = {"--listen", "127.0.0.1:0", "--seconds",
					  "1",        "--json",      "/nonexistent/report.json",
					  NULL};
	CU_ASSERT_EQUAL(process_run(unwritable), 1);
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("sink", NULL, NULL);
	CU_ADD_TEST(suite, test_publish);
	CU_ADD_TEST(suite, test_byte_by_byte);
	CU_ADD_TEST(suite, test_close_in_message);
	CU_ADD_TEST(suite, test_large_message_and_timestamp);
	CU_ADD_TEST(suite, test_timestamps);
	CU_ADD_TEST(suite, test_aggregate);
	CU_ADD_TEST(suite, test_same_name_twice);
	CU_ADD_TEST(suite, test_evil_names);
	CU_ADD_TEST(suite, test_garbage);
	CU_ADD_TEST(suite, test_stop_while_running);
	CU_ADD_TEST(suite, test_many);
	CU_ADD_TEST(suite, test_reset_after);
	CU_ADD_TEST(suite, test_stall);
	CU_ADD_TEST(suite, test_usage);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
