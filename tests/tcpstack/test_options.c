#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "suites.h"

static const struct tcp_options full = {
	.flags = TCP_OPT_TIMESTAMPS,
	.tsval = 0x01020304,
	.tsecr = 0xfffefdfc,
	.sack_count = 3,
	.sack = {{1, 2}, {0xfffffff0, 5}, {7, 9}},
};

static void test_round_trip(void)
{
	struct tcp_options syn = {.flags = TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_PERMITTED |
					   TCP_OPT_TIMESTAMPS,
				  .mss = 1460,
				  .wscale = 9,
				  .tsval = 5,
				  .tsecr = 6};
	struct tcp_options back = {0};
	uint8_t area[TCP_OPTIONS_MAX];

	CU_ASSERT_EQUAL_FATAL(tcp_options_len(&full), 40);
	tcp_options_write(&full, area);
	CU_ASSERT_EQUAL(tcp_options_parse(area, 40, &back), 0);
	CU_ASSERT_EQUAL(back.tsval, full.tsval);
	CU_ASSERT_EQUAL(back.tsecr, full.tsecr);
	CU_ASSERT_EQUAL_FATAL(back.sack_count, 3);
	CU_ASSERT_EQUAL(memcmp(back.sack, full.sack, sizeof(full.sack)), 0);
	CU_ASSERT_EQUAL_FATAL(tcp_options_len(&syn), 20);
	tcp_options_write(&syn, area);
	CU_ASSERT_EQUAL(tcp_options_parse(area, 20, &back), 0);
	CU_ASSERT_EQUAL(back.flags, syn.flags);
	CU_ASSERT_EQUAL(back.mss, 1460);
	CU_ASSERT_EQUAL(back.wscale, 9);
	syn.flags = TCP_OPT_SACK_PERMITTED;
	CU_ASSERT_EQUAL_FATAL(tcp_options_len(&syn), 4);
	tcp_options_write(&syn, area);
	CU_ASSERT_EQUAL(tcp_options_parse(area, 4, &back), 0);
	CU_ASSERT_EQUAL(back.flags, TCP_OPT_SACK_PERMITTED);
}

/* Cut anywhere, an area is either refused or means less; nothing behind it is read (ASan). */
static void test_every_truncation(void)
{
	uint8_t area[TCP_OPTIONS_MAX];

	tcp_options_write(&full, area);
	for (uint32_t len = 0; len < 40; len++) {
		struct tcp_options opt = {0};
		uint8_t copy[TCP_OPTIONS_MAX];
		int rc;

		memset(copy, 0xff, sizeof(copy));
		memcpy(copy, area, len);
		rc = tcp_options_parse(copy, len, &opt);
		/* Whole up to: one or two NOPs, timestamps, two more NOPs. */
		CU_ASSERT_EQUAL(rc == 0, len <= 2 || (len >= 12 && len <= 14));
	}
}

static void test_malformed(void)
{
	static const uint8_t bad[][4] = {
		{8, 0, 0, 0},  /* length 0 */
		{8, 1, 0, 0},  /* length 1 */
		{2, 5, 1, 1},  /* beyond the area */
		{2, 3, 1, 1},  /* MSS of three bytes */
		{3, 4, 1, 1},  /* window scale of four */
		{4, 3, 0, 1},  /* SACK permitted of three */
		{5, 2, 1, 1},  /* SACK without a block */
		{1, 1, 1, 99}, /* kind without length */
	};
	static const uint8_t end[4] = {0, 8, 0, 0};
	static const uint8_t unknown[4] = {253, 4, 0, 0};
	static const uint8_t wide[4] = {1, 3, 3, 200};
	struct tcp_options opt;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT(tcp_options_parse(bad[i], 4, &opt) < 0);
	}
	CU_ASSERT_EQUAL(tcp_options_parse(end, 4, &opt), 0);
	CU_ASSERT_EQUAL(tcp_options_parse(unknown, 4, &opt), 0);
	CU_ASSERT_EQUAL(opt.flags, 0);
	CU_ASSERT_EQUAL(tcp_options_parse(wide, 4, &opt), 0);
	CU_ASSERT_EQUAL(opt.wscale, 14);
}

/* Length of each kind that has a fixed one. */
static uint32_t fixed_length(uint8_t kind)
{
	return kind == 2 ? 4 : kind == 3 ? 3 : kind == 4 ? 2 : kind == 8 ? 10 : 0;
}

/* RFC 9293 3.1, RFC 7323, RFC 2018, read once more and in another way. */
static bool well_formed(const uint8_t *area, uint32_t len)
{
	for (uint32_t at = 0; at < len && area[at] != 0;) {
		uint32_t size = area[at] == 1 ? 1 : at + 1 < len ? area[at + 1] : 0;

		if (area[at] != 1) {
			uint32_t fixed = fixed_length(area[at]);
			bool sack = area[at] == 5;

			if (size < 2 || at + size > len || (fixed != 0 && size != fixed) ||
			    (sack && size != 10 && size != 18 && size != 26 && size != 34)) {
				return false;
			}
		}
		at += size;
	}
	return true;
}

