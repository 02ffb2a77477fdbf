/*
 * The relay over real sockets on loopback, between a worker made of memory and origins that record
 * what they get. Waits are bounded and long; nothing depends on how fast the machine is.
 */
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "rig.h"

#define VIDEO 9
#define AUDIO 8
#define DATA  18

static struct rig rig;

/* The configuration's strings are not const. */
static char name_secret[] = "secret-name?auth=secret-too";

static void set_up(uint32_t origins, int receive_buffer)
{
	rig_init(&rig, origins, receive_buffer);
	rig.settings.backoff_max_us = 60 * US_PER_MS;
	rig.settings.behind_us = 20 * US_PER_MS;
}

static void go_live(uint32_t slot, uint64_t generation)
{
	rig_publish(&rig, slot, generation);
	rig_adopt(&rig, slot, generation);
}

static void send_message(uint32_t slot, uint8_t type, uint8_t flags, uint32_t timestamp,
			 uint32_t length, uint32_t slice)
{
	struct fake_message m = {type, flags, timestamp, length, slice};

	for (int i = 0; i < 4000 && !fake_send(&rig.worker, slot, &m); i++) {
		usleep(5000);
	}
}

/* Metadata, sequence headers, then `frames` video messages with a keyframe every `gop`. */
static void send_headers(uint32_t slot)
{
	send_message(slot, DATA, ABI_LOG_METADATA, 0, 300, 100);
	send_message(slot, VIDEO, ABI_LOG_SEQUENCE_HEADER, 0, 50, 50);
	send_message(slot, AUDIO, ABI_LOG_SEQUENCE_HEADER, 0, 7, 7);
}

static void send_frames(uint32_t slot, uint32_t first, uint32_t frames, uint32_t gop, uint32_t size)
{
	for (uint32_t i = first; i < first + frames; i++) {
		send_message(slot, VIDEO, i % gop == 0 ? ABI_LOG_KEYFRAME : 0, i * 40, size + i % 7,
			     1448);
	}
}

/* Message n of the publisher is record `index` of the origin. */
static bool is_message(struct fake_origin *o, uint32_t index, uint64_t n)
{
	struct fake_record r = fake_origin_record(o, index);

	return r.intact && r.first == fake_byte(n, 0);
}

static bool all_in_order(struct fake_origin *o, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!is_message(o, i, i)) {
			return false;
		}
	}
	return true;
}

static bool never_goes_back(struct fake_origin *o)
{
	for (uint32_t i = 1; i < fake_origin_count(o); i++) {
		if (fake_origin_record(o, i).timestamp < fake_origin_record(o, i - 1).timestamp) {
			return false;
		}
	}
	return true;
}

static struct origin_status status(uint32_t index)
{
	struct origin_status all[2];

	memset(all, 0, sizeof(all));
	for (int i = 0; i < 2; i++) {
		all[i].state = "";
	}
	(void)relay_origins(rig.relay, 0, fake_stream(&rig.worker, 0)->generation, all, 2);
	return all[index];
}

static void test_every_message_reaches_both(void)
{
	set_up(2, 0);
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	send_frames(0, 0, 1000, 50, 3000);
	send_message(0, VIDEO, 0, 40000, 70000, 1448); /* more than a chunk */
	send_message(0, VIDEO, 0, 40010, 900000, 100); /* more than a batch */
	send_message(0, AUDIO, 0, 40020, 0, 0);        /* nothing */
	fake_end(&rig.worker, 0);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 1006 &&
				   fake_origin_count(rig.origins[1]) == 1006);
	for (int o = 0; o < 2; o++) {
		CU_ASSERT(all_in_order(rig.origins[o], 1005));
		CU_ASSERT_EQUAL(fake_origin_record(rig.origins[o], 1004).length, 900000);
		CU_ASSERT_EQUAL(fake_origin_record(rig.origins[o], 1005).length, 0);
		CU_ASSERT_EQUAL(fake_origin_record(rig.origins[o], 500).timestamp, 19880);
		RIG_WAIT_FOR(&rig, fake_origin_unpublished(rig.origins[o]) == 1);
	}
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	CU_ASSERT_EQUAL(relay_counter(rig.relay, RELAY_COUNTER_relay_messages), 2012);
	CU_ASSERT_EQUAL(relay_counter(rig.relay, RELAY_COUNTER_relay_skips), 0);
	rig_fini(&rig);
}

