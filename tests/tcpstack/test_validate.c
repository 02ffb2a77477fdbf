#include "peer.h"
#include "suites.h"

static struct peer peer;

static void establish(uint32_t ts)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.ts = ts;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
}

/*
 * RFC 5961 3.2.  received: [1, 101)   rcv_nxt = 101   window: [101, 101 + 64 KiB)
 */
static void test_rst(void)
{
	establish(0);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_RST, 100, 0, 0);            /* left of the window */
	peer_send(&peer, TCP_RST, 101 + 10000000, 0, 0); /* right of it */
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_out_of_window), 2);
	peer_send(&peer, TCP_RST, 102, 0, 0); /* inside: challenge */
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 101, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_bad_resets), 1);
	CU_ASSERT_EQUAL(peer.closed, 0);
	peer_send(&peer, TCP_RST, 101, 0, 0); /* exact */
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_RESET);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

/* RFC 5961 4.2: a SYN never resets. */
static void test_syn(void)
{
	struct tcp_options syn;

	establish(0);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 1, 0, 65535, &syn, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 50000000, 0, 65535, &syn, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	CU_ASSERT_EQUAL(peer.closed, 0);
	peer_destroy(&peer);
}

/* RFC 5961 section 7: ten in a second, then silence until the next. */
static void test_challenge_limit(void)
{
	unsigned int answers = 0;

	establish(0);
	for (int i = 0; i < 50; i++) {
		peer_send(&peer, TCP_RST, 10, 0, 0);
		answers += peer_drain(&peer);
	}
	CU_ASSERT_EQUAL(answers, 10);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_challenge_acks_limited), 40);
	peer_advance(&peer, 1000000);
	peer_send(&peer, TCP_RST, 10, 0, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_destroy(&peer);
}

/*
 * Data with guessed numbers: an answer to each would be duplicate ACKs for the peer, who would take
 * them for losses. What the peer itself sends again is always acknowledged.
 */
static void test_guessed_data(void)
{
	unsigned int answers = 0;

	establish(0);
	peer_send(&peer, TCP_ACK, 1, 1, 1000);
	(void)peer_drain(&peer);
	for (uint32_t i = 1; i <= 100; i++) {
		peer_send(&peer, TCP_ACK, i << 25, 1, 100);
		answers += peer_drain(&peer);
	}
	CU_ASSERT_EQUAL(answers, 10);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_out_of_window), 100);
	CU_ASSERT_EQUAL(peer.received, 1000);
	for (uint32_t i = 0; i < 100; i++) {
		peer_send(&peer, TCP_ACK, 1 + i, 1, 100);
		CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_duplicate), 100);
	peer_destroy(&peer);
}

/* All connections together: none has used up its own limit. */
static void test_challenge_limit_of_all(void)
{
	struct tcp_options syn;
	uint32_t answers = 0;

	peer_init(&peer);
	peer.config.connections = 2000;
	peer.config.syn_received = 16;
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	for (uint32_t i = 0; i < 2000; i++) {
		peer.port = (uint16_t)(2000 + i);
		peer_handshake(&peer, &syn);
		for (int k = 0; k < 10; k++) {
			peer_send(&peer, TCP_RST, 10, 0, 0);
			answers += peer_drain(&peer);
		}
	}
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 2000);
	CU_ASSERT(answers >= 5000 && answers <= 15000);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_challenge_acks_limited), 20000 - answers);
	peer_destroy(&peer);
}

/* RSTs to what belongs to no connection. */
static void test_reset_limit(void)
{
	uint32_t answers = 0;

	peer_init(&peer);
	peer_create(&peer);
	for (uint32_t i = 0; i < 20000; i++) {
		peer_send(&peer, TCP_ACK, i, 1, 0);
		answers += peer_drain(&peer);
	}
	CU_ASSERT(answers >= 5000 && answers <= 15000);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_resets_limited), 20000 - answers);
	peer_advance(&peer, 1000000);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_destroy(&peer);
}

/* RFC 5961 5.2: una - max.wnd <= ack <= snd_max; data of other segments is not believed. */
static void test_ack_range(void)
{
	establish(0);
	peer_send(&peer, TCP_ACK, 1, 2, 10);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	peer_send(&peer, TCP_ACK, 1, 1U - 65536, 10); /* the largest window was 512 << 7 */
	CU_ASSERT_EQUAL(peer.received, 10);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 11, 1U - 65537, 10);
	CU_ASSERT_EQUAL(peer.received, 10);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_bad_ack), 2);
	peer_send(&peer, 0, 11, 0, 10);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_no_ack), 1);
	CU_ASSERT_EQUAL(peer.received, 10);
	peer_destroy(&peer);
}