/* The last option of a kind with `size` bytes, or NULL. */
static const uint8_t *last_of(const uint8_t *area, uint32_t len, uint8_t kind)
{
	const uint8_t *found = NULL;

	for (uint32_t at = 0; at < len && area[at] != 0; at += area[at] == 1 ? 1 : area[at + 1]) {
		found = area[at] == kind ? &area[at] : found;
	}
	return found;
}

static uint32_t number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void check_meaning(const uint8_t *area, uint32_t len, const struct tcp_options *opt)
{
	const uint8_t *mss = last_of(area, len, 2);
	const uint8_t *wscale = last_of(area, len, 3);
	const uint8_t *sack = last_of(area, len, 5);
	const uint8_t *ts = last_of(area, len, 8);

	CU_ASSERT_EQUAL((opt->flags & TCP_OPT_MSS) != 0, mss != NULL);
	CU_ASSERT(mss == NULL || opt->mss == mss[2] * 256 + mss[3]);
	CU_ASSERT_EQUAL((opt->flags & TCP_OPT_WSCALE) != 0, wscale != NULL);
	CU_ASSERT(wscale == NULL || opt->wscale == (wscale[2] < 14 ? wscale[2] : 14));
	CU_ASSERT_EQUAL((opt->flags & TCP_OPT_SACK_PERMITTED) != 0, last_of(area, len, 4) != NULL);
	CU_ASSERT_EQUAL((opt->flags & TCP_OPT_TIMESTAMPS) != 0, ts != NULL);
	CU_ASSERT(ts == NULL || (opt->tsval == number(ts + 2) && opt->tsecr == number(ts + 6)));
	CU_ASSERT_EQUAL(opt->sack_count, sack == NULL ? 0U : (sack[1] - 2U) / 8);
	for (uint32_t i = 0; i < opt->sack_count; i++, sack += 8) {
		CU_ASSERT_EQUAL(opt->sack[i].start, number(sack + 2));
		CU_ASSERT_EQUAL(opt->sack[i].end, number(sack + 6));
	}
}

/* In memory of exactly this size: ASan sees what is read behind it. */
static void check_area(const uint8_t *bytes, uint32_t len)
{
	uint8_t *area = malloc(len > 0 ? len : 1);
	struct tcp_options opt = {0};
	bool good;

	if (area == NULL) {
		abort();
	}
	memcpy(area, bytes, len);
	good = well_formed(area, len);
	CU_ASSERT_EQUAL(tcp_options_parse(area, len, &opt) == 0, good);
	if (good) {
		check_meaning(area, len, &opt);
	}
	free(area);
}

/* Each kind with each length, cut at each length. */
static void test_every_kind(void)
{
	for (uint32_t kind = 0; kind < 256; kind++) {
		for (uint32_t size = 0; size <= 41; size++) {
			uint8_t area[TCP_OPTIONS_MAX];

			for (uint32_t i = 0; i < TCP_OPTIONS_MAX; i++) {
				area[i] = i < size ? (uint8_t)(3 * i + kind) : 0;
			}
			area[0] = (uint8_t)kind;
			area[1] = (uint8_t)size;
			for (uint32_t len = 0; len <= TCP_OPTIONS_MAX; len++) {
				check_area(area, len);
			}
		}
	}
}

/* What stacks send, and random options, cut at each length. */
static void test_every_split(void)
{
	static const uint8_t kinds[] = {0, 1, 1, 1, 2, 3, 4, 5, 5, 8, 8, 28, 254};
	uint64_t state = 7;

	for (uint32_t round = 0; round < 3000; round++) {
		uint8_t area[TCP_OPTIONS_MAX];
		uint32_t at = 0;

		for (uint32_t i = 0; i < TCP_OPTIONS_MAX; i++) {
			state = state * 6364136223846793005ULL + 1442695040888963407ULL;
			area[i] = (uint8_t)(state >> 40);
		}
		while (at + 2 < TCP_OPTIONS_MAX && area[at] != 0) {
			uint8_t kind = kinds[area[at] % sizeof(kinds)];
			uint32_t size = fixed_length(kind);

			size = kind == 5 ? 2 + 8 * (1 + area[at + 1] % 4U) : size;
			size = size == 0 ? 2 + area[at + 1] % 6U : size;
			area[at] = kind;
			area[at + 1] = kind > 1 ? (uint8_t)size : area[at + 1];
			at += kind > 1 ? size : 1;
		}
		for (uint32_t len = 0; len <= TCP_OPTIONS_MAX; len++) {
			check_area(area, len);
		}
	}
}

CU_TestInfo options_tests[] = {
	{"round trip", test_round_trip},   {"every truncation", test_every_truncation},
	{"malformed", test_malformed},     {"every kind, every length", test_every_kind},
	{"every split", test_every_split}, CU_TEST_INFO_NULL};
