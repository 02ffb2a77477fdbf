#include <errno.h>

#include "peer.h"
#include "stack.h"
#include "suites.h"

static struct peer peer;

static void establish(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
}

static enum tcp_state state(void)
{
	struct tcp_info info;

	tcp_conn_info(peer.conn, &info);
	return info.state;
}

static void check_gone(enum tcp_close_reason reason)
{
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, reason);
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 0);
}

static void test_peer_first(void)
{
	establish();
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 1, 0);
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	CU_ASSERT_EQUAL(state(), TCP_CLOSE_WAIT_STATE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 2, 0));
	/* We may still send. */
	CU_ASSERT_EQUAL(peer_write(&peer, 50), 0);
	tcp_close(peer.conn);
	CU_ASSERT_EQUAL(peer_write(&peer, 50), -EPIPE);
	CU_ASSERT_EQUAL(state(), TCP_LAST_ACK_STATE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_FIN, 1, 2, 50));
	peer_send(&peer, TCP_ACK, 2, 52, 0);
	check_gone(TCP_CLOSE_NORMAL);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

static void close_first(void)
{
	establish();
	tcp_close(peer.conn);
	CU_ASSERT_EQUAL(state(), TCP_FIN_WAIT_1_STATE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_FIN, 1, 1, 0));
}

static void to_time_wait(void)
{
	close_first();
	peer_send(&peer, TCP_ACK, 1, 2, 0);
	CU_ASSERT_EQUAL(state(), TCP_FIN_WAIT_2_STATE);
	peer_send(&peer, TCP_ACK, 1, 2, 100); /* receiving goes on */
	CU_ASSERT_EQUAL(peer.received, 100);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK | TCP_FIN, 101, 2, 0);
	check_gone(TCP_CLOSE_NORMAL);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 102, 0));
}

static void test_we_first(void)
{
	to_time_wait();
	/* The last ACK was lost: the FIN again is answered again, and 2 MSL start over. */
	peer_advance(&peer, 59000000);
	peer_send(&peer, TCP_ACK | TCP_FIN, 101, 2, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 102, 0));
	peer_advance(&peer, 59000000);
	CU_ASSERT_NOT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_advance(&peer, 1000000);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_send(&peer, TCP_ACK | TCP_FIN, 101, 2, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_resets), 1);
	peer_destroy(&peer);
}

/* RFC 6191: a newer SYN opens a new connection out of TIME_WAIT, an older one does not. */
static void test_reopen(void)
{
	struct tcp_options syn;
	struct seen seen;
	uint32_t old_iss;

	to_time_wait();
	old_iss = peer.our_iss;
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 50, 0, 65535, &syn, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 102, 0));
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 5000, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT(seen.seq - old_iss >= 65537);
	peer_destroy(&peer);
}

/* Where there is no room for the new connection the wait for the old one goes on. */
static void test_reopen_refused(void)
{
	struct tcp_fifo_timer *records;
	struct tcp_options syn;
	struct seen seen;

	to_time_wait();
	syn = peer_syn_options(&peer);
	records = peer.stack->syn.free;
	peer.stack->syn.free = NULL;
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 5000, 0, 65535, &syn, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(tcp_time_wait_count(peer.stack), 1);
	peer.stack->syn.free = records;
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 5000, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT(seen.seq - peer.our_iss >= 65537);
	peer_destroy(&peer);
}

/* Nor does a SYN end it that nobody listens for: a client's own port, say. */
static void test_reopen_not_listening(void)
{
	struct tcp_options syn;

	to_time_wait();
	syn = peer_syn_options(&peer);
	peer.stack->listener_count = 0;
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 5000, 0, 65535, &syn, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 102, 0));
	CU_ASSERT_EQUAL(tcp_time_wait_count(peer.stack), 1);
	peer_destroy(&peer);
}

static void test_time_wait_rst(void)
{
	to_time_wait();
	peer_send(&peer, TCP_RST, 150, 0, 0);
	peer_send(&peer, TCP_RST, 102, 0, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_after_close), 2);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_send(&peer, TCP_ACK, 102, 2, 50); /* data after the end */
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_after_close), 3);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 102, 0));
	peer_advance(&peer, 60000000);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

/* RFC 9293 figure 13. */
static void test_simultaneous(void)
{
	close_first();
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 1, 0);
	CU_ASSERT_EQUAL(state(), TCP_CLOSING_STATE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 2, 0));
	peer_send(&peer, TCP_ACK, 2, 2, 0);
	check_gone(TCP_CLOSE_NORMAL);
	peer_destroy(&peer);
}

/* FIN and the ACK of ours in one segment. */
static void test_fin_with_ack(void)
{
	close_first();
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 2, 30);
	CU_ASSERT_EQUAL(peer.received, 30);
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	check_gone(TCP_CLOSE_NORMAL);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 32, 0));
	peer_destroy(&peer);
}

