/*
 * Controls and origins that die at random moments while a publisher goes on: nothing is missing at
 * any origin, and once an origin has acknowledged, little more than a GOP comes twice.
 *
 * Message n has the timestamp 10 n, so that an origin's record says which one it is.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "fake_origin.h"
#include "fake_worker.h"
#include "journal.h"
#include "relay/relay.h"
#include "relay/resolver.h"

#define VIDEO     9
#define FRAME_MIN 600u
#define ORIGINS   2u

static struct fake_worker worker;
static struct resolver *resolver;
static struct relay *relay;
static struct fake_origin *origins[ORIGINS];
static struct config_origin origin_configs[ORIGINS];
static struct config_app app;
static struct relay_settings settings;
static uint64_t random_state;
static uint32_t sent; /* messages */
static uint32_t gop;  /* messages */

static char name_live[] = "live";
static char name_out[] = "out";
static char url[] = "rtmp://127.0.0.1/out";
static char host[] = "127.0.0.1";

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

static void configure(void)
{
	settings = relay_settings_default;
	settings.tick_us = 10 * US_PER_MS;
	settings.backoff_min_us = 5 * US_PER_MS;
	settings.backoff_max_us = 20 * US_PER_MS;
	memset(&app, 0, sizeof(app));
	memset(origin_configs, 0, sizeof(origin_configs));
	app.name = name_live;
	app.origins = origin_configs;
	app.origins_count = ORIGINS;
	app.gop_max_kib = 32768;
	for (uint32_t i = 0; i < ORIGINS; i++) {
		origin_configs[i].url = url;
		origin_configs[i].host = host;
		origin_configs[i].port = fake_origin_port(origins[i]);
		origin_configs[i].app = name_out;
		origin_configs[i].behind_max_kib = 8192;
	}
}

static void start(void)
{
	struct relay_source source = {
		.pub = worker.pub,
		.sub = worker.sub,
		.regions = &worker.regions,
		.news_fd = worker.news_fd,
	};

	relay = relay_create(&source, &settings, resolver);
	CU_ASSERT_PTR_NOT_NULL_FATAL(relay);
	CU_ASSERT_EQUAL(relay_adopt(relay, 0, 1, &app, "name"), 0);
}

static void set_up(uint64_t seed)
{
	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	for (uint32_t i = 0; i < ORIGINS; i++) {
		origins[i] = fake_origin_create(0);
	}
	configure();
	resolver = resolver_create();
	random_state = seed;
	sent = 0;
	gop = 10 + next_random(30);
	fake_pending(&worker, 0, 1, "live", "name");
	fake_live(&worker, 0, "name");
	start();
}

static void tear_down(void)
{
	relay_destroy(relay);
	relay = NULL;
	resolver_destroy(resolver);
	for (uint32_t i = 0; i < ORIGINS; i++) {
		fake_origin_destroy(origins[i]);
	}
	CU_ASSERT_EQUAL(worker.refused_tails, 0);
	fake_worker_fini(&worker);
}

#define WAIT_FOR(condition)                                                  \
	do {                                                                 \
		for (int wait_ = 0; wait_ < 8000 && !(condition); wait_++) { \
			if (relay) {                                         \
				fake_reclaim(&worker, 0);                    \
			}                                                    \
			usleep(2000);                                        \
		}                                                            \
		CU_ASSERT_FATAL(condition);                                  \
	} while (0)

static void send_frames(uint32_t count, bool paced)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fake_message m = {VIDEO, sent % gop == 0 ? ABI_LOG_KEYFRAME : 0, sent * 10,
					 FRAME_MIN + next_random(2000), 1448};

		CU_ASSERT_FATAL(fake_send(&worker, 0, &m));
		sent++;
		if (paced && next_random(4) == 0) {
			usleep(500);
		}
	}
}

static struct origin_status status(uint32_t index)
{
	struct origin_status all[ORIGINS];

	memset(all, 0, sizeof(all));
	for (uint32_t i = 0; i < ORIGINS; i++) {
		all[i].ack_mode = "";
		all[i].state = "";
	}
	(void)relay_origins(relay, 0, 1, all, ORIGINS);
	return all[index];
}

/* As kill -9 does: the sockets are closed and nothing else is done. */
static void kill_control(void)
{
	relay_destroy(relay);
	relay = NULL;
}

