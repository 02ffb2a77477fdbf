/*
 * penstock-gen without a network: wires, content, timers, and whole fleets on a virtual clock.
 */
#include "bench/common/endpoint.h"
#include "bench/common/option.h"
#include "bench/common/rng.h"
#include "fake_server.h"
#include "rtmp/handshake.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#define SECOND  UINT64_C(1000000)
#define PATTERN ((size_t)MARK_PATTERN)

static struct gen_options options;
static struct fleet fleet;
static struct fake_server server;

/* Wires */

static void set_wire(struct wire *wire, struct rtmp_chunk_writer *writer, uint32_t length,
		     uint32_t timestamp)
{
	const struct rtmp_message msg = {
		.timestamp = timestamp, .length = length, .stream_id = 1, .csid = 6, .type = 9};

	wire_begin(wire, writer, &msg);
	wire->body = mark_pattern();
	wire->looped = true;
	wire->start = 65000; /* wraps within the message */
	wire->head_len = 45;
	for (uint32_t i = 0; i < WIRE_HEAD; i++) {
		wire->head[i] = (uint8_t)(0xa0 + i);
	}
}

/* The same message as the chunk writer itself puts it. */
static size_t reference(struct rtmp_chunk_writer *writer, uint32_t length, uint32_t timestamp,
			uint8_t *bytes, size_t cap)
{
	const struct rtmp_message msg = {
		.timestamp = timestamp, .length = length, .stream_id = 1, .csid = 6, .type = 9};
	struct rtmp_out out = {.data = bytes, .cap = cap};
	uint8_t payload[4000];

	for (uint32_t i = 0; i < length; i++) {
		payload[i] =
			i < 45 ? (uint8_t)(0xa0 + i) : mark_pattern()[(65000 + i) % MARK_PERIOD];
	}
	CU_ASSERT_TRUE(rtmp_chunk_writer_put(writer, &msg, payload, &out));
	return out.len;
}

static void check_cut(const struct wire *wire, const uint8_t *whole, uint32_t offset,
		      uint32_t limit, uint32_t max)
{
	struct iovec iov[64];
	uint32_t count;
	uint32_t n = wire_cut(wire, offset, limit, iov, max, &count);
	uint32_t at = offset;

	CU_ASSERT_TRUE(count <= max && n <= limit && n > 0);
	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(memcmp(whole + at, iov[i].iov_base, iov[i].iov_len), 0);
		at += (uint32_t)iov[i].iov_len;
	}
	CU_ASSERT_EQUAL(at - offset, n);
}

/* Every offset, at several chunk sizes, with and without extended timestamps. */
static void test_wire_is_what_the_writer_writes(void)
{
	static const uint32_t chunk_sizes[] = {1, 7, 128, 1000, 4096};
	static uint8_t whole[30000];

	for (uint32_t i = 0; i < 10; i++) {
		struct rtmp_chunk_writer ours, theirs;
		struct wire wire;
		uint32_t timestamp = i % 2 != 0 ? 0x1000000 : 5;

		rtmp_chunk_writer_init(&ours, chunk_sizes[i / 2]);
		rtmp_chunk_writer_init(&theirs, chunk_sizes[i / 2]);
		set_wire(&wire, &ours, 3000, timestamp);
		size_t len = reference(&theirs, 3000, timestamp, whole, sizeof(whole));
		CU_ASSERT_EQUAL_FATAL(wire.size, len);
		for (uint32_t offset = 0; offset < len; offset++) {
			check_cut(&wire, whole, offset, 1, 1);
			check_cut(&wire, whole, offset, 5000, 64);
		}
	}
}

static void test_wire_without_payload(void)
{
	struct rtmp_chunk_writer writer;
	struct wire wire;
	struct iovec iov[2];
	uint32_t count;

	rtmp_chunk_writer_init(&writer, 128);
	set_wire(&wire, &writer, 0, 0);
	CU_ASSERT_EQUAL(wire.size, 12);
	CU_ASSERT_EQUAL(wire_cut(&wire, 0, 100, iov, 2, &count), 12);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(wire_cut(&wire, 12, 100, iov, 2, &count), 0);
}

/* Content */

