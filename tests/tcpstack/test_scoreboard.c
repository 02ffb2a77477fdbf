#include <string.h>

#include "scoreboard.h"
#include "seq.h"
#include "suites.h"

#define SPACE   300U
#define RECORDS 400U

/* What the scoreboard must know, byte by byte. */
struct model {
	uint8_t state[SPACE];
	bool ambiguous[SPACE];
	uint32_t sent_us[SPACE];
	uint32_t delivered; /* bytes that the callback told of */
	uint32_t base;
	uint32_t una; /* relative to base, as max */
	uint32_t max;
};

static uint64_t random_state;
static struct tcp_transmission records[RECORDS];
static struct transmission_pool pool;
static struct tcp_scoreboard board;
static struct model model;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % limit;
}

/* Only what was neither acknowledged nor reported before is ever delivered. */
static void on_delivered(void *context, const struct tcp_transmission *record)
{
	(void)context;
	model.delivered += record->end - record->start;
	for (uint32_t i = record->start - model.base; i < record->end - model.base; i++) {
		CU_ASSERT_NOT_EQUAL(model.state[i], TRANSMISSION_SACKED);
		CU_ASSERT_EQUAL(model.ambiguous[i], record->ambiguous);
	}
}

static uint32_t count_state(uint8_t state)
{
	uint32_t bytes = 0;

	for (uint32_t i = model.una; i < model.max; i++) {
		bytes += model.state[i] == state;
	}
	return bytes;
}

static void check_records(void)
{
	const struct tcp_transmission *record = scoreboard_first(&board);
	uint32_t at = model.una;

	for (; record != NULL; record = scoreboard_at(&board, record->link[ORDER_SEQUENCE].next)) {
		CU_ASSERT_EQUAL(record->start, model.base + at);
		for (; at < record->end - model.base; at++) {
			CU_ASSERT_EQUAL(record->state, model.state[at]);
			if (record->state == TRANSMISSION_IN_FLIGHT) {
				CU_ASSERT_EQUAL(record->sent_us, model.sent_us[at]);
			}
		}
	}
	CU_ASSERT_EQUAL(at, model.max);
}

static void check_orders(void)
{
	const struct tcp_transmission *record = scoreboard_oldest(&board);
	const struct tcp_transmission *before = NULL;
	uint32_t bytes = 0;

	for (; record != NULL; before = record, record = scoreboard_later(&board, record)) {
		CU_ASSERT(before == NULL || seq_le(before->sent_us, record->sent_us));
		bytes += record->end - record->start;
	}
	CU_ASSERT_EQUAL(bytes, board.in_flight_bytes);
	bytes = 0;
	before = NULL;
	record = scoreboard_first_lost(&board);
	for (; record != NULL; before = record, record = scoreboard_later(&board, record)) {
		CU_ASSERT(before == NULL || seq_le(before->end, record->start));
		bytes += record->end - record->start;
	}
	CU_ASSERT_EQUAL(bytes, board.lost_bytes);
}

static void check(void)
{
	CU_ASSERT_EQUAL(board.in_flight_bytes, count_state(TRANSMISSION_IN_FLIGHT));
	CU_ASSERT_EQUAL(board.lost_bytes, count_state(TRANSMISSION_LOST));
	CU_ASSERT_EQUAL(board.sacked_bytes, count_state(TRANSMISSION_SACKED));
	check_records();
	check_orders();
}

static void do_send(uint32_t now_us)
{
	uint32_t len = 1 + random_below(20);

	len = len < SPACE - model.max ? len : SPACE - model.max;
	if (len == 0) {
		return;
	}
	CU_ASSERT_EQUAL(scoreboard_sent(&board, model.base + model.max,
					model.base + model.max + len, now_us),
			0);
	for (uint32_t i = model.max; i < model.max + len; i++) {
		model.state[i] = TRANSMISSION_IN_FLIGHT;
		model.ambiguous[i] = false;
		model.sent_us[i] = now_us;
	}
	model.max += len;
}

