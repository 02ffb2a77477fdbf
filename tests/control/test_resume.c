/*
 * Controls and origins that die at random moments while a publisher goes on: nothing is missing at
 * any origin, and once an origin has acknowledged, little more than a GOP comes twice.
 *
 * Message n has the timestamp 10 n, so that an origin's record says which one it is.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "rig.h"

#define VIDEO     9
#define FRAME_MIN 600u
#define ORIGINS   RIG_ORIGINS

static struct rig rig;
static uint64_t random_state;
static uint32_t sent; /* messages */
static uint32_t gop;  /* messages */

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % below;
}

static void start(void)
{
	rig_start(&rig);
	rig_adopt(&rig, 0, 1);
}

/* `receive_buffer`: bytes of the origins' sockets, 0: as usual. */
static void set_up_with(uint64_t seed, int receive_buffer)
{
	rig_init(&rig, ORIGINS, receive_buffer);
	rig.settings.backoff_min_us = 5 * US_PER_MS;
	rig.settings.backoff_max_us = 20 * US_PER_MS;
	random_state = seed;
	sent = 0;
	gop = 10 + next_random(30);
	rig_publish(&rig, 0, 1);
	start();
}

static void set_up(uint64_t seed)
{
	set_up_with(seed, 0);
}

static void send_frames(uint32_t count, bool paced)
{
	for (uint32_t i = 0; i < count; i++) {
		struct fake_message m = {VIDEO, sent % gop == 0 ? ABI_LOG_KEYFRAME : 0, sent * 10,
					 FRAME_MIN + next_random(2000), 1448};

		CU_ASSERT_FATAL(fake_send(&rig.worker, 0, &m));
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
	(void)relay_origins(rig.relay, 0, 1, all, ORIGINS);
	return all[index];
}

/* As kill -9 does: the sockets are closed and nothing else is done. */
static void kill_control(void)
{
	relay_destroy(rig.relay);
	rig.relay = NULL;
}

static void next_control(void)
{
	/* What the dead one released is given back before the next one comes, and no more. */
	fake_reclaim(&rig.worker, 0);
	fake_attach(&rig.worker);
	start();
}

static bool has_last(uint32_t index)
{
	uint32_t count = fake_origin_count(rig.origins[index]);

	return count > 0 &&
	       fake_origin_record(rig.origins[index], count - 1).timestamp == (sent - 1) * 10;
}

static uint32_t missing(uint32_t index)
{
	static bool seen[65536];
	uint32_t missing = 0;

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < fake_origin_count(rig.origins[index]); i++) {
		struct fake_record r = fake_origin_record(rig.origins[index], i);
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

	for (uint32_t i = 0; i < fake_origin_count(rig.origins[index]); i++) {
		uint32_t n = fake_origin_record(rig.origins[index], i).timestamp / 10;

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
		RIG_WAIT_FOR(&rig, has_last(o));
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
		rig_fini(&rig);
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
			RIG_WAIT_FOR(&rig, acknowledged());
			fake_reclaim(&rig.worker, 0);
			usleep(30000); /* a tick, which releases */
			kill_control();
			next_control();
		}
		expect_complete();
		for (uint32_t o = 0; o < ORIGINS; o++) {
			CU_ASSERT(gops_repeated(o) <= 1);
		}
		rig_fini(&rig);
	}
}

static void swap_configs(void)
{
	struct config_origin first = rig.configs[0];

	rig.configs[0] = rig.configs[1];
	rig.configs[1] = first;
}

/* Origin 0 is away from here on, the other one has what was sent. */
static void lose_origin(void)
{
	gop = 40;
	send_frames(60, true);
	RIG_WAIT_FOR(&rig, acknowledged());
	fake_origin_listen(rig.origins[0], false);
	fake_origin_break(rig.origins[0]);
}

static bool other_acknowledged(void)
{
	return status(rig.configs[0].port == fake_origin_port(rig.origins[1]) ? 0 : 1)
			       .acked_message +
		       gop / 2 >=
	       sent;
}

static void send_gops_to_the_other(uint32_t gops)
{
	send_frames(gops * gop, true);
	RIG_WAIT_FOR(&rig, other_acknowledged());
	usleep(30000); /* a tick, which stores its place */
}

