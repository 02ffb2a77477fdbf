#include <string.h>

#include "scoreboard.h"
#include "suites.h"

#define SPACE 300
#define MSS   10

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % limit;
}

/* RFC 6675 IsLost, byte by byte. */
static bool model_lost(const bool *sacked, uint32_t at)
{
	uint32_t bytes = 0;
	uint32_t runs = 0;

	for (uint32_t i = at; i < SPACE; i++) {
		bytes += sacked[i];
		runs += sacked[i] && !sacked[i - 1];
	}
	return runs >= DUP_THRESH || bytes > (DUP_THRESH - 1) * MSS;
}

static uint32_t model_pipe(const bool *sacked, uint32_t una, uint32_t nxt, uint32_t high_rxt)
{
	uint32_t pipe = 0;

	for (uint32_t i = una; i < nxt; i++) {
		pipe += !sacked[i] && (i < high_rxt || !model_lost(sacked, i));
	}
	return pipe;
}

static void round_of(uint32_t base)
{
	struct tcp_scoreboard board = {0};
	bool sacked[SPACE + 1] = {false};
	uint32_t una = 1;

	while (una < SPACE) {
		uint32_t start = una + random_below(SPACE - una);
		uint32_t end = start + 1 + random_below(SPACE - start < 30 ? SPACE - start : 30);
		uint32_t nxt = una + random_below(SPACE - una + 1);
		uint32_t high = una + random_below(SPACE - una);
		bool news = false;

		start = start == una ? una + 1 : start; /* the first byte is never reported */
		for (uint32_t i = start; i < end; i++) {
			news = news || !sacked[i];
		}
		if (start < end && board.count < SCOREBOARD_RANGES_MAX) {
			CU_ASSERT_EQUAL(scoreboard_add(&board, base + start, base + end), news);
			memset(sacked + start, 1, end - start);
		}
		board.high_rxt = base + high;
		CU_ASSERT_EQUAL(scoreboard_pipe(&board, base + una, base + nxt, MSS),
				model_pipe(sacked, una, nxt, high));
		CU_ASSERT_EQUAL(scoreboard_first_lost(&board, MSS), model_lost(sacked, una));
		if (random_below(5) == 0) {
			una += random_below(25);
			while (una < SPACE && sacked[una]) {
				una++;
			}
			una = una < SPACE ? una : SPACE;
			memset(sacked, 0, una);
			scoreboard_ack(&board, base + una);
		}
	}
}

static void test_against_byte_map(void)
{
	random_state = 3;
	for (uint32_t i = 0; i < 300; i++) {
		round_of(i % 2 == 0 ? 0U - SPACE / 2 : i * 77);
	}
}

/*  una=0 ......[100,200)......[300,330)  mss 10: all holes are lost */
static void test_holes(void)
{
	struct tcp_scoreboard board = {0};
	struct tcp_sack_block hole;

	CU_ASSERT_FALSE(scoreboard_next_hole(&board, 0, MSS, &hole));
	CU_ASSERT(scoreboard_add(&board, 100, 200));
	CU_ASSERT(scoreboard_add(&board, 300, 330));
	CU_ASSERT_FALSE(scoreboard_add(&board, 120, 130));
	CU_ASSERT(scoreboard_next_hole(&board, 0, MSS, &hole));
	CU_ASSERT(hole.start == 0 && hole.end == 100);
	board.high_rxt = 50;
	CU_ASSERT(scoreboard_next_hole(&board, 0, MSS, &hole));
	CU_ASSERT(hole.start == 50 && hole.end == 100);
	board.high_rxt = 100;
	CU_ASSERT(scoreboard_next_hole(&board, 0, MSS, &hole));
	CU_ASSERT(hole.start == 200 && hole.end == 300);
	board.high_rxt = 300;
	CU_ASSERT_FALSE(scoreboard_next_hole(&board, 0, MSS, &hole));
	CU_ASSERT_EQUAL(scoreboard_skip(&board, 150), 200);
	CU_ASSERT_EQUAL(scoreboard_skip(&board, 200), 200);
	CU_ASSERT_EQUAL(scoreboard_limit(&board, 50, 500), 100);
	CU_ASSERT_EQUAL(scoreboard_limit(&board, 330, 500), 500);
}

CU_TestInfo scoreboard_tests[] = {
	{"against a byte map", test_against_byte_map}, {"holes", test_holes}, CU_TEST_INFO_NULL};
