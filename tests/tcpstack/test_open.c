#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "peer.h"
#include "suites.h"

static struct peer peer;

static struct tcp_endpoint endpoint(const char *addr, uint16_t port)
{
	struct tcp_endpoint end = {.port = port};

	(void)inet_pton(AF_INET6, addr, &end.addr);
	return end;
}

static void test_all_options(void)
{
	struct tcp_options syn;
	struct tcp_info info;
	struct seen seen;

	peer_init(&peer);
	peer.ts = 77;
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.opt.flags,
			TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS);
	CU_ASSERT_EQUAL(seen.opt.mss, 1460);
	CU_ASSERT_EQUAL(seen.opt.tsecr, 77);
	peer.our_iss = seen.seq;
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.state, TCP_ESTABLISHED_STATE);
	CU_ASSERT_EQUAL(info.mss, 1448);
	CU_ASSERT_EQUAL(info.remote.port, PEER_PORT);
	CU_ASSERT_EQUAL(info.local.port, WIRE_LISTEN);
	peer_destroy(&peer);
}

/* What the SYN does not offer is neither answered nor used. */
static void test_no_options(void)
{
	struct tcp_options none = {0};
	struct tcp_info info;
	struct seen seen;

	peer_init(&peer);
	peer_create(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 1000, &none, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.opt.flags, TCP_OPT_MSS);
	peer.our_iss = seen.seq;
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.mss, 536);
	CU_ASSERT_EQUAL(info.snd_wnd, 512);
	peer_destroy(&peer);
}

static void test_data_and_fin_with_the_ack(void)
{
	struct tcp_options syn;
	struct seen seen;

	peer_init(&peer);
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	peer.our_iss = seen.seq;
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 1, 100);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	CU_ASSERT_EQUAL(peer.received, 100);
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	CU_ASSERT(peer_data_right(&peer, 1));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 102, 0));
	peer_destroy(&peer);
}

/* RFC 9293 3.10.7.2: a FIN or data with the SYN is for later; we let the peer send it again. */
static void test_syn_with_fin(void)
{
	struct tcp_options syn;
	struct seen seen = {0};

	peer_init(&peer);
	syn = peer_syn_options(&peer);
	peer_create(&peer);
	peer_send_raw(&peer, TCP_SYN | TCP_FIN, PEER_ISS, 0, 65535, &syn, 3);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 1);
	peer.our_iss = seen.seq;
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 1, 3);
	CU_ASSERT_EQUAL(peer.received, 3);
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 5, 0));
	peer_destroy(&peer);
}

/* The SYN-ACK is sent again after 1, 3, 7, 15 seconds; after 31 the record is gone. */
static void test_syn_ack_retransmission(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	for (uint64_t wait = 1; wait <= 8; wait *= 2) {
		peer_advance(&peer, wait * 1000000 - 1);
		CU_ASSERT_EQUAL(peer_drain(&peer), 0);
		peer_advance(&peer, 1);
		CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	}
	peer_advance(&peer, 16000000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	/* The late ACK belongs to nobody. */
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_resets), 1);
	peer_destroy(&peer);
}

/* RFC 6298 (5.7), RFC 6928 section 2: a lost SYN-ACK says something about the path. */
static void test_after_a_lost_syn_ack(void)
{
	struct tcp_options syn;
	struct tcp_info info;
	struct seen seen;

	for (int lost = 0; lost <= 2; lost++) {
		peer_init(&peer);
		peer_create(&peer);
		syn = peer_syn_options(&peer);
		peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
		CU_ASSERT_FATAL(peer_take(&peer, &seen));
		peer.our_iss = seen.seq;
		peer_advance(&peer, lost * 1500000ULL);
		CU_ASSERT_EQUAL(peer_drain(&peer), (unsigned int)lost);
		peer_send(&peer, TCP_ACK, 1, 1, 0);
		tcp_conn_info(peer.conn, &info);
		CU_ASSERT_EQUAL(info.rto_us, lost == 0 ? 1000000 : 3000000);
		CU_ASSERT_EQUAL(info.cwnd, lost < 2 ? 10U * PEER_MSS : PEER_MSS);
		peer_destroy(&peer);
	}
}

static void test_half_open_segments(void)
{
	struct tcp_options syn;
	struct seen seen;

	peer_init(&peer);
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	peer.our_iss = seen.seq;
	/* The SYN again: SYN-ACK again. */
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT(peer_expect(&peer, TCP_SYN | TCP_ACK, 0, 1, 0));
	/* Another SYN: challenge. */
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 50, 0, 65535, &syn, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	/* An ACK of something else: RST with its number. */
	peer_send(&peer, TCP_ACK, 1, 2, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_RST);
	CU_ASSERT_EQUAL(seen.seq, peer.our_iss + 2);
	/* A RST in the window: challenge; the exact one: gone. */
	peer_send(&peer, TCP_RST, 5, 0, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	peer_send(&peer, TCP_RST, 1, 0, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	CU_ASSERT_EQUAL(peer.accepted, 0);
	peer_destroy(&peer);
}

static void test_limits(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.syn_received = 2;
	peer.config.connections = 1;
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	for (uint16_t port = 100; port < 103; port++) {
		peer.port = port;
		peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	}
	CU_ASSERT_EQUAL(peer_drain(&peer), 3);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent), 1);
	/* An MSS too small for a cookie. */
	syn.mss = 100;
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	syn.mss = PEER_MSS;
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_syn_limit), 1);
	peer_advance(&peer, 40000000);
	(void)peer_drain(&peer);
	peer_handshake(&peer, &syn);
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 1);
	peer.port = 104;
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_table_full), 1);
	peer_destroy(&peer);
}