static void next_control(void)
{
	/* What the dead one released is given back before the next one comes, and no more. */
	fake_reclaim(&worker, 0);
	fake_attach(&worker);
	start();
}

static bool has_last(uint32_t index)
{
	uint32_t count = fake_origin_count(origins[index]);

	return count > 0 &&
	       fake_origin_record(origins[index], count - 1).timestamp == (sent - 1) * 10;
}

static uint32_t missing(uint32_t index)
{
	static bool seen[65536];
	uint32_t missing = 0;

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < fake_origin_count(origins[index]); i++) {
		struct fake_record r = fake_origin_record(origins[index], i);
		uint32_t n = r.timestamp / 10;

		CU_ASSERT(r.intact && r.length >= FRAME_MIN && r.first == fake_byte(n, 0));
		seen[n % 65536] = true;
	}
	for (uint32_t n = 0; n < sent; n++) {
		missing += !seen[n];
	}
	return missing;
}

/* GOPs that came twice as a whole, at the worst. */
static uint32_t gops_repeated(uint32_t index)
{
	uint32_t worst = 0;
	uint32_t highest = 0;

	for (uint32_t i = 0; i < fake_origin_count(origins[index]); i++) {
		uint32_t n = fake_origin_record(origins[index], i).timestamp / 10;

		if (n <= highest && (highest - n) / gop > worst) {
			worst = (highest - n) / gop;
		}
		highest = n > highest ? n : highest;
	}
	return worst;
}

static void expect_complete(void)
{
	for (uint32_t o = 0; o < ORIGINS; o++) {
		WAIT_FOR(has_last(o));
		CU_ASSERT_EQUAL(missing(o), 0);
	}
}

static void test_control_killed_at_random(void)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		set_up(seed);
		for (int kills = 0; kills < 5; kills++) {
			send_frames(next_random(120), true);
			kill_control();
			send_frames(next_random(40), false);
			next_control();
		}
		send_frames(30, true);
		expect_complete();
		tear_down();
	}
}

/* Each origin has acknowledged as much as it will: less than the window is open. */
static bool acknowledged(void)
{
	for (uint32_t o = 0; o < ORIGINS; o++) {
		struct origin_status s = status(o);

		if (s.acked_message + gop / 2 < sent) {
			return false;
		}
	}
	return true;
}

static void test_no_more_than_a_gop_twice(void)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		set_up(seed);
		gop = 40; /* several windows of the least size */
		for (int kills = 0; kills < 5; kills++) {
			send_frames(100 + next_random(100), true);
			WAIT_FOR(acknowledged());
			fake_reclaim(&worker, 0);
			usleep(30000); /* a tick, which releases */
			kill_control();
			next_control();
		}
		expect_complete();
		for (uint32_t o = 0; o < ORIGINS; o++) {
			CU_ASSERT(gops_repeated(o) <= 1);
		}
		tear_down();
	}
}

static void swap_configs(void)
{
	struct config_origin first = origin_configs[0];

	origin_configs[0] = origin_configs[1];
	origin_configs[1] = first;
}

/* Origin 0 is away from here on, the other one has what was sent. */
static void lose_origin(void)
{
	gop = 40;
	send_frames(60, true);
	WAIT_FOR(acknowledged());
	fake_origin_listen(origins[0], false);
	fake_origin_break(origins[0]);
}

static bool other_acknowledged(void)
{
	return status(origin_configs[0].port == fake_origin_port(origins[1]) ? 0 : 1)
			       .acked_message +
		       gop / 2 >=
	       sent;
}

static void send_gops_to_the_other(uint32_t gops)
{
	send_frames(gops * gop, true);
	WAIT_FOR(other_acknowledged());
	usleep(30000); /* a tick, which stores its place */
}

static void expect_a_gop_at_most(void)
{
	expect_complete();
	for (uint32_t o = 0; o < ORIGINS; o++) {
		CU_ASSERT(gops_repeated(o) <= 1);
	}
	CU_ASSERT_EQUAL(worker.refused_positions, 0);
}

/*
 * One origin is away for many GOPs, and control dies meanwhile: the other one goes on at its own
 * place, also when its successor dies at once, and when it has them in another order.
 */