static void test_lost_fin(void)
{
	close_first();
	peer_advance(&peer, 1100000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_FIN, 1, 1, 0));
	peer_send(&peer, TCP_ACK, 1, 2, 0);
	CU_ASSERT_EQUAL(state(), TCP_FIN_WAIT_2_STATE);
	peer_destroy(&peer);
}

static void test_fin_wait_2_timeout(void)
{
	close_first();
	peer_send(&peer, TCP_ACK, 1, 2, 0);
	peer_advance(&peer, 50000000);
	peer_send(&peer, TCP_ACK, 1, 2, 10); /* it is alive */
	peer_advance(&peer, 59000000);
	CU_ASSERT_EQUAL(peer.closed, 0);
	peer_advance(&peer, 2000000);
	check_gone(TCP_CLOSE_TIMEOUT);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

static void test_abort(void)
{
	struct seen seen;

	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	(void)peer_drain(&peer);
	tcp_abort(peer.conn);
	check_gone(TCP_CLOSE_ABORTED);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT(seen.flags & TCP_RST);
	CU_ASSERT_EQUAL(seen.seq, peer.our_iss + 5001);
	/* RFC 1122 4.2.2.13: what comes now is answered with RST. */
	peer_send(&peer, TCP_ACK, 1, 5001, 100);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_RST);
	CU_ASSERT_EQUAL(seen.seq, peer.our_iss + 5001);
	peer_destroy(&peer);
}

/* RFC 7323 3.2. */
static void test_abort_timestamps(void)
{
	struct tcp_options syn;
	struct seen seen = {0};

	peer_init(&peer);
	peer.ts = 700;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	(void)peer_drain(&peer);
	tcp_abort(peer.conn);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT(seen.flags & TCP_RST);
	CU_ASSERT(seen.opt.flags & TCP_OPT_TIMESTAMPS);
	CU_ASSERT_EQUAL(seen.opt.tsecr, 700);
	peer_destroy(&peer);
}

static void test_abort_all(void)
{
	struct tcp_options syn;
	struct seen seen;
	unsigned int resets = 0;

	establish();
	syn = peer_syn_options(&peer);
	for (uint16_t port = 1; port <= 20; port++) {
		peer.port = port;
		peer_handshake(&peer, &syn);
	}
	(void)peer_drain(&peer);
	tcp_abort_all(peer.stack);
	CU_ASSERT_EQUAL(peer.closed, 21);
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 0);
	while (peer_take(&peer, &seen)) {
		resets += (seen.flags & TCP_RST) != 0;
	}
	CU_ASSERT_EQUAL(resets, 21);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

/* Data, FIN and a new SYN's segments in one burst come up in order. */
static void test_all_in_one_burst(void)
{
	struct tcp_options none = {0};
	struct rte_mbuf *packets[3];

	establish();
	packets[0] = peer_build(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 512, &none, 100);
	packets[1] = peer_build(&peer, TCP_ACK | TCP_FIN, PEER_ISS + 101, peer.our_iss + 1, 512,
				&none, 50);
	packets[2] = peer_build(&peer, TCP_RST, PEER_ISS + 152, 0, 512, &none, 0);
	peer_input(&peer, packets, 3);
	CU_ASSERT_EQUAL(peer.received, 150);
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	check_gone(TCP_CLOSE_RESET);
	peer_destroy(&peer);
}

/* More TIME_WAITs than records: the oldest makes room. */
static void test_time_wait_recycling(void)
{
	struct tcp_options syn;

	to_time_wait();
	syn = peer_syn_options(&peer);
	for (uint16_t port = 1; port <= 5; port++) {
		peer.port = port;
		peer_handshake(&peer, &syn);
		tcp_close(peer.conn);
		(void)peer_drain(&peer);
		peer_send(&peer, TCP_ACK | TCP_FIN, 1, 2, 0);
		(void)peer_drain(&peer);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_time_wait_recycled), 2);
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 0);
	peer_advance(&peer, 61000000);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

CU_TestInfo close_tests[] = {{"the peer first", test_peer_first},
			     {"we first, TIME_WAIT", test_we_first},
			     {"reopen in TIME_WAIT", test_reopen},
			     {"reopen in TIME_WAIT, refused", test_reopen_refused},
			     {"reopen in TIME_WAIT, nobody listens", test_reopen_not_listening},
			     {"RST in TIME_WAIT", test_time_wait_rst},
			     {"simultaneous", test_simultaneous},
			     {"FIN with the ACK of ours", test_fin_with_ack},
			     {"lost FIN", test_lost_fin},
			     {"FIN-WAIT-2 timeout", test_fin_wait_2_timeout},
			     {"abort", test_abort},
			     {"abort, with timestamps", test_abort_timestamps},
			     {"abort all", test_abort_all},
			     {"all in one burst", test_all_in_one_burst},
			     {"TIME_WAIT recycling", test_time_wait_recycling},
			     CU_TEST_INFO_NULL};
