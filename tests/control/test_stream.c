/*
 * Ends that are easily got wrong: a shutdown with an origin behind, slots that are used again under
 * a stream that is not over, and answers to an origin in the middle of a message.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "fake_origin.h"
#include "fake_worker.h"
#include "journal.h"
#include "relay/relay.h"
#include "relay/resolver.h"

#define VIDEO          9
#define RECEIVE_BUFFER 262144
#define SEND_BUFFER    131072

static struct fake_worker worker;
static struct resolver *resolver;
static struct relay *relay;
static struct fake_origin *origins[2]; /* the first has small buffers */
static struct config_origin origin_configs[2];
static struct config_app app;
static struct relay_settings settings;
static uint32_t sent; /* messages of the stream under way */

static char name_live[] = "live";
static char name_out[] = "out";
static char url[] = "rtmp://127.0.0.1/out";
static char host[] = "127.0.0.1";

static void configure(void)
{
	settings = relay_settings_default;
	settings.tick_us = 10 * US_PER_MS;
	settings.backoff_min_us = 30 * US_PER_MS;
	settings.send_buffer = SEND_BUFFER;
	memset(&app, 0, sizeof(app));
	memset(origin_configs, 0, sizeof(origin_configs));
	app.name = name_live;
	app.origins = origin_configs;
	app.origins_count = 2;
	app.gop_max_kib = 32768;
	for (uint32_t i = 0; i < 2; i++) {
		origin_configs[i].url = url;
		origin_configs[i].host = host;
		origin_configs[i].port = fake_origin_port(origins[i]);
		origin_configs[i].app = name_out;
		origin_configs[i].behind_max_kib = 32768;
	}
}

static void adopt(uint64_t generation)
{
	fake_pending(&worker, 0, generation, "live", "name");
	fake_live(&worker, 0, "name");
	sent = 0;
	CU_ASSERT_EQUAL(relay_adopt(relay, 0, generation, &app, "name"), 0);
}

static void set_up(uint64_t shutdown_us)
{
	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	origins[0] = fake_origin_create(RECEIVE_BUFFER);
	origins[1] = fake_origin_create(0);
	configure();
	settings.shutdown_us = shutdown_us;
	resolver = resolver_create();
	CU_ASSERT_PTR_NOT_NULL_FATAL(resolver);
	struct relay_source source = {
		.pub = worker.pub,
		.sub = worker.sub,
		.regions = &worker.regions,
		.news_fd = worker.news_fd,
	};
	relay = relay_create(&source, &settings, resolver);
	CU_ASSERT_PTR_NOT_NULL_FATAL(relay);
}

static void tear_down(void)
{
	relay_destroy(relay);
	resolver_destroy(resolver);
	fake_origin_destroy(origins[0]);
	fake_origin_destroy(origins[1]);
	CU_ASSERT_EQUAL(worker.refused_tails, 0);
	fake_worker_fini(&worker);
}

#define WAIT_FOR(condition)                                                  \
	do {                                                                 \
		for (int wait_ = 0; wait_ < 4000 && !(condition); wait_++) { \
			usleep(5000);                                        \
		}                                                            \
		CU_ASSERT_FATAL(condition);                                  \
	} while (0)

static void send_frames(uint32_t count, uint32_t length, uint32_t slice)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fake_message m = {VIDEO, sent == 0 ? ABI_LOG_KEYFRAME : 0, sent * 40, length,
					 slice};

		CU_ASSERT_FATAL(fake_send(&worker, 0, &m));
		sent++;
	}
}

/* Messages 0 to `sent` from record `first` on, each whole. */
static bool all_came(struct fake_origin *o, uint32_t first)
{
	if (fake_origin_count(o) != first + sent) {
		return false;
	}
	for (uint32_t i = 0; i < sent; i++) {
		struct fake_record r = fake_origin_record(o, first + i);

		if (!r.intact || r.first != fake_byte(i, 0) || r.timestamp != i * 40) {
			return false;
		}
	}
	return true;
}

/* The first origin has 3 of its messages, and the rest waits here for it. */
static void fall_behind(void)
{
	send_frames(3, 2000, 1448);
	WAIT_FOR(fake_origin_count(origins[0]) == 3 && fake_origin_count(origins[1]) == 3);
	fake_origin_stall(origins[0], true);
	usleep(20000); /* it stalls from its next turn on */
	send_frames(150, 20000, 1448);
	WAIT_FOR(all_came(origins[1], 0));
}

/* SIGTERM: an origin that reads on within the time gets all that is there, then the end. */
static void test_shutdown_waits_for_who_is_behind(void)
{
	set_up(60 * US_PER_S);
	adopt(1);
	fall_behind();
	relay_shutdown(relay);
	WAIT_FOR(fake_origin_unpublished(origins[1]) == 1); /* it has been told */
	CU_ASSERT_FALSE(relay_stopped(relay));
	fake_origin_stall(origins[0], false);
	WAIT_FOR(relay_stopped(relay));
	CU_ASSERT(all_came(origins[0], 0));
	CU_ASSERT_EQUAL(fake_origin_unpublished(origins[0]), 1);
	CU_ASSERT_EQUAL(fake_origin_connections(origins[0]), 1);
	tear_down();
}

