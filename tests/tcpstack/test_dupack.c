/* Recovery by duplicate ACKs, without SACK or without a sender record (RFC 5681 3.2, RFC 6582). */
#include "conn.h"
#include "sending.h"
#include "suites.h"

static struct peer peer;

/* RFC 6582: three duplicates, then a partial ACK shows the next hole. */
static void test_newreno(void)
{
	sending_establish(&peer, false);
	sending_ten(&peer);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 10 * SENDING_MSS, 1, SENDING_MSS)); /* RFC 3042 */
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 11 * SENDING_MSS, 1, SENDING_MSS));
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, SENDING_MSS));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 1, 1 + 3 * SENDING_MSS, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 3 * SENDING_MSS, 1, SENDING_MSS));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	peer_destroy(&peer);
}

/* Made-up duplicates inflate the window by what was in flight, and no further (RFC 5681 3.2). */
static void test_made_up_duplicates(void)
{
	struct tcp_info info;

	sending_establish(&peer, false);
	CU_ASSERT_EQUAL(peer_write(&peer, 60000), 0);
	(void)peer_drain(&peer);
	for (int i = 0; i < 100; i++) {
		peer_send(&peer, TCP_ACK, 1, 1, 0);
	}
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	CU_ASSERT_EQUAL(info.ssthresh, 5 * SENDING_MSS);
	CU_ASSERT_EQUAL(info.cwnd, 15 * SENDING_MSS);
	peer_destroy(&peer);
}

/* What duplicates let out already is not let out again by the ACK of what was only late. */
static void test_late_not_lost(void)
{
	struct tcp_info info;

	sending_establish(&peer, false);
	sending_ten(&peer);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 2);
	peer_send(&peer, TCP_ACK, 1, 1 + 3 * SENDING_MSS, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.cwnd, 11 * SENDING_MSS);
	CU_ASSERT_EQUAL(peer_drain(&peer), 2);
	peer_destroy(&peer);
}

/* Sequence numbers go round: a loss long after the last one still begins recovery. */
static void test_recovery_after_wrap(void)
{
	for (int sack = 0; sack <= 1; sack++) {
		sending_establish(&peer, sack != 0);
		/* As after almost 2 GiB without loss: [1, 51) is still before the wrap. */
		peer.conn->recover = peer.conn->snd_una - 0x7fffffc0U;
		for (uint32_t ack = 51; ack <= 101; ack += 50) {
			CU_ASSERT_EQUAL(peer_write(&peer, 50), 0);
			CU_ASSERT_EQUAL(peer_drain(&peer), 1);
			peer_send(&peer, TCP_ACK, 1, ack, 0);
		}
		CU_ASSERT_EQUAL(peer_write(&peer, 10 * SENDING_MSS), 0);
		CU_ASSERT_EQUAL(peer_drain(&peer), 10);
		for (uint32_t i = 2; i <= 4; i++) {
			if (sack != 0) {
				sending_sack(&peer, 101, 101 + SENDING_MSS, 101 + i * SENDING_MSS);
			} else {
				peer_send(&peer, TCP_ACK, 1, 101, 0);
			}
		}
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
		peer_destroy(&peer);
	}
}

/* A scoreboard carried it for 2 GiB, and then there is none: three duplicates still suffice. */
static void test_no_sender_after_wrap(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.side_records = 0;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	peer.conn->recover = peer.conn->snd_una + (1U << 30);
	sending_ten(&peer);
	for (uint32_t i = 2; i <= 4; i++) {
		sending_sack(&peer, 1, 1 + SENDING_MSS, 1 + i * SENDING_MSS);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	peer_destroy(&peer);
}

CU_TestInfo dupack_tests[] = {
	{"recovery without SACK", test_newreno},
	{"made-up duplicates", test_made_up_duplicates},
	{"late, not lost", test_late_not_lost},
	{"recovery after a wrap", test_recovery_after_wrap},
	{"no sender after a wrap", test_no_sender_after_wrap},
	CU_TEST_INFO_NULL,
};