/* Media of ten GOPs has the bitrate asked for. */
static void test_sizes_follow_from_the_bitrate(void)
{
	static const uint32_t rates[] = {100, 500, 2500, 6000, 20000};

	for (uint32_t i = 0; i < 5; i++) {
		struct content_config config = {
			.fps = 30, .gop_frames = 60, .body = mark_pattern()};
		struct rtmp_chunk_writer writer;
		struct content content;
		struct wire wire;
		uint64_t bytes = 0;

		content_size(&config, rates[i]);
		content_init(&content, &config, "x", 1);
		content.phase = 0;
		rtmp_chunk_writer_init(&writer, 4096);
		while (content_due_us(&content, &config) < 20 * SECOND) {
			bytes += content_next(&content, &config, &writer, 1, 1, &wire);
		}
		uint64_t kbps = bytes * 8 / 20000;
		CU_ASSERT_TRUE(kbps > rates[i] * 97 / 100 && kbps < rates[i] * 103 / 100);
	}
}

/* Nothing but video, at the bitrate asked for all the same. */
static void test_video_only(void)
{
	struct content_config config = {
		.fps = 1, .gop_frames = 60, .video_only = true, .body = mark_pattern()};
	struct rtmp_chunk_writer writer;
	struct content content;
	struct wire wire;
	uint64_t bytes = 0;
	uint32_t messages = 0;

	content_size(&config, 200);
	content_init(&content, &config, "x", 1);
	content.phase = 0;
	rtmp_chunk_writer_init(&writer, 4096);
	while (content_due_us(&content, &config) < 600 * SECOND) {
		bytes += content_next(&content, &config, &writer, 1, 1, &wire);
		messages++;
	}
	CU_ASSERT_EQUAL(content.audio, 0);
	CU_ASSERT_TRUE(messages >= 600 && messages < 605); /* and the preamble */
	CU_ASSERT_TRUE(bytes * 8 / 600000 > 194 && bytes * 8 / 600000 < 206);
}

static void test_phases_differ(void)
{
	struct content_config config = {.fps = 30, .gop_frames = 60};
	struct content content;
	uint64_t seen = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		content_init(&content, &config, "x", i);
		CU_ASSERT_TRUE(content.phase < 60);
		seen |= UINT64_C(1) << content.phase;
	}
	CU_ASSERT_EQUAL(seen, (UINT64_C(1) << 60) - 1);
}

/* Timers */

#define TIMERS 500u