/* ... and one that does not is waited for no longer than that. */
static void test_shutdown_ends(void)
{
	set_up(100 * US_PER_MS);
	adopt(1);
	fall_behind();
	relay_shutdown(relay);
	WAIT_FOR(relay_stopped(relay));
	CU_ASSERT(fake_origin_count(origins[0]) < sent);
	CU_ASSERT(all_came(origins[1], 0));
	tear_down();
}

/* What the next publications may have made of all blocks: neither entries nor references. */
static void overwrite_blocks(void)
{
	memset((uint8_t *)worker.pub + worker.pub->blocks_offset, 0,
	       FAKE_BLOCKS * sizeof(struct abi_log_block));
}

/*
 * While we shut down nobody looks whose the slot is. What an origin still has to get is written
 * over: that log is broken, and the tail is the next publication's, not ours to move.
 */
static void test_tail_of_the_next_is_left_alone(void)
{
	set_up(60 * US_PER_S);
	adopt(1);
	fall_behind();
	relay_shutdown(relay);
	WAIT_FOR(fake_origin_unpublished(origins[1]) == 1);
	fake_end(&worker, 0);
	fake_free(&worker, 0);
	adopt(3);
	WAIT_FOR(relay_counter(relay, RELAY_COUNTER_relay_streams_adopted) == 2);
	CU_ASSERT_EQUAL(worker.sub->tail[0].generation, 3);
	overwrite_blocks();
	fake_origin_stall(origins[0], false);
	WAIT_FOR(relay_counter(relay, RELAY_COUNTER_relay_log_broken) == 1);
	relay_stop(relay); /* after the turn in which that was seen */
	CU_ASSERT_EQUAL(worker.sub->tail[0].generation, 3);
	CU_ASSERT_EQUAL(worker.sub->tail[0].position, 0);
	tear_down();
}

static void break_log(void)
{
	const struct abi_stream *stream = fake_stream(&worker, 0);
	union abi_log_unit *units =
		(union abi_log_unit *)((uint8_t *)worker.pub + worker.pub->blocks_offset);

	units[(uint64_t)stream->first_block * ABI_LOG_BLOCK_UNITS + 1].slices[0] =
		abi_ref_make(9, 0, 64, 102);
}

/* A broken log is over when its slot is another's, whose end is not taken for its own. */
static void test_slot_of_a_broken_log_is_used_again(void)
{
	set_up(US_PER_S);
	fake_pending(&worker, 0, 1, "live", "name");
	fake_live(&worker, 0, "name");
	sent = 0;
	send_frames(3, 100, 100);
	break_log();
	CU_ASSERT_EQUAL(relay_adopt(relay, 0, 1, &app, "name"), 0);
	WAIT_FOR(relay_counter(relay, RELAY_COUNTER_relay_log_broken) == 1);
	WAIT_FOR(worker.sub->tail[0].position == fake_stream(&worker, 0)->head);
	/* Nor does it keep what its publisher goes on to write. */
	send_frames(3, 100, 100);
	WAIT_FOR(worker.sub->tail[0].position == fake_stream(&worker, 0)->head);
	CU_ASSERT_EQUAL(fake_origin_count(origins[0]) + fake_origin_count(origins[1]), 0);
	fake_free(&worker, 0);
	adopt(3);
	send_frames(10, 500, 500);
	fake_end(&worker, 0);
	for (int o = 0; o < 2; o++) {
		WAIT_FOR(fake_origin_unpublished(origins[o]) == 1);
		CU_ASSERT(all_came(origins[o], 0));
	}
	WAIT_FOR(worker.sub->tail[0].position == fake_stream(&worker, 0)->head);
	usleep(50000); /* some ticks: whoever is still there looks at its slot */
	CU_ASSERT_EQUAL(relay_counter(relay, RELAY_COUNTER_relay_streams_finished), 1);
	CU_ASSERT_EQUAL(worker.sub->tail[0].generation, 3);
	tear_down();
}

/*
 * Pings while a long message goes out in many batches, which end anywhere in its chunks: the
 * answers wait for its end (RTMP specification 5.3.1: a chunk is sent in its entirety).
 */
static void test_answers_wait_for_the_end_of_a_message(void)
{
	set_up(US_PER_S);
	adopt(1);
	send_frames(1, 2000, 1448);
	WAIT_FOR(fake_origin_count(origins[0]) == 1);
	fake_origin_ping(origins[0], true);
	for (uint32_t i = 0; i < 20; i++) {
		send_frames(1, 900000, 333);
		WAIT_FOR(fake_origin_count(origins[0]) == sent);
	}
	CU_ASSERT(fake_origin_pings(origins[0]) > 0);
	CU_ASSERT(all_came(origins[0], 0));
	CU_ASSERT_EQUAL(fake_origin_connections(origins[0]), 1);
	tear_down();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a shutdown waits for who is behind", test_shutdown_waits_for_who_is_behind},
		{"... but not for ever", test_shutdown_ends},
		{"the tail of the next is left alone", test_tail_of_the_next_is_left_alone},
		{"the slot of a broken log is used again", test_slot_of_a_broken_log_is_used_again},
		{"answers wait for the end", test_answers_wait_for_the_end_of_a_message},
		CU_TEST_INFO_NULL,
	};

	/* JOURNAL=1 shows what the relay says. */
	journal_init(getenv("JOURNAL") ? CONFIG_LOG_DEBUG : CONFIG_LOG_ERROR);
	return check_run("stream", tests);
}
