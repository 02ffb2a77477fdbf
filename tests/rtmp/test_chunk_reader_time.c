/*
 * Time in long streams: 25 hours and 50 days of virtual time, across the border of the extended
 * timestamp (4 h 39 min) and the wrap of the 32-bit clock (49.7 days), by encoders of every habit.
 * What the caller gets is the 32-bit timestamp that the encoder meant (RTMP 1.0 section 5.3.1.2).
 */
#include "peer.h"
#include "runner.h"

#include <string.h>

#define HOUR_MS 3600000u

enum manner {
	ABSOLUTE,  /* fmt 0 for each message */
	DELTAS,    /* fmt 0 once, then fmt 1, 2 and 3 */
	OMITTED,   /* the same by old librtmp: no extended timestamp in fmt 3 */
	OUR_WRITER /* rtmp/chunk_writer.h, as towards origins */
};

struct sender {
	uint8_t csid;
	uint8_t type;
	uint32_t length;
	uint32_t last;
	uint32_t delta;
	uint32_t field; /* last timestamp field of fmt 0 to 2 */
	uint32_t sent;  /* messages */
};

struct encoder {
	enum manner manner;
	struct sender video;
	struct sender audio;
};

static struct peer peer;

static void put_fmt3(const struct encoder *e, const struct sender *s)
{
	tape_fmt3(&peer.tape, s->csid);
	if (s->field >= 0xffffff && e->manner != OMITTED) {
		tape_be32(&peer.tape, s->field);
	}
}

/* The header that a sparing sender chooses: 3 when the step is the same, 2 else, 1 to begin. */
static void put_delta(const struct encoder *e, struct sender *s, uint32_t time)
{
	uint32_t delta = time - s->last;

	if (s->sent > 1 && delta == s->delta) {
		put_fmt3(e, s);
		return;
	}
	s->field = s->delta = delta;
	if (s->sent == 1) {
		tape_fmt1(&peer.tape, s->csid, delta, s->length, s->type);
	} else {
		tape_fmt2(&peer.tape, s->csid, delta);
	}
}

static void put_message(struct encoder *e, struct sender *s, uint32_t time)
{
	if (e->manner == OUR_WRITER) {
		peer_message(&peer, s->type, s->csid, 1, time, 0x40, s->length);
		return;
	}
	if (s->sent == 0 || e->manner == ABSOLUTE) {
		s->field = time;
		tape_fmt0(&peer.tape, s->csid, time, s->length, s->type, 1);
	} else {
		put_delta(e, s, time);
	}
	s->last = time;
	s->sent++;
	for (uint32_t at = 0; at < s->length; at += RTMP_DEFAULT_CHUNK_SIZE) {
		uint32_t left = s->length - at;

		if (at != 0) {
			put_fmt3(e, s);
		}
		tape_fill(&peer.tape, 0x40, left < RTMP_DEFAULT_CHUNK_SIZE ? left : 128);
	}
}

/* Whether the tape holds this message and nothing more; replies are thrown away. */
static bool arrives(const struct sender *s, uint32_t time)
{
	struct rtmp_span in = {.data = peer.tape.bytes, .len = peer.tape.len};
	struct rtmp_server_event event;
	uint32_t got = 0;
	bool right = true;

	peer.out.len = 0;
	do {
		if (rtmp_server_next(&peer.server, &in, &peer.out, &event) != 0) {
			return false;
		}
		if (event.type == RTMP_SERVER_MEDIA) {
			got += event.piece.len;
			right &= event.piece.msg->timestamp == time &&
				 event.piece.msg->type == s->type &&
				 event.piece.last == (got == s->length);
		}
	} while (event.type != RTMP_SERVER_MORE);
	tape_reset(&peer.tape);
	return right && got == s->length;
}

static bool send_one(struct encoder *e, struct sender *s, uint32_t time)
{
	put_message(e, s, time);
	return arrives(s, time);
}

static void run(enum manner manner, uint32_t start, uint64_t length_ms, uint32_t step_ms)
{
	struct encoder e = {
		.manner = manner,
		.video = {.csid = 6, .type = RTMP_TYPE_VIDEO, .length = 200},
		.audio = {.csid = 4, .type = RTMP_TYPE_AUDIO, .length = 9},
	};
	uint32_t audio_step = step_ms;

	peer_init(&peer);
	peer_publish(&peer);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL_FATAL(peer.error, 0);
	for (uint64_t at = 0; at < length_ms; at += step_ms) {
		/* Two steps in turn, as those of AAC at 44100 Hz. */
		audio_step ^= 1;
		if (!send_one(&e, &e.video, start + (uint32_t)at) ||
		    !send_one(&e, &e.audio, start + (uint32_t)at + (audio_step & 1))) {
			printf("\n    manner %d, start %u: wrong after %llu ms", (int)manner, start,
			       (unsigned long long)at);
			CU_FAIL("timestamp");
			return;
		}
	}
	CU_PASS("all timestamps");
}

static void run_all(uint32_t start, uint64_t length_ms, uint32_t step_ms)
{
	for (int manner = ABSOLUTE; manner <= OUR_WRITER; manner++) {
		run((enum manner)manner, start, length_ms, step_ms);
	}
}

static void test_25_hours(void)
{
	run_all(0, 25ull * HOUR_MS, 200);
}

static void test_50_days(void)
{
	run_all(0, 50ull * 24 * HOUR_MS, 12001);
}

/* E23: the clock of an encoder that starts just before its wrap. */
static void test_start_before_wrap(void)
{
	run_all(UINT32_MAX - 999, 25ull * HOUR_MS, 1000);
	run_all(UINT32_MAX - 999, 5000, 1);
}

/* Frame by frame over each border. */
static void test_borders(void)
{
	static const uint32_t borders[] = {0xff0000, 0xffffff, 0x1000000, 0x7fffffff, 0xffffffff};

	for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++) {
		run_all(borders[i] - 500, 1000, 1);
	}
}

/* Pauses that no 24-bit delta holds: the delta itself is extended. */
static void test_long_pauses(void)
{
	run_all(0, 50ull * 24 * HOUR_MS, 5 * HOUR_MS);
	run_all(UINT32_MAX - 999, 25ull * HOUR_MS, 0x1000000);
	run_all(UINT32_MAX - 999, 25ull * HOUR_MS, 0x1000001);
}

static const struct test tests[] = {
	{"25 hours", test_25_hours},
	{"50 days", test_50_days},
	{"start before the wrap", test_start_before_wrap},
	{"borders", test_borders},
	{"long pauses", test_long_pauses},
};

int main(void)
{
	return RUN_TESTS("rtmp/chunk_reader_time", tests);
}