static void check_due(struct wheel *wheel, struct wheel_entry *timers, bool *armed, uint64_t now_us)
{
	struct wheel_entry *entry;
	uint32_t wrong = 0;

	wheel_advance(wheel, now_us);
	while ((entry = wheel_next(wheel)) != NULL) {
		wrong += entry->due_us > now_us || !armed[entry - timers];
		armed[entry - timers] = false;
	}
	for (uint32_t i = 0; i < TIMERS; i++) {
		wrong += armed[i] && timers[i].due_us <= now_us;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* Against what a look at every timer says: steps small and large, rounds and naps. */
static void test_wheel_random(void)
{
	static struct wheel wheel;
	static struct wheel_entry timers[TIMERS];
	static bool armed[TIMERS];
	uint64_t random = 3;
	uint64_t now_us = 123456789;

	wheel_init(&wheel, now_us);
	for (uint32_t step = 0; step < 20000; step++) {
		uint32_t i = rng_below(&random, TIMERS);

		if (rng_below(&random, 8) == 0) {
			wheel_disarm(&timers[i]);
			armed[i] = false;
		} else {
			uint64_t span = UINT64_C(1) << rng_below(&random, 24);
			wheel_arm(&wheel, &timers[i], now_us + rng_next(&random) % span);
			armed[i] = true;
		}
		uint64_t idle_us = wheel_idle_us(&wheel, now_us, 10000);
		CU_ASSERT_TRUE(idle_us <= 10000);
		now_us += rng_next(&random) % (UINT64_C(1) << rng_below(&random, 23));
		check_due(&wheel, timers, armed, now_us);
	}
}

/* Fleets */

static void start(uint32_t publishers)
{
	uint8_t *body;

	options.publishers = publishers;
	CU_ASSERT_EQUAL_FATAL(fleet_init(&fleet, &options), 0);
	fake_server_init(&server, &fleet);
	wheel_init(&fleet.wheel, fleet.now_us);
	fleet.content = (struct content_config){
		.fps = options.fps,
		.gop_frames = options.fps * options.gop_s,
		.frame_bytes = options.message,
		.audio_bytes = CONTENT_AUDIO_BYTES,
	};
	if (options.bitrate_kbps != 0) {
		content_size(&fleet.content, options.bitrate_kbps);
	}
	body = malloc(PATTERN);
	if (body == NULL) {
		abort();
	}
	memcpy(body, mark_pattern(), PATTERN);
	fleet.content.body = body;
}

static void stop(void)
{
	free((void *)(uintptr_t)fleet.content.body);
	fleet_fini(&fleet);
	fake_server_fini(&server);
	memset(&fleet, 0, sizeof(fleet));
}

static void set_defaults(void)
{
	options = (struct gen_options){
		.app = "live",
		.name = "cam",
		.chunk_size = 1000,
		.fps = 30,
		.gop_s = 2,
		.message = 2000,
		.seed = 1,
		.bitrate_kbps = 1000,
	};
}

/* Everybody publishes at the rate asked for, in order, and ends in order. */
static void test_paced_fleet(void)
{
	set_defaults();
	start(20);
	fake_server_run(&server, 20 * SECOND);
	CU_ASSERT_EQUAL(fleet.publishing, 20);
	for (uint32_t i = 0; i < 20; i++) {
		uint64_t kbps = fleet.publishers[i].sent_bytes * 8 / 20000;
		CU_ASSERT_TRUE(kbps > 950 && kbps < 1080);
	}
	CU_ASSERT_TRUE(histogram_quantile(&fleet.lag_us, 990) <= 1000);
	CU_ASSERT_EQUAL(server.media_bytes, fleet.counts.payload_bytes);
	fleet_finish(&fleet);
	fake_server_run(&server, SECOND);
	CU_ASSERT_EQUAL(fleet.open, 0);
	CU_ASSERT_EQUAL(fleet.publishing, 0);
	CU_ASSERT_EQUAL(server.unpublishes, 20);
	CU_ASSERT_EQUAL(server.wrong, 0);
	CU_ASSERT_EQUAL(fleet.counts.refused + fleet.counts.lost, 0);
	stop();
}

static void test_ramp(void)
{
	set_defaults();
	options.ramp = 10;
	start(40);
	fake_server_run(&server, 2 * SECOND);
	CU_ASSERT_TRUE(fleet.publishing >= 19 && fleet.publishing <= 21);
	stop();
}

static void test_silent_fleet(void)
{
	set_defaults();
	options.silent = true;
	start(10);
	fake_server_run(&server, 5 * SECOND);
	CU_ASSERT_EQUAL(fleet.publishing, 10);
	CU_ASSERT_EQUAL(server.media_bytes, 0);
	stop();
}

/* As fast as the peer takes it; a peer that stops and goes on loses nothing. */
static void test_unpaced_and_blocked(void)
{
	set_defaults();
	options.bitrate_kbps = 0;
	start(3);
	server.window = 777;
	fake_server_run(&server, SECOND);
	uint64_t before = server.media_bytes;
	CU_ASSERT_TRUE(before > UINT64_C(3) * 700 * 1900);
	server.window = 0;
	fake_server_run(&server, SECOND);
	CU_ASSERT_EQUAL(server.media_bytes, before);
	CU_ASSERT_TRUE(fleet.publishers[0].outbox.bytes < OUTBOX_BYTES + 2000 * CONTENT_KEYFRAME);
	server.window = 50000;
	fake_server_run(&server, SECOND);
	CU_ASSERT_TRUE(server.media_bytes > before + 10000000);
	CU_ASSERT_EQUAL(server.wrong, 0);
	CU_ASSERT_EQUAL(fleet.counts.lost, 0);
	stop();
}

/* What waits goes out with a reply, too: then no edge of the socket wakes the publisher. */
static void test_reply_unblocks(void)
{
	uint8_t ping[] = {60, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1};

	set_defaults();
	options.bitrate_kbps = 0;
	start(1);
	fake_server_run(&server, SECOND);
	server.window = 0;
	fake_server_run(&server, SECOND);
	CU_ASSERT_TRUE(fleet.publishers[0].blocked);
	server.window = UINT32_MAX;
	uint64_t before = server.media_bytes;
	publisher_received(&fleet.publishers[0], ping, sizeof(ping));
	fake_server_run(&server, SECOND);
	CU_ASSERT_TRUE(server.media_bytes > before + UINT64_C(10) * OUTBOX_BYTES);
	CU_ASSERT_EQUAL(server.wrong, 0);
	stop();
}

static void test_burst(void)
{
	set_defaults();
	options.burst_ms = 500;
	start(1);
	fake_server_run(&server, 10 * SECOND);
	/* Twenty bursts of 15 frames, each taken in few sends. */
	CU_ASSERT_TRUE(server.sends >= 20 && server.sends < 120);
	CU_ASSERT_TRUE(server.taken_max > 20000);
	CU_ASSERT_EQUAL(server.wrong, 0);
	stop();
}

static void test_slow(void)
{
	set_defaults();
	options.slow = 1;
	start(1);
	fake_server_run(&server, 10 * SECOND);
	CU_ASSERT_EQUAL(server.taken_max, 1);
	CU_ASSERT_TRUE(server.sends > 4000 && server.sends < 10100);
	CU_ASSERT_EQUAL(server.wrong, 0);
	stop();
}

static void test_churn(void)
{
	set_defaults();
	options.churn_s = 2;
	start(40);
	fake_server_run(&server, 20 * SECOND);
	/* 40 at a time, two seconds each, for 20 s: 400 and the first 40. */
	CU_ASSERT_TRUE(fleet.counts.publishes > 340 && fleet.counts.publishes < 540);
	CU_ASSERT_EQUAL(fleet.counts.publishes, server.publishes);
	CU_ASSERT_EQUAL(fleet.counts.lost, 0);
	CU_ASSERT_EQUAL(server.wrong, 0);
	fleet_finish(&fleet);
	fake_server_run(&server, SECOND);
	CU_ASSERT_EQUAL(fleet.open, 0);
	CU_ASSERT_EQUAL(server.unpublishes, server.publishes);
	stop();
}

static void test_rate_publishes(void)
{
	set_defaults();
	options.rate_publishes = true;
	start(4);
	CU_ASSERT_EQUAL(handshake_detect(fleet.c1), SCHEMA_KEY_FIRST);
	fake_server_run(&server, SECOND);
	CU_ASSERT_TRUE(fleet.counts.publishes > 400);
	CU_ASSERT_EQUAL(fleet.counts.publishes, fleet.setup_us.count);
	CU_ASSERT_EQUAL(fleet.counts.lost, 0);
	CU_ASSERT_EQUAL(server.media_bytes, 0);
	CU_ASSERT_TRUE(server.publishes - server.unpublishes <= 4);
	fleet_finish(&fleet);
	fake_server_run(&server, SECOND);
	CU_ASSERT_EQUAL(fleet.open, 0);
	CU_ASSERT_EQUAL(fleet.setup, 0);
	stop();
}

static void test_refused(void)
{
	set_defaults();
	start(5);
	server.refuse = true;
	fake_server_run(&server, SECOND);
	CU_ASSERT_EQUAL(fleet.counts.refused, 5);
	CU_ASSERT_EQUAL(fleet.counts.errors[GEN_END_PUBLISH_REFUSED], 5);
	CU_ASSERT_EQUAL(fleet.counts.lost, 0);
	CU_ASSERT_EQUAL(fleet.gone, 5);
	CU_ASSERT_EQUAL(fleet.setup, 0);
	stop();
}

static void test_silent_server(void)
{
	set_defaults();
	start(5);
	server.window = 0;
	fake_server_run(&server, 11 * SECOND);
	CU_ASSERT_EQUAL(fleet.counts.lost, 5);
	CU_ASSERT_EQUAL(fleet.counts.errors[GEN_END_SETUP_TIMEOUT], 5);
	CU_ASSERT_EQUAL(fleet.open, 0);
	stop();
}

/* A file over and over: time goes on where it ended. */
static void test_flv(void)
{
	struct flv_tag tags[] = {
		{.length = 100, .timestamp = 40, .type = 9},
		{.length = 50, .timestamp = 50, .type = 8},
		{.length = 100, .timestamp = 80, .type = 9},
		{.length = 60, .timestamp = 120, .type = 9},
	};
	struct flv_file file = {.tags = tags, .count = 4};

	set_defaults();
	options.bitrate_kbps = 0;
	options.flv = "file";
	start(2);
	server.unmarked = true;
	for (uint32_t i = 0; i < 4; i++) {
		tags[i].data = fleet.content.body + i;
	}
	content_use_flv(&fleet.content, &file);
	CU_ASSERT_EQUAL(fleet.content.tags_ms, 107);
	fake_server_run(&server, 10 * SECOND);
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t messages = server.conns[i].messages;
		CU_ASSERT_TRUE(messages > 4 * 10000 / 107 - 8 && messages < 4 * 10000 / 107 + 8);
		CU_ASSERT_TRUE(server.conns[i].last_timestamp > 9800);
		CU_ASSERT_TRUE(server.conns[i].last_timestamp < 10001);
	}
	stop();
}

/* Arguments */

static void test_endpoints(void)
{
	static const char *const bad[] = {"",     "1.2.3.4",   "1.2.3.4:",   "1.2.3.4:65536",
					  ":x",   "::1:80",    "[::1]",      "[::1]80",
					  "a:80", "[1.2.3:80", "1.2.3.4:-1", "1.2.3.4: 1"};
	struct endpoint e;
	struct sockaddr_storage address;
	const char *why;

	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(endpoint_parse(bad[i], &e, &why), -1);
		CU_ASSERT_TRUE(why != NULL && why[0] != '\0');
	}
	CU_ASSERT_EQUAL(endpoint_parse("198.18.0.2:1935", &e, &why), 0);
	CU_ASSERT_EQUAL(e.port, 1935);
	CU_ASSERT_EQUAL(endpoint_sockaddr(&e, &address), sizeof(struct sockaddr_in));
	CU_ASSERT_EQUAL(endpoint_parse("[fd00:198:18::2]:1", &e, &why), 0);
	CU_ASSERT_EQUAL(endpoint_sockaddr(&e, &address), sizeof(struct sockaddr_in6));
	CU_ASSERT_EQUAL(endpoint_parse(":0", &e, &why), 0);
	CU_ASSERT_EQUAL(endpoint_sockaddr(&e, &address), sizeof(struct sockaddr_in));
}

