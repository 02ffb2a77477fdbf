/*
 * Timestamps by `timestamps: repair`: what a publisher's clock may do, message by message, and what
 * comes out for it, wherever an origin begins again.
 */
#include "relay/timeline.h"

#include <string.h>

#include "check.h"
#include "rtmp/message.h"

#define AUDIO        RTMP_TYPE_AUDIO
#define VIDEO        RTMP_TYPE_VIDEO
#define DATA         RTMP_TYPE_DATA_AMF0
#define MESSAGES_MAX 4096u

static struct timeline timeline;
static struct timeline_status status;
static struct log_message messages[MESSAGES_MAX];
static uint32_t messages_count;
static uint64_t clock_ms; /* of arrivals */
static uint32_t sent;     /* the last timestamp that went out */
static uint32_t media;

static void set_up(bool repair)
{
	timeline_init(&timeline, repair);
	messages_count = 0;
	clock_ms = 5000;
	media = 0;
}

static void tear_down(void)
{
	timeline_fini(&timeline);
}

static void look(void)
{
	timeline_status(&timeline, &status);
}

/* A message arrives `after_ms` after the last one: what goes out for it. */
static uint32_t take(uint8_t type, uint32_t timestamp, uint64_t after_ms)
{
	struct log_message *m = &messages[messages_count];

	clock_ms += after_ms;
	memset(m, 0, sizeof(*m));
	m->entry.type = type;
	m->entry.timestamp = timestamp;
	m->entry.arrived_us = clock_ms * 1000;
	m->entry.header = type == DATA ? ABI_HEADER_METADATA : ABI_HEADER_NONE;
	m->at.position = 10 + 3 * (uint64_t)messages_count++;
	timeline_take(&timeline, m);
	sent = timeline_send(&timeline, m, &media);
	return sent;
}

/* Frames of video and sound in turn, as they come from `from` on; true when all out in step. */
static bool run(uint32_t from, uint32_t frames, uint32_t expected)
{
	bool right = true;

	for (uint32_t i = 0; i < frames; i++) {
		right &= take(VIDEO, from + i * 40, 20) == expected + i * 40;
		right &= take(AUDIO, from + i * 40 + 13, 20) == expected + i * 40 + 13;
	}
	return right;
}

static void test_smooth(void)
{
	for (int repair = 0; repair < 2; repair++) {
		set_up(repair != 0);
		CU_ASSERT(run(0, 500, 0));
		look();
		CU_ASSERT_EQUAL(status.jumps + status.gaps + status.wraps + status.repaired, 0);
		CU_ASSERT_EQUAL(timeline.epochs_count, 0);
		tear_down();
	}
}

/* Interleaving, frames out of order by a broken muxer: nothing of it adds up to drift. */
static void test_jitter(void)
{
	set_up(true);
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t t = 10000 + i * 40;

		CU_ASSERT_EQUAL(take(VIDEO, t, 40), t);
		CU_ASSERT_EQUAL(take(AUDIO, t - 500, 0), t - 500);
		CU_ASSERT_EQUAL(take(VIDEO, t - 80, 0), t - 80);
		CU_ASSERT_EQUAL(take(AUDIO, t + 400, 0), t + 400);
	}
	look();
	CU_ASSERT_EQUAL(status.jumps, 0);
	tear_down();
}

/* The encoder's clock begins anew: one jump, though audio and video both show it. */
static void test_restart(void)
{
	set_up(true);
	CU_ASSERT(run(600000, 100, 600000));
	/* The last video was at 603960, the last audio at 603973; then a step as before. */
	CU_ASSERT_EQUAL(take(VIDEO, 0, 20), 603973 + 40);
	CU_ASSERT_EQUAL(take(AUDIO, 604013, 5), 604013); /* from before it, late */
	CU_ASSERT_EQUAL(take(AUDIO, 13, 15), 604013 + 13);
	CU_ASSERT(run(40, 100, 604053));
	look();
	CU_ASSERT_EQUAL(status.jumps, 1);
	CU_ASSERT_EQUAL(status.repaired, 1);
	CU_ASSERT_EQUAL(status.gaps, 0);
	CU_ASSERT_EQUAL(timeline.epochs_count, 2);
	/* Whoever begins again in the middle gets the same. */
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[0]), 600000);
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[199]), 603973);
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[200]), 604013);
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[201]), 604013);
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[202]), 604026);
	tear_down();
}