static void test_each_at_its_own_place(void)
{
	for (uint64_t seed = 1; seed <= 6; seed++) {
		set_up(seed);
		lose_origin();
		for (int kills = 0; kills < 3; kills++) {
			send_gops_to_the_other(5);
			kill_control();
			if (seed % 2 == 0) {
				next_control();
				kill_control();
			}
			if (seed % 3 == 0) {
				swap_configs();
			}
			next_control();
		}
		CU_ASSERT_EQUAL(status(0).skipped_messages, 0);
		CU_ASSERT_EQUAL(status(1).skipped_messages, 0);
		fake_origin_listen(origins[0], true);
		expect_a_gop_at_most();
		CU_ASSERT_EQUAL(missing(0), 0);
		tear_down();
	}
}

/* The same when the publisher ends before control dies. */
static void test_ended_at_its_own_place(void)
{
	set_up(1);
	lose_origin();
	send_gops_to_the_other(5);
	fake_end(&worker, 0);
	WAIT_FOR(fake_origin_unpublished(origins[1]) == 1);
	kill_control();
	next_control();
	fake_origin_listen(origins[0], true);
	expect_a_gop_at_most();
	WAIT_FOR(worker.sub->tail[0].position == fake_stream(&worker, 0)->head);
	tear_down();
}

static void test_origin_dies_at_random(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		set_up(seed);
		WAIT_FOR(fake_origin_connections(origins[1]) == 1);
		for (int breaks = 0; breaks < 5; breaks++) {
			send_frames(next_random(150), true);
			fake_origin_break(origins[0]);
		}
		send_frames(30, true);
		expect_complete();
		/* The other one did not notice, and what came twice is counted. */
		CU_ASSERT_EQUAL(fake_origin_connections(origins[1]), 1);
		CU_ASSERT_EQUAL(fake_origin_count(origins[1]), sent);
		CU_ASSERT_EQUAL(status(0).skipped_messages, 0);
		CU_ASSERT_EQUAL(status(1).repeated_messages, 0);
		/* An origin may have it before the relay has counted it. */
		WAIT_FOR(status(0).messages - status(0).repeated_messages == sent);
		tear_down();
	}
}

/* The publisher ended, and the origin dies before it has read the end. */
static void test_origin_dies_at_the_end(void)
{
	set_up(1);
	send_frames(100, true);
	expect_complete();
	fake_origin_stall(origins[0], true);
	usleep(20000); /* it stalls from its next turn on */
	send_frames(100, false);
	fake_end(&worker, 0);
	WAIT_FOR(fake_origin_unpublished(origins[1]) == 1);
	CU_ASSERT_EQUAL(missing(1), 0);
	fake_origin_break(origins[0]); /* with all of it unread */
	fake_origin_stall(origins[0], false);
	WAIT_FOR(fake_origin_unpublished(origins[0]) == 1);
	CU_ASSERT_EQUAL(missing(0), 0);
	WAIT_FOR(worker.sub->tail[0].position == fake_stream(&worker, 0)->head);
	tear_down();
}

static void test_successor_of_an_orderly_end(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		uint64_t tail;

		set_up(seed);
		send_frames(200, true);
		relay_shutdown(relay);
		send_frames(20, false);
		WAIT_FOR(relay_stopped(relay));
		tail = worker.sub->tail[0].position;
		CU_ASSERT(tail < fake_stream(&worker, 0)->head);
		kill_control();
		send_frames(20, false);
		next_control();
		expect_complete();
		CU_ASSERT_EQUAL(fake_origin_unpublished(origins[0]), 1);
		tear_down();
	}
}

/* SIGTERM while an origin takes nothing: the others get all of it, and the end. */
static void test_flush_at_the_end(void)
{
	set_up(1);
	send_frames(50, true);
	expect_complete();
	fake_origin_stall(origins[0], true);
	usleep(20000);
	send_frames(300, false);
	WAIT_FOR(status(0).sent_message == sent || status(0).lag_bytes > 0);
	relay_shutdown(relay);
	WAIT_FOR(relay_stopped(relay));
	CU_ASSERT_EQUAL(fake_origin_unpublished(origins[1]), 1);
	CU_ASSERT_EQUAL(missing(1), 0);
	kill_control();
	fake_origin_stall(origins[0], false);
	next_control();
	expect_complete();
	tear_down();
}