/* The publish was over before the relay even heard of it. */
static void test_short_publish_is_drained(void)
{
	set_up(2, 0);
	rig_start(&rig);
	rig_publish(&rig, 0, 1);
	send_headers(0);
	send_frames(0, 0, 5, 5, 2000);
	fake_end(&rig.worker, 0);
	rig_adopt(&rig, 0, 1);
	relay_ended(rig.relay, 0, 1);
	for (int o = 0; o < 2; o++) {
		RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[o]) == 8);
		CU_ASSERT(all_in_order(rig.origins[o], 8));
		RIG_WAIT_FOR(&rig, fake_origin_unpublished(rig.origins[o]) == 1);
	}
	RIG_WAIT_FOR(&rig, relay_counter(rig.relay, RELAY_COUNTER_relay_streams_finished) == 1);
	rig_fini(&rig);
}

/* An origin that refuses at first gets everything at its second try. */
static void test_new_stream_waits_for_origin(void)
{
	char name[64];

	set_up(1, 0);
	rig.configs[0].name = name_secret;
	fake_origin_refuse(rig.origins[0], true);
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	send_frames(0, 0, 100, 10, 2000);
	RIG_WAIT_FOR(&rig, status(0).failures >= 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(status(0).last_error, "refused"));
	CU_ASSERT_PTR_NOT_NULL(strstr(status(0).url, "/out/***"));
	/* The origin repeats the name in its answer, and that name may be a key. */
	CU_ASSERT_PTR_NOT_NULL(strstr(status(0).last_error, "*** is not valid"));
	CU_ASSERT_PTR_NULL(strstr(status(0).last_error, "secret"));
	fake_origin_refuse(rig.origins[0], false);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 103);
	CU_ASSERT(all_in_order(rig.origins[0], 103));
	fake_origin_name(rig.origins[0], name, sizeof(name));
	CU_ASSERT_STRING_EQUAL(name, "secret-name?auth=secret-too");
	rig_fini(&rig);
}

static void test_reconnect_starts_at_keyframe(void)
{
	uint32_t before;

	set_up(1, 0);
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	send_frames(0, 0, 25, 10, 2000); /* keyframes: 0, 10, 20 */
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 28);
	before = fake_origin_count(rig.origins[0]);
	fake_origin_break(rig.origins[0]);
	RIG_WAIT_FOR(&rig, fake_origin_connections(rig.origins[0]) == 2);
	/* Metadata, video header, audio header, then frame 20 (message 23) to 24. */
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == before + 3 + 5);
	CU_ASSERT(is_message(rig.origins[0], before, 0));
	CU_ASSERT(is_message(rig.origins[0], before + 1, 1));
	CU_ASSERT(is_message(rig.origins[0], before + 2, 2));
	CU_ASSERT_EQUAL(fake_origin_record(rig.origins[0], before + 1).timestamp, 20 * 40);
	for (uint32_t i = 0; i < 5; i++) {
		CU_ASSERT(is_message(rig.origins[0], before + 3 + i, 23 + i));
	}
	CU_ASSERT_EQUAL(fake_origin_record(rig.origins[0], before + 3).connection, 2);
	CU_ASSERT(status(0).failures >= 1);
	rig_fini(&rig);
}

static void send_track_header(uint8_t track, uint32_t length)
{
	struct fake_message m = {VIDEO, ABI_LOG_SEQUENCE_HEADER, 0, length, length, track};

	CU_ASSERT(fake_send(&rig.worker, 0, &m));
}

/* Of every kind and track, the last one, in the order in which a decoder takes them. */
static void test_all_headers_come_again(void)
{
	static const uint32_t order[] = {0, 1, 6, 2, 3, 5};

	set_up(1, 0);
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);                                     /* 0 to 2: metadata, video, audio */
	send_message(0, AUDIO, ABI_LOG_METADATA, 0, 9, 9);   /* 3: channels */
	send_track_header(1, 30);                            /* 4: another codec is in force soon */
	send_message(0, VIDEO, ABI_LOG_METADATA, 0, 40, 40); /* 5: colour */
	send_track_header(1, 31);                            /* 6 */
	send_frames(0, 0, 5, 5, 2000);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 12);
	fake_origin_break(rig.origins[0]);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 12 + 6 + 5);
	for (uint32_t i = 0; i < 6; i++) {
		CU_ASSERT(is_message(rig.origins[0], 12 + i, order[i]));
	}
	CU_ASSERT(is_message(rig.origins[0], 12 + 6, 7));
	rig_fini(&rig);
}