static void test_paws(void)
{
	establish(1000);
	peer.ts = 1001;
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	(void)peer_drain(&peer);
	peer.ts = 1000;
	peer_send(&peer, TCP_ACK, 101, 1, 100); /* older than ts_recent */
	CU_ASSERT_EQUAL(peer.received, 100);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_paws), 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 101, 0));
	peer.ts = 0;
	peer_send(&peer, TCP_ACK, 101, 1, 100); /* without the option: RFC 7323 3.2 */
	CU_ASSERT_EQUAL(peer.received, 100);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer.ts = 1000;
	peer_send(&peer, TCP_RST, 101, 0, 0); /* a RST is not subject to PAWS */
	CU_ASSERT_EQUAL(peer.closed, 1);
	peer_destroy(&peer);
}

/* RFC 7323 5.5: after 24 days of silence an old timestamp says nothing. */
static void test_paws_outdated(void)
{
	establish(1000);
	peer_advance(&peer, 25ULL * 24 * 3600 * 1000000);
	peer.ts = 500;
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 100);
	/* It is what counts from now on. */
	struct seen seen;
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.opt.tsecr, 500);
	peer_destroy(&peer);
}

/* Who guesses the sequence number alone cannot have the peer's next segments rejected. */
static void test_timestamp_needs_ack(void)
{
	establish(1000);
	peer.ts = 1000 + 1000000;
	peer_send(&peer, TCP_ACK, 1, 70000, 10);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_bad_ack), 1);
	peer.ts = 1001;
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 100);
	peer_destroy(&peer);
}

/* RFC 5961 section 7 limits the answers to a SYN also when PAWS rejects it. */
static void test_old_syn(void)
{
	struct tcp_options syn;
	unsigned int answers = 0;

	establish(1000);
	peer.ts = 10;
	syn = peer_syn_options(&peer);
	for (uint32_t i = 0; i < 50; i++) {
		peer_send_raw(&peer, TCP_SYN, PEER_ISS + 50000000 + i, 0, 65535, &syn, 0);
		answers += peer_drain(&peer);
	}
	CU_ASSERT_EQUAL(answers, 10);
	peer_destroy(&peer);
}

/*
 * What overlaps what was received is cut, at both ends of the window.
 *   rcv_nxt = 101      [51, 151) -> [101, 151)
 */
static void test_trim(void)
{
	struct seen seen;

	establish(0);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 51, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 150);
	CU_ASSERT(peer_data_right(&peer, 1));
	/* RFC 2883: the part that came twice is reported. */
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL_FATAL(seen.opt.sack_count, 1);
	CU_ASSERT_EQUAL(seen.opt.sack[0].start, PEER_ISS + 51);
	CU_ASSERT_EQUAL(seen.opt.sack[0].end, PEER_ISS + 101);
	peer_send(&peer, TCP_ACK, 1, 1, 150);
	CU_ASSERT_EQUAL(peer.received, 150);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_duplicate), 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 151, 0));
	peer_destroy(&peer);
}

/* Everything still holds when the numbers wrap: the peer's ISS is just below 2^32. */
static void test_wrap(void)
{
	struct tcp_options syn;
	struct tcp_options none = {0};
	struct seen seen;
	uint32_t iss = 0xffffff00U;

	peer_init(&peer);
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, iss, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	peer.our_iss = seen.seq;
	peer_send_raw(&peer, TCP_ACK, iss + 1, peer.our_iss + 1, 512, &none, 0);
	for (uint32_t at = 1; at < 1000; at += 100) {
		peer_send_raw(&peer, TCP_ACK, iss + at + 100, peer.our_iss + 1, 512, &none, 100);
		peer_send_raw(&peer, TCP_ACK, iss + at, peer.our_iss + 1, 512, &none, 100);
	}
	CU_ASSERT_EQUAL(peer.received, 1100);
	CU_ASSERT(peer_data_right(&peer, iss + 1 - PEER_ISS));
	peer_destroy(&peer);
}

CU_TestInfo validate_tests[] = {{"RST", test_rst},
				{"SYN", test_syn},
				{"challenge ACK limit", test_challenge_limit},
				{"challenge ACK limit of all", test_challenge_limit_of_all},
				{"RST limit", test_reset_limit},
				{"guessed data", test_guessed_data},
				{"ACK range", test_ack_range},
				{"PAWS", test_paws},
				{"PAWS after 24 days", test_paws_outdated},
				{"timestamps need an ACK", test_timestamp_needs_ack},
				{"old SYN", test_old_syn},
				{"trim", test_trim},
				{"wrap at 2^32", test_wrap},
				CU_TEST_INFO_NULL};