static void test_refused(void)
{
	struct tcp_options syn;
	struct seen seen;

	peer_init(&peer);
	peer.refuse = true;
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_handshake(&peer, &syn);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT(seen.flags & TCP_RST);
	CU_ASSERT_EQUAL(peer.closed, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_refused_by_owner), 1);
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 0);
	/* Nobody listens, or it is no SYN. */
	tcp_unlisten(peer.stack, WIRE_LISTEN);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_RST | TCP_ACK);
	CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 1);
	peer_send(&peer, TCP_RST, 1, 0, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

static void connect_out(void)
{
	struct tcp_endpoint local = endpoint("::ffff:192.0.2.1", WIRE_LISTEN);
	struct tcp_endpoint remote = endpoint("::ffff:192.0.2.2", PEER_PORT);
	struct seen seen;

	peer_init(&peer);
	peer_create(&peer);
	peer.conn = tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer.conn);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN);
	peer.our_iss = seen.seq;
}

static void test_active(void)
{
	struct tcp_options syn;

	connect_out();
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN | TCP_ACK, PEER_ISS, peer.our_iss + 1, 65535, &syn, 0);
	CU_ASSERT_EQUAL(peer.connected, 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 0));
	peer_destroy(&peer);
}

static void test_active_after_a_lost_syn(void)
{
	struct tcp_options syn;
	struct tcp_info info;

	connect_out();
	peer_advance(&peer, 1100000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN | TCP_ACK, PEER_ISS, peer.our_iss + 1, 65535, &syn, 0);
	CU_ASSERT_EQUAL(peer.connected, 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.rto_us, 3000000);
	peer_destroy(&peer);
}

static void test_active_refused(void)
{
	connect_out();
	/* A RST without the right ACK is ignored (RFC 9293 3.10.7.3). */
	peer_send(&peer, TCP_RST, 0, 0, 0);
	CU_ASSERT_EQUAL(peer.closed, 0);
	peer_send(&peer, TCP_RST | TCP_ACK, 0, 1, 0);
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_REFUSED);
	peer_destroy(&peer);
}

static void test_active_unanswered(void)
{
	connect_out();
	peer_advance(&peer, 1000000);
	CU_ASSERT(peer_expect(&peer, TCP_SYN, 0, 0U - PEER_ISS, 0));
	peer_advance(&peer, 200000000);
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_TIMEOUT);
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

/* RFC 9293 figure 7. */
static void test_simultaneous(void)
{
	struct tcp_options syn;
	struct tcp_info info;

	connect_out();
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.state, TCP_SYN_RECEIVED_STATE);
	CU_ASSERT(peer_expect(&peer, TCP_SYN | TCP_ACK, 0, 1, 0));
	peer_send(&peer, TCP_ACK, 1, 1, 10);
	CU_ASSERT_EQUAL(peer.connected, 1);
	CU_ASSERT_EQUAL(peer.received, 10);
	/* The SYN is not timed on: what comes an hour later measures itself. */
	(void)peer_drain(&peer);
	peer_advance(&peer, 3600000000ULL);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_advance(&peer, 50000);
	peer_send(&peer, TCP_ACK, 11, 101, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.rtt_us, 50000);
	peer_destroy(&peer);
}

static void test_connect_errors(void)
{
	struct tcp_endpoint local = endpoint("::ffff:192.0.2.1", 0);
	struct tcp_endpoint foreign = endpoint("::ffff:192.0.2.77", 0);
	struct tcp_endpoint remote = endpoint("::ffff:192.0.2.2", PEER_PORT);
	struct tcp_conn *conn;
	struct tcp_info info;

	peer_init(&peer);
	peer.config.connections = 2;
	peer_create(&peer);
	CU_ASSERT_PTR_NULL(tcp_connect(peer.stack, &foreign, &remote, &peer, peer.now_us));
	CU_ASSERT_EQUAL(errno, EADDRNOTAVAIL);
	conn = tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn);
	tcp_conn_info(conn, &info);
	CU_ASSERT(info.local.port >= 32768);
	local.port = info.local.port;
	CU_ASSERT_PTR_NULL(tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us));
	CU_ASSERT_EQUAL(errno, EADDRINUSE);
	local.port = 0;
	CU_ASSERT_PTR_NOT_NULL(tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us));
	CU_ASSERT_PTR_NULL(tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us));
	CU_ASSERT_EQUAL(errno, ENOBUFS);
	peer_destroy(&peer);
}

/* RFC 6298 2.2: the SYN-ACK is the first segment whose round trip is known. */
static void test_syn_ack_is_timed(void)
{
	struct tcp_options syn;
	struct tcp_info info;
	struct seen seen;

	peer_init(&peer);
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	peer.our_iss = seen.seq;
	peer_advance(&peer, 80000);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer.conn);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.rtt_us, 80000);
	peer_destroy(&peer);
}

CU_TestInfo open_tests[] = {{"all options", test_all_options},
			    {"SYN with FIN", test_syn_with_fin},
			    {"no options", test_no_options},
			    {"data and FIN with the ACK", test_data_and_fin_with_the_ack},
			    {"SYN-ACK retransmission", test_syn_ack_retransmission},
			    {"segments while half open", test_half_open_segments},
			    {"limits", test_limits},
			    {"refused by the owner, no listener", test_refused},
			    {"active", test_active},
			    {"active, refused", test_active_refused},
			    {"active, unanswered", test_active_unanswered},
			    {"simultaneous", test_simultaneous},
			    {"connect errors", test_connect_errors},
			    {"after a lost SYN-ACK", test_after_a_lost_syn_ack},
			    {"active, after a lost SYN", test_active_after_a_lost_syn},
			    {"SYN-ACK is timed", test_syn_ack_is_timed},
			    CU_TEST_INFO_NULL};
