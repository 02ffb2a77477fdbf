#include "peer.h"
#include "suites.h"

static struct peer peer;

static void establish(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.keepalive_s = 100;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
}

/* RFC 9293 3.8.4: probes after 100 s of silence, then each 25 s; five, then it is over. */
static void test_keepalive(void)
{
	struct seen seen;

	establish();
	peer_advance(&peer, 99000000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 2000000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 0, 1, 0));
	for (int i = 1; i < 5; i++) {
		peer_advance(&peer, 25000000);
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 0, 1, 0));
	}
	peer_advance(&peer, 26000000);
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_KEEPALIVE);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT(seen.flags & TCP_RST);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

static void test_answered(void)
{
	establish();
	for (int i = 0; i < 10; i++) {
		peer_advance(&peer, 101000000);
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 0, 1, 0));
		peer_send(&peer, TCP_ACK, 1, 1, 0);
	}
	CU_ASSERT_EQUAL(peer.closed, 0);
	peer_destroy(&peer);
}

/* What others' keepalives look like: one below rcv_nxt, with or without a byte. */
static void test_we_answer(void)
{
	establish();
	peer_send(&peer, TCP_ACK, 0, 1, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	peer_send(&peer, TCP_ACK, 0, 1, 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	peer_destroy(&peer);
}

CU_TestInfo timeout_tests[] = {{"keepalive", test_keepalive},
			       {"keepalive, answered", test_answered},
			       {"the peer's keepalive", test_we_answer},
			       CU_TEST_INFO_NULL};