/* An origin that talks without end has its turns, not the thread. */
static void test_talking_origin_stops_nobody(void)
{
	set_up(2, 0);
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 3 &&
				   fake_origin_count(rig.origins[1]) == 3);
	fake_origin_flood(rig.origins[0], true);
	usleep(300000);
	send_frames(0, 0, 100, 10, 2000);
	fake_end(&rig.worker, 0);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[1]) == 103);
	CU_ASSERT_EQUAL(status(0).failures, 0);
	RIG_WAIT_FOR(&rig, fake_origin_unpublished(rig.origins[1]) == 1);
	fake_origin_flood(rig.origins[0], false);
	rig_fini(&rig);
}

static void test_slow_origin_is_moved_on(void)
{
	uint32_t at;

	/* Not smaller: with windows below a loopback segment TCP waits for its own timers. */
	set_up(2, 262144);
	rig.settings.send_buffer = 131072;
	rig.configs[0].behind_max_kib = 512;
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	send_frames(0, 0, 10, 10, 2000);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 13);
	fake_origin_stall(rig.origins[0], true);
	send_frames(0, 10, 300, 10, 20000);
	RIG_WAIT_FOR(&rig, status(0).skips >= 1);
	/* The other one has everything, and the log is not held for the slow one. */
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[1]) == 313);
	CU_ASSERT(all_in_order(rig.origins[1], 313));
	send_frames(0, 310, 30, 10, 20000);
	/* 512 KiB behind are 27 frames of 5 units, and a GOP is 10: of 343 no more is held. */
	RIG_WAIT_FOR(&rig,
		     rig.worker.sub->tail[0].position > 0 &&
			     fake_stream(&rig.worker, 0)->head - rig.worker.sub->tail[0].position <=
				     250);
	fake_origin_stall(rig.origins[0], false);
	RIG_WAIT_FOR(&rig, status(0).skipped_messages > 0);
	send_frames(0, 340, 20, 10, 20000);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[1]) == 363);
	RIG_WAIT_FOR(&rig, is_message(rig.origins[0], fake_origin_count(rig.origins[0]) - 1, 362));
	/* What it got is in pieces without a gap; each but the first begins with the headers. */
	for (at = 13; is_message(rig.origins[0], at, at); at++) {
	}
	CU_ASSERT(is_message(rig.origins[0], at, 0));
	CU_ASSERT(is_message(rig.origins[0], at + 1, 1));
	CU_ASSERT(is_message(rig.origins[0], at + 2, 2));
	CU_ASSERT_EQUAL(fake_origin_record(rig.origins[0], at + 3).timestamp % 400, 0);
	CU_ASSERT_EQUAL(fake_origin_connections(rig.origins[0]), 1);
	CU_ASSERT(never_goes_back(rig.origins[0]));
	rig_fini(&rig);
}

/* With packets short and no GOP left to give up, who is behind goes, however little it is. */
static void test_pressure_moves_on(void)
{
	set_up(2, 262144);
	rig.settings.send_buffer = 131072;
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 3 &&
				   fake_origin_count(rig.origins[1]) == 3);
	fake_origin_stall(rig.origins[0], true);
	send_frames(0, 1, 60, 1000, 20000);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[1]) == 63);
	CU_ASSERT_EQUAL(status(0).skips, 0);
	rig.worker.pub->packets_total = 1000;
	rig.worker.pub->packets_free = 100;
	RIG_WAIT_FOR(&rig, status(0).skips == 1);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	CU_ASSERT_EQUAL(status(1).skips, 0);
	rig.worker.pub->packets_free = 1000;
	rig_fini(&rig);
}