static void do_sack(void)
{
	uint32_t start;
	uint32_t end;
	uint32_t fresh = 0;

	if (model.max - model.una < 2) {
		return;
	}
	start = model.una + 1 + random_below(model.max - model.una - 1);
	end = start + 1 + random_below(model.max - start);
	for (uint32_t i = start; i < end; i++) {
		fresh += model.state[i] != TRANSMISSION_SACKED;
	}
	model.delivered = 0;
	CU_ASSERT(
		scoreboard_sack(&board, model.base + start, model.base + end, on_delivered, NULL));
	CU_ASSERT_EQUAL(model.delivered, fresh);
	memset(model.state + start, TRANSMISSION_SACKED, end - start);
}

static void do_ack(void)
{
	uint32_t to = model.una + random_below(model.max - model.una + 2) / 2;
	uint32_t fresh = 0;

	for (uint32_t i = model.una; i < to; i++) {
		fresh += model.state[i] != TRANSMISSION_SACKED;
	}
	model.delivered = 0;
	scoreboard_ack(&board, model.base + to, on_delivered, NULL);
	CU_ASSERT_EQUAL(model.delivered, fresh);
	model.una = to;
}

static void do_lose(void)
{
	struct tcp_transmission *record = scoreboard_oldest(&board);

	for (uint32_t skip = random_below(4); record != NULL && skip > 0; skip--) {
		record = scoreboard_later(&board, record);
	}
	if (record != NULL) {
		for (uint32_t i = record->start - model.base; i < record->end - model.base; i++) {
			model.state[i] = TRANSMISSION_LOST;
		}
		scoreboard_mark_lost(&board, record);
	}
}

static void do_resend(uint32_t now_us)
{
	const struct tcp_transmission *lost = scoreboard_first_lost(&board);
	uint32_t start;
	uint32_t end;

	if (lost == NULL) {
		return;
	}
	start = lost->start - model.base;
	end = start + 1 + random_below(lost->end - lost->start);
	scoreboard_resent(&board, model.base + start, model.base + end, now_us);
	for (uint32_t i = start; i < end; i++) {
		model.state[i] = TRANSMISSION_IN_FLIGHT;
		model.ambiguous[i] = true;
		model.sent_us[i] = now_us;
	}
}

static void round_of(uint32_t base)
{
	transmission_pool_init(&pool, records, RECORDS);
	scoreboard_init(&board, &pool);
	model = (struct model){.base = base};
	for (uint32_t now_us = base; model.una < SPACE; now_us += random_below(2)) {
		switch (random_below(6)) {
		case 0:
			do_lose();
			break;
		case 1:
			do_resend(now_us);
			break;
		case 2:
			do_sack();
			break;
		case 3:
			do_ack();
			break;
		default:
			do_send(now_us);
			break;
		}
		check();
		if (CU_get_number_of_failures() > 0) {
			return;
		}
	}
	CU_ASSERT_EQUAL(pool.free_count, RECORDS);
}

/* Random histories against the model, also across the wrap of sequence numbers and of the clock. */
static void test_against_model(void)
{
	random_state = 7;
	for (uint32_t i = 0; i < 300; i++) {
		round_of(i % 2 == 0 ? 1000 : 0U - 150);
	}
}

/* What is sent at one instant and shares a fate is one record. */
static void test_records_are_joined(void)
{
	transmission_pool_init(&pool, records, RECORDS);
	scoreboard_init(&board, &pool);
	model = (struct model){.max = SPACE};
	CU_ASSERT_EQUAL(scoreboard_sent(&board, 0, 10, 5), 0);
	CU_ASSERT_EQUAL(scoreboard_sent(&board, 10, 20, 5), 0);
	CU_ASSERT_EQUAL(pool.free_count, RECORDS - 1);
	CU_ASSERT_EQUAL(scoreboard_sent(&board, 20, 30, 6), 0);
	CU_ASSERT_EQUAL(pool.free_count, RECORDS - 2);
	CU_ASSERT(scoreboard_sack(&board, 5, 10, on_delivered, NULL));
	CU_ASSERT_EQUAL(pool.free_count, RECORDS - 4);
	memset(model.state + 5, TRANSMISSION_SACKED, 5);
	CU_ASSERT(scoreboard_sack(&board, 5, 30, on_delivered, NULL));
	CU_ASSERT_EQUAL(pool.free_count, RECORDS - 2);
	scoreboard_clear(&board);
	CU_ASSERT_EQUAL(pool.free_count, RECORDS);
}