/* With `pass` it is seen, counted, and let through. */
static void test_restart_passed(void)
{
	set_up(false);
	CU_ASSERT(run(600000, 100, 600000));
	CU_ASSERT(run(0, 100, 0));
	CU_ASSERT(run(500000, 100, 500000));
	look();
	CU_ASSERT_EQUAL(status.jumps, 2);
	CU_ASSERT_EQUAL(status.repaired, 0);
	CU_ASSERT_PTR_NULL(timeline.epochs);
	tear_down();
}

/* The host of the encoder sets its clock: ahead by an hour, without an hour having passed. */
static void test_ahead(void)
{
	set_up(true);
	CU_ASSERT(run(0, 100, 0));
	CU_ASSERT(run(3600000, 100, 3973 + 40));
	look();
	CU_ASSERT_EQUAL(status.jumps, 1);
	CU_ASSERT_EQUAL(status.gaps, 0);
	tear_down();
}

/* A minute without anything, on the wire and in the timestamps, is a gap and stays one. */
static void test_gap(void)
{
	set_up(true);
	CU_ASSERT(run(0, 100, 0));
	clock_ms += 60000;
	CU_ASSERT(run(64000, 100, 64000));
	look();
	CU_ASSERT_EQUAL(status.jumps, 0);
	CU_ASSERT_EQUAL(status.gaps, 1);
	tear_down();
}

/* A file sent as fast as it goes, whose sound pauses: that video went on shows that time did. */
static void test_sparse_sound(void)
{
	set_up(true);
	CU_ASSERT_EQUAL(take(AUDIO, 0, 0), 0);
	for (uint32_t t = 0; t < 120000; t += 40) {
		CU_ASSERT_EQUAL(take(VIDEO, t, 0), t);
	}
	CU_ASSERT_EQUAL(take(AUDIO, 119980, 0), 119980);
	look();
	CU_ASSERT_EQUAL(status.jumps + status.gaps, 0);
	tear_down();
}

static void test_restart_after_a_while(void)
{
	set_up(true);
	CU_ASSERT(run(50000, 10, 50000));
	CU_ASSERT_EQUAL(take(VIDEO, 0, 5000), 50373 + 5020); /* since the last frame */
	CU_ASSERT_EQUAL(take(AUDIO, 5, 0), 55398);
	tear_down();
}

static void test_wrap(void)
{
	set_up(false);
	CU_ASSERT(run(UINT32_MAX - 2000, 100, UINT32_MAX - 2000));
	look();
	CU_ASSERT_EQUAL(status.wraps, 1);
	CU_ASSERT_EQUAL(status.jumps + status.gaps, 0);
	tear_down();

	/* To repair it, it must not come so far: 2^32 - 1000 goes out as if it were early. */
	set_up(true);
	CU_ASSERT_EQUAL(take(VIDEO, UINT32_MAX - 999, 0), TIMELINE_BEGIN_MS);
	CU_ASSERT_EQUAL(take(AUDIO, UINT32_MAX - 1019, 0), TIMELINE_BEGIN_MS - 20);
	CU_ASSERT(run(UINT32_MAX - 959, 100, TIMELINE_BEGIN_MS + 40));
	look();
	CU_ASSERT_EQUAL(status.wraps, 1);
	CU_ASSERT_EQUAL(status.jumps, 0);
	tear_down();
}

/* Metadata has 0, or what it likes; it goes out with the time of the media around it. */
static void test_headers(void)
{
	set_up(true);
	CU_ASSERT_EQUAL(take(DATA, 0, 0), 0);
	CU_ASSERT_EQUAL(take(VIDEO, 3000000000u, 0), TIMELINE_BEGIN_MS);
	CU_ASSERT_EQUAL(take(DATA, 0, 0), TIMELINE_BEGIN_MS);
	CU_ASSERT_EQUAL(take(DATA, 3000000500u, 0), TIMELINE_BEGIN_MS + 500);
	tear_down();

	set_up(true);
	CU_ASSERT_EQUAL(take(DATA, 3000000000u, 0), TIMELINE_BEGIN_MS);
	CU_ASSERT_EQUAL(take(VIDEO, 3000000000u, 0), TIMELINE_BEGIN_MS);
	look();
	CU_ASSERT_EQUAL(status.jumps, 0);
	tear_down();

	set_up(false);
	CU_ASSERT_EQUAL(take(VIDEO, 3000000000u, 0), 3000000000u);
	CU_ASSERT_EQUAL(take(DATA, 0, 0), 0);
	tear_down();
}