/* Behind within a GOP: its keyframe is past, the next one is waited for. */
static void test_slow_origin_does_not_go_back(void)
{
	set_up(1, 262144);
	rig.settings.send_buffer = 131072;
	rig.configs[0].behind_max_kib = 512;
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 3);
	fake_origin_stall(rig.origins[0], true);
	send_frames(0, 0, 300, 1000, 20000);
	RIG_WAIT_FOR(&rig, status(0).skips == 1);
	fake_origin_stall(rig.origins[0], false);
	send_frames(0, 300, 10, 1000, 20000);
	usleep(100000);
	CU_ASSERT(fake_origin_count(rig.origins[0]) < 303);
	send_frames(0, 1000, 10, 1000, 20000);
	/* The last of the three headers, 310 frames and these. */
	RIG_WAIT_FOR(&rig, is_message(rig.origins[0], fake_origin_count(rig.origins[0]) - 1, 322));
	CU_ASSERT(never_goes_back(rig.origins[0]));
	CU_ASSERT(status(0).skipped_messages > 0);
	rig_fini(&rig);
}

static void test_audio_only_starts_anywhere(void)
{
	set_up(1, 0);
	rig_start(&rig);
	go_live(0, 1);
	send_message(0, AUDIO, ABI_LOG_SEQUENCE_HEADER, 0, 7, 7);
	for (uint32_t i = 1; i < 20; i++) {
		send_message(0, AUDIO, 0, i * 23, 300, 300);
	}
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 20);
	fake_origin_break(rig.origins[0]);
	RIG_WAIT_FOR(&rig, fake_origin_connections(rig.origins[0]) == 2);
	/* Too little for an acknowledgement: all of it comes again. */
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 40);
	for (uint32_t i = 0; i < 20; i++) {
		CU_ASSERT(is_message(rig.origins[0], 20 + i, i));
	}
	RIG_WAIT_FOR(&rig, status(0).repeated_messages == 20);
	/* Once it acknowledges, what it has is given back. */
	for (uint32_t i = 20; i < 120; i++) {
		usleep(5000);
		send_message(0, AUDIO, 0, i * 23, 300, 300);
	}
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position > 40); /* 20 messages */
	CU_ASSERT_STRING_EQUAL(status(0).ack_mode, "rtmp");
	CU_ASSERT(status(0).acked_message > 20);
	rig_fini(&rig);
}

/*
 * The end is with the origin's kernel, but not read yet: a close now would be answered, and the
 * answer to a closed socket throws away what was not read.
 */
static void test_slow_reader_gets_the_end(void)
{
	set_up(1, 1 << 20);
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 3);
	fake_origin_stall(rig.origins[0], true);
	send_frames(0, 0, 50, 10, 2000);
	fake_end(&rig.worker, 0);
	usleep(1500000);
	/* It may still die with that: until it has closed, the log stays. */
	CU_ASSERT(rig.worker.sub->tail[0].position < fake_stream(&rig.worker, 0)->head);
	fake_origin_stall(rig.origins[0], false);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 53);
	RIG_WAIT_FOR(&rig, fake_origin_unpublished(rig.origins[0]) == 1);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	CU_ASSERT_EQUAL(relay_counter(rig.relay, RELAY_COUNTER_relay_drains_abandoned), 0);
	rig_fini(&rig);
}

/* A control that comes to a stream under way: headers from the block, start at a keyframe. */
static void test_resumes_live_stream(void)
{
	struct abi_header_block *block;

	set_up(1, 0);
	rig_publish(&rig, 0, 1);
	send_headers(0);
	send_frames(0, 0, 25, 10, 2000);
	/* The control before released all below frame 10 (message 13). */
	rig.worker.sub->tail[0].generation = 1;
	rig.worker.sub->tail[0].position = fake_stream(&rig.worker, 0)->head - 30;
	fake_reclaim(&rig.worker, 0);
	CU_ASSERT_EQUAL(fake_stream(&rig.worker, 0)->reclaimed, 26);
	block = fake_headers(&rig.worker, 0);
	block->headers[0] =
		(struct abi_header){.length = 4, .type = VIDEO, .kind = ABI_HEADER_VIDEO};
	block->count = 1;
	memcpy((void *)block->data, (uint8_t[]){0, 7, 14, 21}, 4);
	rig_start(&rig);
	rig_adopt(&rig, 0, 1);
	/* From there on, not from the last keyframe: nothing is missing. */
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 1 + 15);
	CU_ASSERT_EQUAL(fake_origin_record(rig.origins[0], 0).length, 4);
	CU_ASSERT(fake_origin_record(rig.origins[0], 0).intact);
	for (uint32_t i = 0; i < 15; i++) {
		CU_ASSERT(is_message(rig.origins[0], 1 + i, 13 + i));
	}
	CU_ASSERT_EQUAL(status(0).skipped_messages, 0);
	rig_fini(&rig);
}

