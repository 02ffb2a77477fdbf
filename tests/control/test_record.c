/*
 * Recordings: what comes over a client's socket is FLV, from the last keyframe on, whatever the
 * client does.
 */
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "relay/recorder.h"
#include "rig.h"
#include "rtmp/message.h"

#define GOP       10u  /* frames */
#define LENGTH    700u /* bytes of a frame */
#define FILE_MAX  (64u << 20)
#define FRAMES_AT 2u /* messages before the first frame: metadata and sequence header */

static struct rig rig;
static int client; /* our side */
static uint8_t *file;
static size_t file_len;
static uint32_t sent;
static uint32_t length; /* of a frame */

struct tag {
	uint8_t type;
	uint32_t time;
	uint32_t length;
	const uint8_t *body;
};

static struct tag tags[4096];
static uint32_t tags_count;
static json_t *end; /* of the last tag; NULL: there was none */
static char first_line[256];

/* Whoever is behind for so long is moved on. */
static void set_up_behind(uint32_t origins, uint64_t behind_us)
{
	rig_init(&rig, origins, 0);
	rig.settings.behind_us = behind_us;
	rig_start(&rig);
	rig_publish(&rig, 0, 1);
	rig_adopt(&rig, 0, 1);
	file = malloc(FILE_MAX);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	file_len = 0;
	tags_count = 0;
	end = NULL;
	sent = 0;
	length = LENGTH;
}

static void set_up(uint32_t origins)
{
	set_up_behind(origins, relay_settings_default.behind_us);
}

static void tear_down(void)
{
	close(client);
	WAIT_FOR(relay_recorders(rig.relay) == 0);
	json_decref(end);
	rig_fini(&rig);
	free(file);
}

static int record(void)
{
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	CU_ASSERT_EQUAL(relay_record(rig.relay, 0, 1, fds[1]), 0);
	return fds[0];
}

static void send_frames(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		bool key = (sent - FRAMES_AT) % GOP == 0;
		struct fake_message m = {.type = RTMP_TYPE_VIDEO,
					 .flags = key ? ABI_LOG_KEYFRAME : 0,
					 .timestamp = 5000 + sent * 40,
					 .length = length,
					 .slice = 300};

		if (sent < FRAMES_AT) {
			m.type = sent == 0 ? RTMP_TYPE_DATA_AMF0 : RTMP_TYPE_VIDEO;
			m.flags = sent == 0 ? ABI_LOG_METADATA : ABI_LOG_SEQUENCE_HEADER;
			m.timestamp = 0;
			m.length = 30;
		}
		CU_ASSERT_FATAL(fake_send(&rig.worker, 0, &m));
		sent++;
	}
}

static void read_more(void)
{
	ssize_t n;

	while ((n = recv(client, file + file_len, FILE_MAX - file_len, MSG_DONTWAIT)) > 0) {
		file_len += (size_t)n;
	}
}

/* What is there of the file; true once its last tag is. */
static bool parse(void)
{
	uint8_t *at;
	size_t left;

	read_more();
	at = memchr(file, '\n', file_len);
	tags_count = 0;
	if (!at) {
		return false;
	}
	snprintf(first_line, sizeof(first_line), "%.*s", (int)(at - file), (char *)file);
	at++;
	left = file_len - (size_t)(at - file);
	if (left < RTMP_FLV_FILE_HEADER) {
		return false;
	}
	CU_ASSERT_EQUAL(memcmp(at, "FLV\x01\x05\0\0\0\x09\0\0\0\0", RTMP_FLV_FILE_HEADER), 0);
	at += RTMP_FLV_FILE_HEADER;
	left -= RTMP_FLV_FILE_HEADER;
	while (left >= RTMP_FLV_TAG_HEADER && tags_count < 4096) {
		struct tag *tag = &tags[tags_count];

		*tag = (struct tag){.type = at[0],
				    .length = (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3],
				    .time = (uint32_t)at[7] << 24 | (uint32_t)at[4] << 16 |
					    (uint32_t)at[5] << 8 | at[6],
				    .body = at + RTMP_FLV_TAG_HEADER};
		if (left < tag->length + 15) {
			break;
		}
		if (tag->type == RECORDER_END) {
			json_decref(end);
			end = json_loadb((const char *)tag->body, tag->length, 0, NULL);
			CU_ASSERT_PTR_NOT_NULL(end);
			return true;
		}
		tags_count++;
		at += tag->length + 15;
		left -= tag->length + 15;
	}
	return false;
}