/* Tracks beside the first one have what time they like, and share its repair. */
static void test_tracks(void)
{
	set_up(true);
	CU_ASSERT(run(60000, 10, 60000));
	for (uint32_t i = 0; i < 10; i++) {
		struct log_message *m = &messages[messages_count];

		(void)take(VIDEO, 60400 + i * 40, 40);
		*m = messages[messages_count - 1];
		m->entry.track = 1;
		m->entry.timestamp = 5;
		m->at.position++;
		timeline_take(&timeline, m);
	}
	look();
	CU_ASSERT_EQUAL(status.jumps, 0);
	tear_down();
}

/* A clock that jumps all the time: bounded, and as soon as the log has moved on repaired again. */
static void test_too_many(void)
{
	set_up(true);
	for (uint32_t i = 0; i < 200; i++) {
		(void)take(VIDEO, i % 2 * 1000000, 40);
	}
	look();
	CU_ASSERT_EQUAL(status.jumps, 199);
	CU_ASSERT_EQUAL(status.repaired, TIMELINE_EPOCHS);
	CU_ASSERT_EQUAL(timeline.epochs_count, TIMELINE_EPOCHS);
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[3]), 120);
	timeline_release(&timeline, messages[60].at.position);
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[60]), 60 * 40);
	CU_ASSERT_EQUAL(timeline_map(&timeline, &messages[62]), 62 * 40);
	timeline_release(&timeline, messages[199].at.position);
	CU_ASSERT_EQUAL(timeline.epochs_count, 1);
	uint32_t before = sent;
	CU_ASSERT_EQUAL(take(VIDEO, 0, 40), before + 40);
	tear_down();
}

#define LATE_MS 100u /* audio goes on so long by the clock before */

static uint32_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)random_state * below >> 32);
}

/* One step of a clock that may be anywhere, `after` so much of the one that is now. */
static bool random_step(const uint32_t begins[2], uint32_t at, uint32_t after, uint32_t last[2])
{
	uint32_t kind = at / 20 % 2;
	bool late = kind == TIMELINE_AUDIO && after < LATE_MS;
	uint32_t time = take(kind == TIMELINE_AUDIO ? AUDIO : VIDEO, begins[!late] + at, 20);
	int32_t step = (int32_t)(time - last[kind]);
	int32_t apart = (int32_t)(time - last[!kind]);
	bool right = step > 0 && step < 200 && apart > -100 && apart < 100;

	last[kind] = time;
	return at < 40 || (right && (after < LATE_MS + 20 || apart == 20));
}

/*
 * Clocks that jump to anywhere, now and then, audio some messages later than video: what goes out
 * goes on by what passes, and audio and video stay together.
 */
static void test_any_jump(void)
{
	for (uint32_t seed = 1; seed <= 200; seed++) {
		uint32_t begins[2] = {0, 0}; /* of the clock before, of the clock now */
		uint32_t last[2] = {0, 0};
		uint32_t since = 0;
		bool right = true;

		set_up(true);
		random_state = seed;
		begins[1] = draw(UINT32_MAX);
		for (uint32_t at = 0; at < 60000 && messages_count < MESSAGES_MAX; at += 20) {
			if (at / 20 % 2 == TIMELINE_VIDEO && at - since > 400 && draw(100) == 0) {
				since = at;
				begins[0] = begins[1];
				begins[1] = draw(UINT32_MAX);
				timeline_release(&timeline,
						 messages[messages_count - 1].at.position);
			}
			right &= random_step(begins, at, since > 0 ? at - since : UINT32_MAX / 2,
					     last);
		}
		if (!right) {
			printf("\n    seed %u", seed);
		}
		CU_ASSERT(right);
		tear_down();
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"a good clock", test_smooth},
		{"jitter", test_jitter},
		{"a clock begins anew", test_restart},
		{"... and is passed", test_restart_passed},
		{"a clock is set ahead", test_ahead},
		{"a gap", test_gap},
		{"sparse sound", test_sparse_sound},
		{"a clock begins anew after a while", test_restart_after_a_while},
		{"a wrap", test_wrap},
		{"headers", test_headers},
		{"tracks", test_tracks},
		{"too many jumps", test_too_many},
		{"any jump", test_any_jump},
		CU_TEST_INFO_NULL,
	};

	return check_run("timeline", tests);
}
