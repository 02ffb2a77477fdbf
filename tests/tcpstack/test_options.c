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

CU_TestInfo options_tests[] = {{"round trip", test_round_trip},
			       {"every truncation", test_every_truncation},
			       {"malformed", test_malformed},
			       CU_TEST_INFO_NULL};
