/*
 * The span reader and aggregates against the slow readers of tests/fuzz, on sessions at random:
 * same messages, payload, control messages, aborts and errors, after every span.
 */
#include "../fuzz/differ.h"
#include "../fuzz/random_session.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

#define SESSIONS 2000u
#define BYTES    6000u

static struct differ differ;
static struct tape tape;

static void run(uint32_t seed, uint32_t streams_max)
{
	const char *wrong;

	tape_reset(&tape);
	random_session(&tape, seed, BYTES);
	differ_init(&differ, streams_max);
	wrong = differ_session(&differ, tape.bytes, tape.len, seed);
	if (wrong != NULL) {
		printf("session %u of %u chunk streams: %s\n", seed, streams_max, wrong);
	}
	CU_ASSERT_PTR_NULL(wrong);
}

/* The sessions must have in them what the two could differ in. */
static void check_counts(const struct differ_counts *c)
{
	CU_ASSERT_TRUE(c->messages > SESSIONS);
	CU_ASSERT_TRUE(c->controls > SESSIONS);
	CU_ASSERT_TRUE(c->aborted > SESSIONS / 10);
	CU_ASSERT_TRUE(c->within > SESSIONS);
	CU_ASSERT_TRUE(c->runs > SESSIONS);
	CU_ASSERT_TRUE(c->copied > SESSIONS / 50);
	CU_ASSERT_TRUE(c->forgotten > SESSIONS / 20);
	CU_ASSERT_TRUE(c->mismatches > SESSIONS / 10);
	CU_ASSERT_TRUE(c->aggregate_errors > SESSIONS / 10);
	CU_ASSERT_TRUE(c->errors[0] > SESSIONS / 3);
	CU_ASSERT_TRUE(c->errors[-RTMP_ERR(CHUNK_HEADER)] > 0);
	CU_ASSERT_TRUE(c->errors[-RTMP_ERR(CHUNK_STREAMS)] > 0);
	CU_ASSERT_TRUE(c->errors[-RTMP_ERR(CHUNK_SIZE)] > 0);
	CU_ASSERT_TRUE(c->errors[-RTMP_ERR(MESSAGE_SIZE)] > 0);
	CU_ASSERT_TRUE(c->errors[-RTMP_ERR(CONTROL)] > 0);
}

static void print_counts(const struct differ_counts *c)
{
	printf("%lu messages, %lu controls, %lu aborted, %lu within, %lu runs, %lu copied, "
	       "%lu forgotten, %lu mismatches, %lu aggregate errors; errors",
	       c->messages, c->controls, c->aborted, c->within, c->runs, c->copied, c->forgotten,
	       c->mismatches, c->aggregate_errors);
	for (uint32_t i = 0; i < RTMP_ERROR_COUNT; i++) {
		if (c->errors[i] != 0) {
			printf(" %u:%lu", i, c->errors[i]);
		}
	}
	printf("\n");
}

static void random_sessions(void)
{
	memset(&differ.counts, 0, sizeof(differ.counts));
	for (uint32_t seed = 0; seed < SESSIONS; seed++) {
		run(seed, seed % 3 != 0 ? RTMP_CHUNK_STREAMS : 1 + seed % RTMP_CHUNK_STREAMS);
	}
	print_counts(&differ.counts);
	check_counts(&differ.counts);
	differ_free(&differ);
}

int main(void)
{
	static const struct test tests[] = {
		{"sessions at random, span reader against slow reader", random_sessions},
	};

	return RUN_TESTS("rtmp/differential", tests);
}