/* The mappings go away under the relay once it has let go: it must not touch them. */
static void test_lets_go_of_a_dead_dataplane(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		set_up(seed);
		send_frames(50 + next_random(100), true);
		if (seed % 2 == 0) {
			WAIT_FOR(has_last(0) && has_last(1));
		}
		relay_let_go(relay);
		WAIT_FOR(relay_has_let_go(relay));
		CU_ASSERT_EQUAL_FATAL(mprotect(worker.packets, FAKE_PACKETS, PROT_NONE), 0);
		CU_ASSERT_EQUAL_FATAL(mprotect(worker.pub, worker.pub_size, PROT_NONE), 0);
		CU_ASSERT_EQUAL_FATAL(mprotect(worker.sub, worker.sub_size, PROT_NONE), 0);
		for (int i = 0; i < 8000 && !relay_stopped(relay); i++) {
			usleep(2000);
		}
		CU_ASSERT(relay_stopped(relay));
		CU_ASSERT_EQUAL(fake_origin_unpublished(origins[0]), 1);
		CU_ASSERT_EQUAL(fake_origin_unpublished(origins[1]), 1);
		for (uint32_t i = 0; i < fake_origin_count(origins[0]); i++) {
			CU_ASSERT(fake_origin_record(origins[0], i).intact);
		}
		CU_ASSERT_EQUAL_FATAL(mprotect(worker.sub, worker.sub_size, PROT_READ), 0);
		tear_down();
	}
}

/* An origin that is away for long: behind_max_kib is kept for it, no more, and it is counted. */
static void test_what_is_kept_is_bounded(void)
{
	set_up(1);
	gop = 10;
	origin_configs[0].behind_max_kib = 128;
	send_frames(50, true);
	expect_complete();
	fake_origin_listen(origins[0], false);
	fake_origin_break(origins[0]);
	WAIT_FOR(strcmp(status(0).state, "publishing") != 0);
	send_frames(1000, true);
	WAIT_FOR(status(0).lost_marks > 0);
	WAIT_FOR(fake_origin_count(origins[1]) == sent);
	/* 128 KiB are at most 220 messages of 3 units; a GOP and what is not acknowledged yet. */
	WAIT_FOR(fake_stream(&worker, 0)->head - worker.sub->tail[0].position < 1000);
	fake_origin_listen(origins[0], true);
	WAIT_FOR(has_last(0));
	CU_ASSERT(missing(0) > 0);
	CU_ASSERT_EQUAL(status(0).skipped_messages, missing(0));
	CU_ASSERT_EQUAL(missing(1), 0);
	tear_down();
}

static void test_origin_that_never_acknowledges(void)
{
	set_up(1);
	gop = 20;
	settings.ack_us = 50 * US_PER_MS;
	kill_control();
	fake_origin_mute(origins[0], true);
	next_control();
	send_frames(200, true);
	expect_complete();
	for (int i = 0; i < 200 && strcmp(status(0).ack_mode, "tcp") != 0; i++) {
		send_frames(10, true);
		usleep(5000);
	}
	CU_ASSERT_STRING_EQUAL(status(0).ack_mode, "tcp");
	CU_ASSERT_STRING_EQUAL(status(1).ack_mode, "rtmp");
	WAIT_FOR(status(0).acked_message == sent);
	CU_ASSERT_EQUAL(status(0).tcp_acked_message, sent);
	CU_ASSERT_EQUAL(status(0).sent_message, sent);
	WAIT_FOR(worker.sub->tail[0].position > 0);
	expect_complete();
	tear_down();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"control is killed at random", test_control_killed_at_random},
		{"no more than a GOP comes twice", test_no_more_than_a_gop_twice},
		{"each origin at its own place", test_each_at_its_own_place},
		{"each at its own place at the end", test_ended_at_its_own_place},
		{"an origin dies at random", test_origin_dies_at_random},
		{"an origin dies at the end", test_origin_dies_at_the_end},
		{"the successor of an orderly end", test_successor_of_an_orderly_end},
		{"what is there is flushed at the end", test_flush_at_the_end},
		{"lets go of a dead dataplane", test_lets_go_of_a_dead_dataplane},
		{"what is kept is bounded", test_what_is_kept_is_bounded},
		{"an origin that never acknowledges", test_origin_that_never_acknowledges},
		CU_TEST_INFO_NULL,
	};

	/* JOURNAL=1 shows what the relay says. */
	journal_init(getenv("JOURNAL") ? CONFIG_LOG_DEBUG : CONFIG_LOG_ERROR);
	return check_run("resume", tests);
}