static void expect_a_gop_at_most(void)
{
	expect_complete();
	for (uint32_t o = 0; o < ORIGINS; o++) {
		CU_ASSERT(gops_repeated(o) <= 1);
	}
	CU_ASSERT_EQUAL(rig.worker.refused_positions, 0);
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
		fake_origin_listen(rig.origins[0], true);
		expect_a_gop_at_most();
		CU_ASSERT_EQUAL(missing(0), 0);
		rig_fini(&rig);
	}
}

/* The same when the publisher ends before control dies. */
static void test_ended_at_its_own_place(void)
{
	set_up(1);
	lose_origin();
	send_gops_to_the_other(5);
	fake_end(&rig.worker, 0);
	RIG_WAIT_FOR(&rig, fake_origin_unpublished(rig.origins[1]) == 1);
	kill_control();
	next_control();
	fake_origin_listen(rig.origins[0], true);
	expect_a_gop_at_most();
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	rig_fini(&rig);
}

static void test_origin_dies_at_random(void)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		set_up(seed);
		RIG_WAIT_FOR(&rig, fake_origin_connections(rig.origins[1]) == 1);
		for (int breaks = 0; breaks < 5; breaks++) {
			send_frames(next_random(150), true);
			fake_origin_break(rig.origins[0]);
		}
		send_frames(30, true);
		expect_complete();
		/* The other one did not notice, and what came twice is counted. */
		CU_ASSERT_EQUAL(fake_origin_connections(rig.origins[1]), 1);
		CU_ASSERT_EQUAL(fake_origin_count(rig.origins[1]), sent);
		CU_ASSERT_EQUAL(status(0).skipped_messages, 0);
		CU_ASSERT_EQUAL(status(1).repeated_messages, 0);
		/* An origin may have it before the relay has counted it. */
		RIG_WAIT_FOR(&rig, status(0).messages - status(0).repeated_messages == sent);
		rig_fini(&rig);
	}
}

/*
 * The publisher ended, and the origin dies before it has read the end. Its buffer is small: what
 * its kernel has taken whole before our FIN counts as read.
 */
static void test_origin_dies_at_the_end(void)
{
	set_up_with(1, 4096);
	send_frames(100, true);
	expect_complete();
	fake_origin_stall(rig.origins[0], true);
	send_frames(100, false);
	fake_end(&rig.worker, 0);
	RIG_WAIT_FOR(&rig, fake_origin_unpublished(rig.origins[1]) == 1);
	CU_ASSERT_EQUAL(missing(1), 0);
	fake_origin_break(rig.origins[0]); /* with all of it unread */
	fake_origin_stall(rig.origins[0], false);
	RIG_WAIT_FOR(&rig, fake_origin_unpublished(rig.origins[0]) == 1);
	CU_ASSERT_EQUAL(missing(0), 0);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position == fake_stream(&rig.worker, 0)->head);
	rig_fini(&rig);
}

static void test_successor_of_an_orderly_end(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		uint64_t tail;

		set_up(seed);
		send_frames(200, true);
		relay_shutdown(rig.relay);
		send_frames(20, false);
		RIG_WAIT_FOR(&rig, relay_stopped(rig.relay));
		tail = rig.worker.sub->tail[0].position;
		CU_ASSERT(tail < fake_stream(&rig.worker, 0)->head);
		kill_control();
		send_frames(20, false);
		next_control();
		expect_complete();
		CU_ASSERT_EQUAL(fake_origin_unpublished(rig.origins[0]), 1);
		rig_fini(&rig);
	}
}

/* SIGTERM while an origin takes nothing: the others get all of it, and the end. */
static void test_flush_at_the_end(void)
{
	set_up(1);
	send_frames(50, true);
	expect_complete();
	fake_origin_stall(rig.origins[0], true);
	usleep(20000);
	send_frames(300, false);
	RIG_WAIT_FOR(&rig, status(0).sent_message == sent || status(0).lag_bytes > 0);
	relay_shutdown(rig.relay);
	RIG_WAIT_FOR(&rig, relay_stopped(rig.relay));
	CU_ASSERT_EQUAL(fake_origin_unpublished(rig.origins[1]), 1);
	CU_ASSERT_EQUAL(missing(1), 0);
	kill_control();
	fake_origin_stall(rig.origins[0], false);
	next_control();
	expect_complete();
	rig_fini(&rig);
}