static bool has_tags(uint32_t count)
{
	(void)parse();
	return tags_count >= count;
}

/* Tag `i` is message `number` of the stream. */
static bool is_message(uint32_t i, uint32_t number, uint32_t first)
{
	const struct tag *tag = &tags[i];
	bool intact = tag->length == (number < FRAMES_AT ? 30 : length) &&
		      tag->type == (number == 0 ? 18 : 9);

	for (uint32_t b = 0; intact && b < tag->length; b++) {
		intact = tag->body[b] == fake_byte(number, b);
	}
	return intact && tag->time == (number < FRAMES_AT ? 0 : (number - first) * 40);
}

static long long said(const char *key)
{
	return json_integer_value(json_object_get(end, key));
}

static bool reason_is(const char *why)
{
	const char *text = json_string_value(json_object_get(end, "ended"));

	return text && strcmp(text, why) == 0;
}

/* From the last keyframe on, headers first, until the stream ends. */
static void expect_from_keyframe(uint32_t key)
{
	send_frames(13);
	fake_end(&rig.worker, 0);
	WAIT_FOR(parse());
	CU_ASSERT_STRING_EQUAL(first_line, "{\"ok\":true}");
	CU_ASSERT_EQUAL_FATAL(tags_count, sent - key + 2);
	CU_ASSERT(is_message(0, 0, key));
	CU_ASSERT(is_message(1, 1, key));
	for (uint32_t i = 2; i < tags_count; i++) {
		CU_ASSERT(is_message(i, key + i - 2, key));
	}
	CU_ASSERT(reason_is("the stream ended"));
	CU_ASSERT_EQUAL(said("messages"), tags_count);
	CU_ASSERT_EQUAL(said("skips") + said("skipped_messages") + said("left_out"), 0);
	WAIT_FOR(relay_counter(rig.relay, RELAY_COUNTER_relay_streams_finished) == 1);
}

static void test_from_the_last_keyframe(void)
{
	set_up(1);
	send_frames(FRAMES_AT + 2 * GOP + 3);
	WAIT_FOR(fake_origin_count(rig.origins[0]) == sent);
	client = record();
	WAIT_FOR(has_tags(5));
	expect_from_keyframe(FRAMES_AT + 2 * GOP);
	tear_down();
}