/* A reference out of the mapping: nothing of it leaves, the log goes back, others go on. */
static void test_broken_log_is_dropped(void)
{
	union abi_log_unit *units;

	set_up(1, 0);
	rig_publish(&rig, 0, 1);
	send_frames(0, 0, 3, 3, 100);
	units = (union abi_log_unit *)((uint8_t *)rig.worker.pub + rig.worker.pub->blocks_offset);
	units[(uint64_t)fake_stream(&rig.worker, 0)->first_block * ABI_LOG_BLOCK_UNITS + 5]
		.slices[0] = abi_ref_make(9, 0, 64, 102);
	rig_start(&rig);
	rig_adopt(&rig, 0, 1);
	RIG_WAIT_FOR(&rig, relay_counter(rig.relay, RELAY_COUNTER_relay_log_broken) == 1);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	/* The publisher goes on: nobody gets it, and it fills no memory. */
	send_frames(0, 3, 3, 3, 100);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	CU_ASSERT_EQUAL(relay_counter(rig.relay, RELAY_COUNTER_relay_streams_finished), 0);
	fake_end(&rig.worker, 0);
	RIG_WAIT_FOR(&rig, relay_counter(rig.relay, RELAY_COUNTER_relay_streams_finished) == 1);
	CU_ASSERT(fake_origin_count(rig.origins[0]) <= 2);
	rig_fini(&rig);
}

/* More news than the ring holds, and a stream replaced by another in the same slot. */
static void test_slot_is_used_again(void)
{
	set_up(1, 0);
	rig_start(&rig);
	go_live(0, 1);
	send_frames(0, 0, 10, 10, 500);
	fake_end(&rig.worker, 0);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	fake_free(&rig.worker, 0);
	rig_publish(&rig, 0, 3);
	send_frames(0, 0, 10, 10, 500);
	rig_adopt(&rig, 0, 3);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 20);
	CU_ASSERT(is_message(rig.origins[0], 10, 0));
	CU_ASSERT_EQUAL(rig.worker.sub->tail[0].generation, 3);
	rig_fini(&rig);
}

static void test_long_gop_is_not_kept(void)
{
	set_up(1, 0);
	rig.app.gop_max_kib = 100;
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	send_frames(0, 0, 200, 1000, 2000);
	RIG_WAIT_FOR(&rig, relay_counter(rig.relay, RELAY_COUNTER_relay_gop_lost) == 1);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 203);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	rig_fini(&rig);
}

static void test_shutdown_ends_in_order(void)
{
	set_up(2, 0);
	rig_start(&rig);
	go_live(0, 1);
	send_headers(0);
	send_frames(0, 0, 10, 10, 2000);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[0]) == 13 &&
				   fake_origin_count(rig.origins[1]) == 13);
	relay_shutdown(rig.relay);
	RIG_WAIT_FOR(&rig, relay_stopped(rig.relay));
	CU_ASSERT_EQUAL(fake_origin_unpublished(rig.origins[0]), 1);
	CU_ASSERT_EQUAL(fake_origin_unpublished(rig.origins[1]), 1);
	rig_fini(&rig);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"every message reaches both origins", test_every_message_reaches_both},
		{"a publish that is over is drained", test_short_publish_is_drained},
		{"a new stream waits for its origin", test_new_stream_waits_for_origin},
		{"reconnect starts at the keyframe", test_reconnect_starts_at_keyframe},
		{"all headers come again", test_all_headers_come_again},
		{"a talking origin stops nobody", test_talking_origin_stops_nobody},
		{"a slow origin is moved on alone", test_slow_origin_is_moved_on},
		{"under pressure who is behind is moved on", test_pressure_moves_on},
		{"a slow origin does not go back", test_slow_origin_does_not_go_back},
		{"audio only starts anywhere", test_audio_only_starts_anywhere},
		{"a slow reader gets the end", test_slow_reader_gets_the_end},
		{"resumes a live stream", test_resumes_live_stream},
		{"a broken log is dropped", test_broken_log_is_dropped},
		{"a slot is used again", test_slot_is_used_again},
		{"a long GOP is not kept", test_long_gop_is_not_kept},
		{"shutdown ends in order", test_shutdown_ends_in_order},
		CU_TEST_INFO_NULL,
	};

	rig_journal_init();
	return check_run("relay", tests);
}
