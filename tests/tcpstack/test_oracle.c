/*
 * The receiving half against a byte map: random segments in, and after each of them the answer is
 * worked out anew from which bytes have come (RFC 9293 3.10.7.4, RFC 2018 section 4, RFC 2883).
 */
#include <string.h>

#include "peer.h"
#include "seq.h"
#include "stack.h"
#include "suites.h"

#define STREAM  40000U
#define REACH   9000U /* of a segment beyond what was acknowledged */
#define LEN_MAX 1400U

static struct peer peer;
static uint64_t random_state;

/* All by offset from the first byte. */
static struct {
	uint32_t first; /* its sequence number */
	uint32_t ack;   /* all below came */
	uint32_t edge;  /* of the window as advertised */
	uint32_t from;  /* of the segment sent last */
	uint32_t to;
	bool have[STREAM];
	bool had[STREAM]; /* before that */
} oracle;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % limit;
}

static void handshake(uint32_t iss)
{
	struct tcp_options syn;
	struct seen seen;

	peer_init(&peer);
	peer.config.receive_budget = 100 * WIRE_TRUESIZE;
	peer.config.ooo_segments = 4096;
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, iss, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	peer.our_iss = seen.seq;
	memset(&oracle, 0, sizeof(oracle));
	oracle.first = iss + 1;
	oracle.edge = seen.wnd;
	syn = (struct tcp_options){0};
	peer_send_raw(&peer, TCP_ACK, iss + 1, peer.our_iss + 1, 512, &syn, 0);
	CU_ASSERT_FATAL(peer.conn != NULL);
}

/* What the segment brings, as far as the window allows. */
static void mark(void)
{
	memcpy(oracle.had, oracle.have, sizeof(oracle.had));
	for (uint32_t at = oracle.from; at < oracle.to && at < oracle.edge; at++) {
		oracle.have[at] = true;
	}
	while (oracle.ack < STREAM && oracle.have[oracle.ack]) {
		oracle.ack++;
	}
}

/* The first run of bytes of the segment that had come before; false: none. */
static bool first_duplicate(uint32_t *start, uint32_t *end)
{
	*start = oracle.from;
	while (*start < oracle.to && !oracle.had[*start]) {
		(*start)++;
	}
	*end = *start;
	while (*end < oracle.to && oracle.had[*end]) {
		(*end)++;
	}
	return *start < *end;
}

/* A whole run of bytes that came, above what is acknowledged. */
static bool is_run(uint32_t start, uint32_t end)
{
	if (start <= oracle.ack || start >= end || end > STREAM || oracle.have[start - 1] ||
	    (end < STREAM && oracle.have[end])) {
		return false;
	}
	for (uint32_t at = start; at < end; at++) {
		if (!oracle.have[at]) {
			return false;
		}
	}
	return true;
}

static uint32_t count_runs(void)
{
	uint32_t runs = 0;

	for (uint32_t at = oracle.ack + 1; at < STREAM; at++) {
		runs += oracle.have[at] && !oracle.have[at - 1];
	}
	return runs;
}

/* RFC 2018 section 4: the first is the one that the segment belongs to, if it is in one. */
static void check_first(const struct tcp_sack_block *block, uint32_t from)
{
	uint32_t start = block->start - oracle.first;
	uint32_t end = block->end - oracle.first;

	if (from > oracle.ack && from < oracle.edge) {
		CU_ASSERT(start <= from && from < end);
	}
}

static void check_blocks(const struct seen *seen)
{
	uint32_t start;
	uint32_t end;
	uint32_t first = first_duplicate(&start, &end) ? 1 : 0;
	uint32_t runs = count_runs();

	if (first == 1) {
		CU_ASSERT_FATAL(seen->opt.sack_count > 0);
		CU_ASSERT_EQUAL(seen->opt.sack[0].start, oracle.first + start);
		CU_ASSERT_EQUAL(seen->opt.sack[0].end, oracle.first + end);
	}
	CU_ASSERT_EQUAL(seen->opt.sack_count,
			runs + first < TCP_SACK_BLOCKS ? runs + first : TCP_SACK_BLOCKS);
	for (uint32_t i = first; i < seen->opt.sack_count; i++) {
		const struct tcp_sack_block *block = &seen->opt.sack[i];

		CU_ASSERT(is_run(block->start - oracle.first, block->end - oracle.first));
		for (uint32_t j = first; j < i; j++) {
			CU_ASSERT_NOT_EQUAL(block->start, seen->opt.sack[j].start);
		}
	}
	if (seen->opt.sack_count > first) {
		check_first(&seen->opt.sack[first], oracle.from);
	}
}

static void check_window(const struct seen *seen)
{
	uint32_t edge = seen->ack - oracle.first + ((uint32_t)seen->wnd << peer.stack->wscale);

	CU_ASSERT(edge >= oracle.edge);
	oracle.edge = edge;
}

static void exchange(uint32_t from, uint32_t len)
{
	const struct tcp_options none = {0};
	struct seen seen;
	bool answered = false;

	oracle.from = from;
	oracle.to = from + len;
	mark();
	peer_send_raw(&peer, TCP_ACK, oracle.first + from, peer.our_iss + 1, 512, &none, len);
	while (peer_take(&peer, &seen)) {
		CU_ASSERT_FALSE(answered);
		answered = true;
		CU_ASSERT_EQUAL(seen.ack, oracle.first + oracle.ack);
		check_blocks(&seen);
		check_window(&seen);
	}
	/* Only what is in order, and leaves no hole behind it, may wait for its ACK. */
	CU_ASSERT(answered || (!oracle.had[from] && oracle.ack == from + len));
	CU_ASSERT_EQUAL(peer.received, oracle.ack);
}

/* Mostly around what is missing, sometimes what was acknowledged long ago, or beyond the window. */
static void random_segment(void)
{
	uint32_t len = 1 + random_below(random_below(3) == 0 ? 40 : LEN_MAX);
	uint32_t low = oracle.ack > 2000 ? oracle.ack - 2000 : 0;
	uint32_t from = low + random_below(REACH);

	switch (random_below(8)) {
	case 0:
	case 1:
		from = oracle.ack;
		break;
	case 2:
		from = oracle.edge - random_below(LEN_MAX);
		break;
	default:
		break;
	}
	if (from < STREAM && from + len <= STREAM && from < oracle.edge) {
		exchange(from, len);
	}
}

static void run(uint32_t iss, uint64_t seed)
{
	uint32_t segments = 0;

	random_state = seed;
	handshake(iss);
	while (oracle.ack < STREAM - LEN_MAX && segments < 20000) {
		random_segment();
		segments++;
	}
	CU_ASSERT(segments < 20000);
	CU_ASSERT(peer_data_right(&peer, oracle.first - PEER_ISS));
	peer_destroy(&peer);
}

static void test_byte_map(void)
{
	for (uint32_t i = 0; i < 60; i++) {
		run(i % 2 == 0 ? 0U - random_below(STREAM) : random_below(UINT32_MAX), i);
	}
}

CU_TestInfo oracle_tests[] = {{"bytes, ACKs, SACK and D-SACK", test_byte_map}, CU_TEST_INFO_NULL};