/* Nobody kept a GOP for it: it begins at the next one. */
static void test_without_origins(void)
{
	set_up(0);
	send_frames(FRAMES_AT + GOP + 3);
	WAIT_FOR(rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	client = record();
	WAIT_FOR(relay_counter(rig.relay, RELAY_COUNTER_relay_recordings) == 1);
	send_frames(GOP - 2);
	WAIT_FOR(has_tags(3));
	expect_from_keyframe(FRAMES_AT + 2 * GOP);
	tear_down();
}

/* When the last one is gone nothing is kept any more. */
static void test_nothing_is_kept_after_it(void)
{
	set_up(0);
	client = record();
	send_frames(FRAMES_AT + 5);
	WAIT_FOR(has_tags(5));
	CU_ASSERT_NOT_EQUAL(rig.worker.sub->tail[0].position, fake_stream(&rig.worker, 0)->head);
	close(client);
	client = -1;
	WAIT_FOR(relay_recorders(rig.relay) == 0);
	send_frames(1);
	WAIT_FOR(rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	tear_down();
}

/* A disk that stands still: the origin gets everything, the log is given back, the file goes on. */
static void test_slow(void)
{
	uint32_t before;

	set_up_behind(1, 50 * US_PER_MS);
	length = 60000;
	client = record();
	send_frames(FRAMES_AT + 1);
	WAIT_FOR(has_tags(2));
	for (uint32_t i = 0; i < 40; i++) {
		send_frames(GOP);
		RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == sent);
	}
	send_frames(1);
	RIG_WAIT_FOR(&rig, relay_counter(rig.relay, RELAY_COUNTER_relay_record_skips) > 0);
	before = sent;
	while ((sent - FRAMES_AT) % GOP != 0) {
		send_frames(1);
	}
	send_frames(3);
	fake_end(&rig.worker, 0);
	WAIT_FOR(parse());
	CU_ASSERT(said("skips") > 0);
	CU_ASSERT(said("skipped_messages") > 0);
	/* Whole messages, of which some are missing, and both headers each time it goes on. */
	CU_ASSERT_EQUAL(tags_count + said("skipped_messages"), sent + 2 * said("skips"));
	CU_ASSERT(is_message(tags_count - 1, sent - 1, FRAMES_AT));
	CU_ASSERT(tags_count < before);
	tear_down();
}

static void test_too_many(void)
{
	int clients[RECORDERS_STREAM_MAX];
	static const char refused[] = "{\"ok\":false,";

	set_up(1);
	for (uint32_t i = 0; i < RECORDERS_STREAM_MAX; i++) {
		clients[i] = record();
	}
	client = record();
	WAIT_FOR(relay_counter(rig.relay, RELAY_COUNTER_relay_recordings_refused) == 1);
	WAIT_FOR((read_more(), file_len > 0));
	CU_ASSERT_EQUAL(memcmp(file, refused, sizeof(refused) - 1), 0);
	CU_ASSERT_EQUAL(relay_recorders(rig.relay), RECORDERS_STREAM_MAX);
	for (uint32_t i = 0; i < RECORDERS_STREAM_MAX; i++) {
		close(clients[i]);
	}
	tear_down();
}

static void test_no_such_stream(void)
{
	int fds[2];

	set_up(1);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	CU_ASSERT_EQUAL(relay_record(rig.relay, 1, 1, fds[1]), 0);
	client = fds[0];
	WAIT_FOR((read_more(), file_len > 0));
	CU_ASSERT_PTR_NOT_NULL(memmem(file, file_len, "no such stream", 14));
	tear_down();
}

static void test_told_when_control_stops(void)
{
	set_up(1);
	client = record();
	send_frames(FRAMES_AT + 3);
	WAIT_FOR(has_tags(FRAMES_AT + 3));
	relay_shutdown(rig.relay);
	WAIT_FOR(parse());
	CU_ASSERT(reason_is("control is stopping"));
	tear_down();
}

/* A log that cannot be read: its recordings are told, and over. */
static void test_broken_log(void)
{
	const struct abi_log_entry entry = {.length = 102, .slices = 1, .type = RTMP_TYPE_VIDEO};
	const uint64_t ref = abi_ref_make(9, 0, 64, 102);

	set_up(0);
	client = record();
	send_frames(FRAMES_AT + 1);
	WAIT_FOR(has_tags(FRAMES_AT + 1));
	CU_ASSERT_EQUAL_FATAL(log_begin(&rig.worker.logs[0], &entry), 0);
	log_put(&rig.worker.logs[0], &ref, 1);
	log_commit(&rig.worker.logs[0]);
	send_frames(1);
	WAIT_FOR(parse());
	CU_ASSERT(reason_is("the log is broken"));
	WAIT_FOR(relay_recorders(rig.relay) == 0);
	tear_down();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"from the last keyframe", test_from_the_last_keyframe},
		{"without origins", test_without_origins},
		{"nothing is kept after it", test_nothing_is_kept_after_it},
		{"slow", test_slow},
		{"too many", test_too_many},
		{"no such stream", test_no_such_stream},
		{"broken log", test_broken_log},
		{"told when control stops", test_told_when_control_stops},
		CU_TEST_INFO_NULL,
	};

	rig_journal_init();
	return check_run("record", tests);
}