static void test_numbers(void)
{
	uint64_t value = 0;

	CU_ASSERT_EQUAL(option_number("7", 1, 9, &value), 0);
	CU_ASSERT_EQUAL(value, 7);
	CU_ASSERT_EQUAL(option_number("0", 1, 9, &value), -1);
	CU_ASSERT_EQUAL(option_number("10", 1, 9, &value), -1);
	CU_ASSERT_EQUAL(option_number(" 7", 1, 9, &value), -1);
	CU_ASSERT_EQUAL(option_number("-7", 1, 9, &value), -1);
	CU_ASSERT_EQUAL(option_number("7x", 1, 9, &value), -1);
	CU_ASSERT_EQUAL(option_number("", 0, 9, &value), -1);
	CU_ASSERT_EQUAL(option_number("18446744073709551616", 0, UINT64_MAX, &value), -1);
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	mark_init();
	CU_pSuite suite = CU_add_suite("gen", NULL, NULL);
	CU_ADD_TEST(suite, test_wire_is_what_the_writer_writes);
	CU_ADD_TEST(suite, test_wire_without_payload);
	CU_ADD_TEST(suite, test_sizes_follow_from_the_bitrate);
	CU_ADD_TEST(suite, test_video_only);
	CU_ADD_TEST(suite, test_phases_differ);
	CU_ADD_TEST(suite, test_wheel_random);
	CU_ADD_TEST(suite, test_paced_fleet);
	CU_ADD_TEST(suite, test_ramp);
	CU_ADD_TEST(suite, test_silent_fleet);
	CU_ADD_TEST(suite, test_unpaced_and_blocked);
	CU_ADD_TEST(suite, test_reply_unblocks);
	CU_ADD_TEST(suite, test_burst);
	CU_ADD_TEST(suite, test_slow);
	CU_ADD_TEST(suite, test_churn);
	CU_ADD_TEST(suite, test_rate_publishes);
	CU_ADD_TEST(suite, test_refused);
	CU_ADD_TEST(suite, test_silent_server);
	CU_ADD_TEST(suite, test_flv);
	CU_ADD_TEST(suite, test_endpoints);
	CU_ADD_TEST(suite, test_numbers);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
