/*
 * Chunk reader: interleaved messages on chunk streams of every form, cut at every byte, ended at
 * every byte, at every chunk size that encoders use and at the limits; the size changed while
 * messages of other chunk streams are under way; both habits of extended timestamps.
 */
#include "runner.h"
#include "weave.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t sizes[] = {1, 127, 128, 129, 4096, 60000, 65536, 131072, 16777215};

#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static struct weave weave;

static bool cut_at(uint32_t cut, bool runs)
{
	struct weave_reading r;

	weave_start(&r, &weave, runs);
	weave_read(&r, 0, cut);
	weave_read(&r, cut, weave.len);
	return weave_done(&r);
}

static bool in_steps(uint32_t step)
{
	struct weave_reading r;

	weave_start(&r, &weave, false);
	for (uint32_t at = 0; at < weave.len; at += step) {
		weave_read(&r, at, weave.len - at < step ? weave.len : at + step);
	}
	return weave_done(&r);
}

/* A beginning is no error, and gives exactly the messages that are complete in it. */
static bool ended_at(uint32_t len)
{
	struct weave_reading r;

	weave_start(&r, &weave, false);
	weave_read(&r, 0, len);
	return !r.wrong && r.completed == weave_complete(&weave, len);
}

static uint32_t longest(uint32_t size)
{
	return size < 200000 ? size + 1 : 70000;
}

/* Cuts at every byte; every other one with runs taken at once. */
static void cut_everywhere(const struct weave_spec *spec)
{
	uint32_t wrong = 0;

	weave_make(&weave, spec);
	for (uint32_t cut = 0; cut <= weave.len; cut++) {
		wrong += !cut_at(cut, cut & 1);
	}
	for (uint32_t step = 1; step <= 40; step++) {
		wrong += !in_steps(step);
	}
	if (wrong != 0) {
		printf("\n    size %u, habit %d, match %u: %u of %u cuts", spec->size,
		       (int)spec->habit, spec->match, wrong, weave.len);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void test_every_cut_small(void)
{
	for (size_t i = 0; i < 5; i++) {
		for (int habit = WEAVE_SMALL; habit <= WEAVE_OMITTED; habit++) {
			cut_everywhere(&(struct weave_spec){.size = sizes[i],
							    .heavy = longest(sizes[i]),
							    .habit = (enum weave_habit)habit});
		}
	}
}

/* Where chunks are long the habits take turns. */
static void test_every_cut_large(void)
{
	for (size_t i = 5; i < SIZES; i++) {
		cut_everywhere(&(struct weave_spec){.size = sizes[i],
						    .heavy = longest(sizes[i]),
						    .habit = (enum weave_habit)(i % 3)});
	}
}

/* Old librtmp, and payload that looks like the timestamp for one to three bytes. */
static void test_every_cut_alike(void)
{
	for (uint8_t match = 1; match <= 3; match++) {
		cut_everywhere(&(struct weave_spec){
			.size = 128, .heavy = 129, .habit = WEAVE_OMITTED, .match = match});
		cut_everywhere(&(struct weave_spec){
			.size = 127, .heavy = 127 + match, .habit = WEAVE_OMITTED, .match = match});
	}
}

/* Ends from shortly before to shortly behind every header; everywhere with `spacing` 1. */
static uint32_t end_at(uint32_t spacing)
{
	uint32_t wrong = 0;
	uint32_t len = 0;

	for (uint32_t i = 0; i < weave.header_count; i++) {
		uint32_t at = weave.headers[i];

		for (; len + 3 < at; len += spacing) {
			wrong += !ended_at(len);
		}
		for (; len < at + 24 && len <= weave.len; len++) {
			wrong += !ended_at(len);
		}
	}
	return wrong;
}

/* At every byte, where chunks are long at every byte near a header and every 13th of payload. */
static void test_every_end(void)
{
	for (size_t i = 0; i < SIZES; i++) {
		struct weave_spec spec = {.size = sizes[i], .heavy = longest(sizes[i])};

		spec.habit = (enum weave_habit)(i % 3);
		weave_make(&weave, &spec);
		CU_ASSERT_EQUAL(end_at(i < 5 ? 1 : 13), 0);
	}
}

/* Cuts from shortly before to shortly behind every header, each once. */
static uint32_t cut_around_headers(void)
{
	uint32_t wrong = 0;
	uint32_t cut = 0;

	for (uint32_t i = 0; i < weave.header_count; i++) {
		uint32_t at = weave.headers[i];

		cut = cut + 3 < at ? at - 3 : cut;
		for (; cut < at + 24 && cut <= weave.len; cut++) {
			wrong += !cut_at(cut, cut & 1);
		}
	}
	return wrong;
}

/* Each size becomes each other in the middle of messages. */
static void test_every_change(void)
{
	for (size_t i = 0; i < SIZES * SIZES; i++) {
		uint32_t before = sizes[i / SIZES];
		uint32_t after = sizes[i % SIZES];
		struct weave_spec spec = {.size = before, .resize = after};
		uint32_t wrong;

		spec.habit = (enum weave_habit)(i % 3);
		spec.heavy = longest(before) + (after < 70000 ? 2 * after : 140000);
		weave_make(&weave, &spec);
		CU_ASSERT_EQUAL(weave.controls, 2);
		wrong = cut_around_headers();
		if (wrong != 0) {
			printf("\n    %u to %u: %u cuts", before, after, wrong);
		}
		CU_ASSERT_EQUAL(wrong, 0);
	}
}

/* The longest message there can be, in one chunk of its size. */
static void test_longest_message(void)
{
	for (int habit = WEAVE_SMALL; habit <= WEAVE_OMITTED; habit++) {
		struct weave_spec spec = {.size = 0xffffff, .heavy = 0xffffff};

		spec.habit = (enum weave_habit)habit;
		weave_make(&weave, &spec);
		CU_ASSERT_TRUE(weave.len > 0xffffff);
		CU_ASSERT_EQUAL(cut_around_headers(), 0);
		CU_ASSERT_TRUE(in_steps(1448));
	}
	weave_free(&weave);
}

static const struct test tests[] = {
	{"every cut, chunks of 1 to 4096", test_every_cut_small},
	{"every cut, chunks of 60000 to 16777215", test_every_cut_large},
	{"every cut, payload like a timestamp", test_every_cut_alike},
	{"every end", test_every_end},
	{"every change of the chunk size", test_every_change},
	{"the longest message", test_longest_message},
};

int main(void)
{
	return RUN_TESTS("rtmp/chunk_reader_splits", tests);
}