/* An empty pool: the newest record takes new data in, and a report that splits is forgotten. */
static void test_pool_is_empty(void)
{
	transmission_pool_init(&pool, records, 1);
	scoreboard_init(&board, &pool);
	model = (struct model){.max = SPACE};
	CU_ASSERT_EQUAL(scoreboard_sent(&board, 0, 10, 5), 0);
	CU_ASSERT_EQUAL(scoreboard_sent(&board, 10, 20, 6), 0);
	CU_ASSERT_EQUAL(board.in_flight_bytes, 20);
	CU_ASSERT(scoreboard_last(&board)->ambiguous);
	CU_ASSERT_EQUAL(scoreboard_last(&board)->sent_us, 6);
	CU_ASSERT_FALSE(scoreboard_sack(&board, 5, 15, on_delivered, NULL));
	CU_ASSERT_EQUAL(board.sacked_bytes, 0);
	memset(model.ambiguous, 1, 20);
	CU_ASSERT(scoreboard_sack(&board, 0, 20, on_delivered, NULL));
	CU_ASSERT(scoreboard_sent(&board, 20, 30, 7) < 0);
	scoreboard_ack(&board, 20, on_delivered, NULL);
	CU_ASSERT_EQUAL(pool.free_count, 1);
}

/* A peer that reports every second byte does not get a record for each. */
static void test_splitting(void)
{
	uint32_t used;

	transmission_pool_init(&pool, records, RECORDS);
	scoreboard_init(&board, &pool);
	model = (struct model){.max = SPACE};
	CU_ASSERT_EQUAL(scoreboard_sent(&board, 0, SPACE, 5), 0);
	for (uint32_t i = 1; i + 1 < SPACE; i += 2) {
		(void)scoreboard_sack(&board, i, i + 1, on_delivered, NULL);
	}
	used = RECORDS - pool.free_count;
	CU_ASSERT(used > 64 && used <= 132);
	CU_ASSERT_EQUAL(used, board.records);
	CU_ASSERT_EQUAL(board.in_flight_bytes + board.sacked_bytes, SPACE);
	CU_ASSERT_EQUAL(board.sacked_bytes, model.delivered);
	scoreboard_clear(&board);
	CU_ASSERT_EQUAL(pool.free_count, RECORDS);
}

/* Undo: what was lost is in flight, in its old place. Reneging: what was reported is lost. */
static void test_unmark_and_renege(void)
{
	transmission_pool_init(&pool, records, RECORDS);
	scoreboard_init(&board, &pool);
	model = (struct model){.max = SPACE};
	for (uint32_t i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(scoreboard_sent(&board, i * 10, i * 10 + 10, 100 + i), 0);
	}
	scoreboard_mark_lost(&board, scoreboard_oldest(&board));
	scoreboard_mark_lost(&board, scoreboard_oldest(&board));
	CU_ASSERT_EQUAL(board.lost_bytes, 20);
	scoreboard_unmark_lost(&board);
	CU_ASSERT_EQUAL(board.in_flight_bytes, 50);
	check_orders();
	CU_ASSERT(scoreboard_sack(&board, 20, 40, on_delivered, NULL));
	scoreboard_renege(&board);
	CU_ASSERT_EQUAL(board.sacked_bytes, 0);
	CU_ASSERT_EQUAL(board.lost_bytes, 20);
	CU_ASSERT_EQUAL(scoreboard_first_lost(&board)->start, 20);
	check_orders();
}

CU_TestInfo scoreboard_tests[] = {{"against a model of bytes", test_against_model},
				  {"records are joined", test_records_are_joined},
				  {"the pool is empty", test_pool_is_empty},
				  {"unmark and renege", test_unmark_and_renege},
				  {"splitting", test_splitting},
				  CU_TEST_INFO_NULL};