/* The mappings go away under the relay once it has let go: it must not touch them. */
static void test_lets_go_of_a_dead_dataplane(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		set_up(seed);
		send_frames(50 + next_random(100), true);
		if (seed % 2 == 0) {
			RIG_WAIT_FOR(&rig, has_last(0) && has_last(1));
		}
		relay_let_go(rig.relay);
		RIG_WAIT_FOR(&rig, relay_has_let_go(rig.relay));
		CU_ASSERT_EQUAL_FATAL(mprotect(rig.worker.packets, FAKE_PACKETS, PROT_NONE), 0);
		CU_ASSERT_EQUAL_FATAL(mprotect(rig.worker.pub, rig.worker.pub_size, PROT_NONE), 0);
		CU_ASSERT_EQUAL_FATAL(mprotect(rig.worker.sub, rig.worker.sub_size, PROT_NONE), 0);
		for (int i = 0; i < 8000 && !relay_stopped(rig.relay); i++) {
			usleep(2000);
		}
		CU_ASSERT(relay_stopped(rig.relay));
		CU_ASSERT_EQUAL(fake_origin_unpublished(rig.origins[0]), 1);
		CU_ASSERT_EQUAL(fake_origin_unpublished(rig.origins[1]), 1);
		for (uint32_t i = 0; i < fake_origin_count(rig.origins[0]); i++) {
			CU_ASSERT(fake_origin_record(rig.origins[0], i).intact);
		}
		CU_ASSERT_EQUAL_FATAL(mprotect(rig.worker.sub, rig.worker.sub_size, PROT_READ), 0);
		rig_fini(&rig);
	}
}

/* An origin that is away for long: behind_max_kib is kept for it, no more, and it is counted. */
static void test_what_is_kept_is_bounded(void)
{
	set_up(1);
	gop = 10;
	rig.configs[0].behind_max_kib = 128;
	send_frames(50, true);
	expect_complete();
	fake_origin_listen(rig.origins[0], false);
	fake_origin_break(rig.origins[0]);
	RIG_WAIT_FOR(&rig, strcmp(status(0).state, "publishing") != 0);
	send_frames(1000, true);
	RIG_WAIT_FOR(&rig, status(0).lost_marks > 0);
	RIG_WAIT_FOR(&rig, fake_origin_count(rig.origins[1]) == sent);
	/* 128 KiB are at most 220 messages of 3 units; a GOP and what is not acknowledged yet. */
	RIG_WAIT_FOR(&rig,
		     fake_stream(&rig.worker, 0)->head - rig.worker.sub->tail[0].position < 1000);
	fake_origin_listen(rig.origins[0], true);
	RIG_WAIT_FOR(&rig, has_last(0));
	CU_ASSERT(missing(0) > 0);
	CU_ASSERT_EQUAL(status(0).skipped_messages, missing(0));
	CU_ASSERT_EQUAL(missing(1), 0);
	rig_fini(&rig);
}

static void test_origin_that_never_acknowledges(void)
{
	set_up(1);
	gop = 20;
	rig.settings.ack_us = 50 * US_PER_MS;
	kill_control();
	fake_origin_mute(rig.origins[0], true);
	next_control();
	send_frames(200, true);
	expect_complete();
	for (int i = 0; i < 200 && strcmp(status(0).ack_mode, "tcp") != 0; i++) {
		send_frames(10, true);
		usleep(5000);
	}
	CU_ASSERT_STRING_EQUAL(status(0).ack_mode, "tcp");
	CU_ASSERT_STRING_EQUAL(status(1).ack_mode, "rtmp");
	RIG_WAIT_FOR(&rig, status(0).acked_message == sent);
	CU_ASSERT_EQUAL(status(0).tcp_acked_message, sent);
	CU_ASSERT_EQUAL(status(0).sent_message, sent);
	RIG_WAIT_FOR(&rig, rig.worker.sub->tail[0].position > 0);
	expect_complete();
	rig_fini(&rig);
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

	rig_journal_init();
	return check_run("resume", tests);
}
