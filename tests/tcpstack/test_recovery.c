#include <errno.h>

#include <rte_mbuf.h>

#include "conn.h"
#include "peer.h"
#include "suites.h"

#define MSS 1460U

static struct peer peer;

static void establish(bool sack)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.congestion = TCP_NEWRENO;
	syn = peer_syn_options(&peer);
	if (!sack) {
		syn.flags &= (uint8_t)~TCP_OPT_SACK_PERMITTED;
	}
	peer_establish(&peer, &syn);
}

/* An ACK of `ack` that reports [from, to) of our data, all relative. */
static void send_sack(uint32_t ack, uint32_t from, uint32_t to)
{
	struct tcp_options opt = {.sack_count = 1,
				  .sack = {{peer.our_iss + from, peer.our_iss + to}}};

	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + ack, 512, &opt, 0);
}

static void send_ten(void)
{
	CU_ASSERT_EQUAL(peer_write(&peer, 20 * MSS), 0);
	for (uint32_t i = 0; i < 10; i++) {
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + i * MSS, 1, MSS));
	}
	CU_ASSERT_EQUAL(peer_drain(&peer), 0); /* the initial window, RFC 6928 */
}

static void test_payload(void)
{
	struct seen seen;
	uint32_t at = 0;

	establish(true);
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	while (peer_take(&peer, &seen)) {
		CU_ASSERT_EQUAL(seen.seq, peer.our_iss + 1 + at);
		for (uint32_t i = 0; i < seen.len; i++, at++) {
			CU_ASSERT_EQUAL(seen.payload[i], (uint8_t)at);
		}
	}
	CU_ASSERT_EQUAL(at, 5000);
	CU_ASSERT(seen.flags & TCP_PSH);
	peer_destroy(&peer);
}

/* RFC 6298: RTO from the sample, doubled at each timeout; all of it is sent again. */
static void test_timeout(void)
{
	struct tcp_info info;

	establish(false);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 100));
	peer_advance(&peer, 100000);
	peer_send(&peer, TCP_ACK, 1, 101, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.rtt_us, 100000);
	CU_ASSERT_EQUAL(info.rto_us, 300000); /* SRTT + 4 * RTT / 2 */
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	for (uint64_t rto = 300000; rto < 10000000; rto *= 2) {
		peer_advance(&peer, rto - 2000);
		CU_ASSERT_EQUAL(peer_drain(&peer), 0);
		peer_advance(&peer, 2000);
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 101, 1, 100));
	}
	peer_send(&peer, TCP_ACK, 1, 201, 0);
	peer_advance(&peer, 100000000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

static void test_gives_up(void)
{
	struct seen seen;

	establish(true);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_advance(&peer, 200000000);
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_TIMEOUT);
	while (peer_take(&peer, &seen)) {
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_closed_timeout), 1);
	peer_destroy(&peer);
}

/* lost: segment 0.  SACK of 1..3 begins recovery; the hole goes out, once. */
static void test_sack_recovery(void)
{
	struct tcp_info info;

	establish(true);
	send_ten();
	peer_advance(&peer, 50000);
	send_sack(1, 1 + MSS, 1 + 2 * MSS);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 10 * MSS, 1, MSS)); /* limited transmit */
	send_sack(1, 1 + MSS, 1 + 3 * MSS);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 11 * MSS, 1, MSS));
	send_sack(1, 1 + MSS, 1 + 4 * MSS);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, MSS));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.ssthresh, 5 * MSS); /* what limited transmit let out does not count */
	CU_ASSERT_EQUAL(info.cwnd, 9 * MSS);     /* eight in flight, and the first goes at once */
	peer_send(&peer, TCP_ACK, 1, 1 + 12 * MSS, 0);
	CU_ASSERT(peer_drain(&peer) > 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmits), 1);
	peer_destroy(&peer);
}

/* RFC 6582: three duplicates, then a partial ACK shows the next hole. */
static void test_newreno(void)
{
	establish(false);
	send_ten();
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 10 * MSS, 1, MSS)); /* RFC 3042 */
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 11 * MSS, 1, MSS));
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, MSS));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 1, 1 + 3 * MSS, 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 3 * MSS, 1, MSS));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	peer_destroy(&peer);
}

/* Made-up duplicates inflate the window by what was in flight, and no further (RFC 5681 3.2). */
static void test_made_up_duplicates(void)
{
	struct tcp_info info;

	establish(false);
	CU_ASSERT_EQUAL(peer_write(&peer, 60000), 0);
	(void)peer_drain(&peer);
	for (int i = 0; i < 100; i++) {
		peer_send(&peer, TCP_ACK, 1, 1, 0);
	}
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	CU_ASSERT_EQUAL(info.ssthresh, 5 * MSS);
	CU_ASSERT_EQUAL(info.cwnd, 15 * MSS);
	peer_destroy(&peer);
}

/* What duplicates let out already is not let out again by the ACK of what was only late. */
static void test_late_not_lost(void)
{
	struct tcp_info info;

	establish(false);
	send_ten();
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 2);
	peer_send(&peer, TCP_ACK, 1, 1 + 3 * MSS, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.cwnd, 11 * MSS);
	CU_ASSERT_EQUAL(peer_drain(&peer), 2);
	peer_destroy(&peer);
}

/* RFC 7661: slow start goes no further than twice what was in flight. */
static void test_unused_window(void)
{
	struct tcp_info info;

	establish(true);
	for (uint32_t ack = 1; ack < 1 + 40 * MSS; ack += 8 * MSS) {
		CU_ASSERT_EQUAL(peer_write(&peer, 8 * MSS), 0);
		CU_ASSERT_EQUAL(peer_drain(&peer), 8);
		for (uint32_t i = 2; i <= 8; i += 2) {
			peer_send(&peer, TCP_ACK, 1, ack + i * MSS, 0);
		}
	}
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.cwnd, 16 * MSS);
	/* Ten are more than half of it. */
	CU_ASSERT_EQUAL(peer_write(&peer, 10 * MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 10);
	peer_send(&peer, TCP_ACK, 1, 1 + 42 * MSS, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.cwnd, 18 * MSS);
	peer_destroy(&peer);
}

/* Hostile SACK blocks change nothing. */
static void test_bad_sack(void)
{
	establish(true);
	send_ten();
	send_sack(1, 1 + 50 * MSS, 1 + 60 * MSS); /* never sent */
	send_sack(1, 1 + 3 * MSS, 1 + 2 * MSS);   /* backwards */
	send_sack(1, 0U - 100, 1 + 2 * MSS);      /* begins before what is in flight */
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 0);
	peer_destroy(&peer);
}

static void set_window(uint32_t ack, uint16_t wnd)
{
	struct tcp_options none = {0};

	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + ack, wnd, &none, 0);
}

/* RFC 9293 3.8.6.1: one byte, ever more seldom, as long as the peer answers. */
static void test_persist(void)
{
	establish(true);
	set_window(1, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	for (int i = 0; i < 10; i++) {
		peer_advance(&peer, 60000000);
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 1));
		(void)peer_drain(&peer);
		set_window(1, 0);
	}
	CU_ASSERT_EQUAL(peer.closed, 0);
	/* A byte that the peer took after all is not sent again. */
	set_window(2, 100);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 1, MSS));
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_zero_window_probes) >= 10);
	peer_destroy(&peer);
}

/* RFC 6429: a closed window does not keep a connection that we closed. */
static void test_persist_after_close(void)
{
	establish(true);
	set_window(1, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	tcp_close(peer.conn);
	for (int i = 0; i < 10 && peer.closed == 0; i++) {
		(void)peer_drain(&peer);
		peer_advance(&peer, 10000000);
		set_window(1, 0);
	}
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_TIMEOUT);
	peer_destroy(&peer);
}

/* RFC 9293 3.8.6.2.1: a sliver of window is not used until the override timer. */
static void test_silly_window(void)
{
	establish(true);
	set_window(1, 1); /* 128 bytes */
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 1100000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 128));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* tcp_send() refuses beyond the budget; writable() follows when half is free. */
static void test_writable(void)
{
	establish(true);
	CU_ASSERT_EQUAL(peer_write(&peer, 60000), 0);
	CU_ASSERT(peer_write(&peer, 10000) < 0);
	CU_ASSERT_EQUAL(tcp_send_space(peer.conn), 65536 - 60000);
	for (uint32_t ack = 1; peer.writable == 0 && ack < 60000; ack += MSS) {
		(void)peer_drain(&peer);
		peer_send(&peer, TCP_ACK, 1, ack, 0);
		CU_ASSERT_EQUAL(peer.writable, tcp_send_space(peer.conn) >= 32768);
	}
	CU_ASSERT_EQUAL(peer.writable, 1);
	peer_destroy(&peer);
}

/* A chain longer than the budget waits for half of it, and is taken then: it is never stuck. */
static void test_long_chain(void)
{
	uint32_t ack = 1;

	establish(true);
	CU_ASSERT_EQUAL(peer_write(&peer, 40000), 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 100000), -EAGAIN);
	while (peer.writable == 0 && ack < 40000) {
		(void)peer_drain(&peer);
		ack += MSS;
		peer_send(&peer, TCP_ACK, 1, ack, 0);
	}
	CU_ASSERT_EQUAL(peer.writable, 1);
	CU_ASSERT_EQUAL(peer_write(&peer, 100000), 0);
	CU_ASSERT_EQUAL(tcp_send_space(peer.conn), 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 1), -EAGAIN);
	while (ack < 140001) {
		CU_ASSERT_FATAL(peer_drain(&peer) > 0);
		ack = peer.conn->snd_max - peer.our_iss;
		peer_send(&peer, TCP_ACK, 1, ack, 0);
	}
	CU_ASSERT_EQUAL(peer.writable, 2);
	/* An empty queue takes it at once; numbers of 32 bits bound it. */
	CU_ASSERT_EQUAL(peer_write(&peer, 100000), 0);
	peer_destroy(&peer);
}

static void test_endless_chain(void)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wire_payload_pool());

	establish(true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
	mbuf->pkt_len = TCP_CHAIN_MAX + 1;
	CU_ASSERT_EQUAL(tcp_send(peer.conn, mbuf), -EMSGSIZE);
	rte_pktmbuf_free(mbuf);
	peer_destroy(&peer);
}

/*
 * Karn's second rule (RFC 6298 5): a backed-off timeout stays until a segment that was sent once is
 * acknowledged. Else a path slower than the timeout is never measured.
 */
static void test_backoff_stays(void)
{
	establish(false);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 100));
	peer_advance(&peer, 1001000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 100));
	peer_advance(&peer, 500000);
	peer_send(&peer, TCP_ACK, 1, 101, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 101, 1, 100));
	peer_advance(&peer, 1500000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_send(&peer, TCP_ACK, 1, 201, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmits), 1);
	/* Measured: 1.5 s + 4 * 0.75 s. */
	struct tcp_info info;
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.rto_us, 4500000);
	peer_destroy(&peer);
}

/* With timestamps the echo tells which copy was answered: the second ends the backoff. */
static void test_backoff_and_timestamps(void)
{
	struct tcp_options opt = {.flags = TCP_OPT_TIMESTAMPS, .tsval = 77};
	struct tcp_options syn;
	struct tcp_info info;
	struct seen first;
	struct seen second;

	for (int copy = 1; copy <= 2; copy++) {
		peer_init(&peer);
		peer.ts = 77;
		syn = peer_syn_options(&peer);
		syn.flags &= (uint8_t)~TCP_OPT_SACK_PERMITTED;
		peer_establish(&peer, &syn);
		CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
		CU_ASSERT_FATAL(peer_take(&peer, &first));
		peer_advance(&peer, 1001000);
		CU_ASSERT_FATAL(peer_take(&peer, &second));
		opt.tsecr = copy == 1 ? first.opt.tsval : second.opt.tsval;
		peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 101, 512, &opt, 0);
		tcp_conn_info(peer.conn, &info);
		CU_ASSERT_EQUAL(info.send_queue, 0);
		CU_ASSERT_EQUAL(info.rto_us, copy == 1 ? 2000000 : 200500);
		peer_destroy(&peer);
	}
}

/* RFC 5681 3.1: ssthresh is held while the same data times out, and set again for other data. */
static void test_timeouts_and_ssthresh(void)
{
	struct tcp_info info;

	establish(false);
	send_ten();
	peer_advance(&peer, 1001000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.ssthresh, 5 * MSS);
	peer_advance(&peer, 2001000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.ssthresh, 5 * MSS);
	peer_send(&peer, TCP_ACK, 1, 1 + 8 * MSS, 0);
	(void)peer_drain(&peer);
	peer_advance(&peer, 20000000);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT(info.ssthresh < 5 * MSS);
	peer_destroy(&peer);
}

/* Sequence numbers go round: a loss long after the last one still begins recovery. */
static void test_recovery_after_wrap(void)
{
	for (int sack = 0; sack <= 1; sack++) {
		establish(sack != 0);
		/* As after almost 2 GiB without loss: [1, 51) is still before the wrap. */
		peer.conn->recover = peer.conn->snd_una - 0x7fffffc0U;
		for (uint32_t ack = 51; ack <= 101; ack += 50) {
			CU_ASSERT_EQUAL(peer_write(&peer, 50), 0);
			CU_ASSERT_EQUAL(peer_drain(&peer), 1);
			peer_send(&peer, TCP_ACK, 1, ack, 0);
		}
		CU_ASSERT_EQUAL(peer_write(&peer, 10 * MSS), 0);
		CU_ASSERT_EQUAL(peer_drain(&peer), 10);
		for (uint32_t i = 2; i <= 4; i++) {
			if (sack != 0) {
				send_sack(101, 101 + MSS, 101 + i * MSS);
			} else {
				peer_send(&peer, TCP_ACK, 1, 101, 0);
			}
		}
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
		peer_destroy(&peer);
	}
}

/* A connection that ends in the middle of recovery gives its sender record back. */
static void test_senders_come_back(void)
{
	struct tcp_options syn;

	establish(true);
	syn = peer_syn_options(&peer);
	for (uint16_t i = 0; i < 20; i++) {
		send_ten();
		send_sack(1, 1 + MSS, 1 + 5 * MSS);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), i + 1U);
		CU_ASSERT_PTR_NOT_NULL(peer.conn->sender);
		peer_send(&peer, TCP_RST, 1, 0, 0);
		CU_ASSERT_EQUAL(peer.closed, i + 1U);
		(void)peer_drain(&peer);
		peer.port++;
		peer_handshake(&peer, &syn);
	}
	peer_destroy(&peer);
}

/* Data for a window that has long been closed: the peer is asked before it is given up. */
static void test_persist_after_silence(void)
{
	for (int closing = 0; closing <= 1; closing++) {
		establish(true);
		set_window(1, 0);
		peer_advance(&peer, 300000000);
		CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
		if (closing) {
			tcp_close(peer.conn);
		}
		CU_ASSERT_EQUAL(peer_drain(&peer), 0);
		for (int s = 0; s < 50; s++) {
			peer_advance(&peer, 1000000);
		}
		CU_ASSERT(peer_drain(&peer) > 0);
		CU_ASSERT_EQUAL(peer.closed, 0);
		for (int s = 0; s < 60; s++) {
			peer_advance(&peer, 1000000);
			(void)peer_drain(&peer);
		}
		CU_ASSERT_EQUAL(peer.closed, 1);
		CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_TIMEOUT);
		peer_destroy(&peer);
	}
}

/*
 * The window opens and closes within a burst while data is in flight, and the peer reports what
 * begins at snd_una: a timer runs on.
 */
static void test_window_flutters(void)
{
	struct tcp_options report = {.sack_count = 1};
	struct tcp_options none = {0};
	struct rte_mbuf *packets[2];

	establish(true);
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 4);
	set_window(1, 0);
	peer_advance(&peer, 1001000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0); /* persist */
	report.sack[0] = (struct tcp_sack_block){peer.our_iss + 1, peer.our_iss + 11};
	packets[0] = peer_build(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 1, &report, 0);
	packets[1] = peer_build(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 0, &none, 0);
	peer_input(&peer, packets, 2);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	unsigned int probes = 0;
	for (int s = 0; s < 10; s++) {
		peer_advance(&peer, 1000000);
		probes += peer_drain(&peer);
	}
	CU_ASSERT(probes > 0);
	peer_destroy(&peer);
}

/*
 * What was thought to be lost behind a closed window had arrived: it stays closed for what comes
 * after it, and the update that opens it may be lost.
 */
static void test_persist_goes_on(void)
{
	unsigned int probes = 0;

	establish(true);
	CU_ASSERT_EQUAL(peer_write(&peer, 20 * MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 10);
	set_window(1, 0);
	for (int s = 0; s < 3; s++) { /* the timeout marks, the closed window holds it back */
		peer_advance(&peer, 1001000);
		(void)peer_drain(&peer);
	}
	CU_ASSERT(peer.conn->flags & TCP_CONN_PERSIST);
	set_window(1 + 10 * MSS, 0);
	for (int s = 0; s < 10; s++) {
		(void)peer_drain(&peer);
		peer_advance(&peer, 1000000);
		while (peer_expect(&peer, TCP_ACK, 1 + 10 * MSS, 1, 1)) {
			probes++;
		}
	}
	CU_ASSERT(probes > 0);
	CU_ASSERT_EQUAL(peer.conn->snd_una, peer.our_iss + 1 + 10 * MSS);
	set_window(1 + 10 * MSS, 512);
	CU_ASSERT(peer_drain(&peer) > 0);
	peer_destroy(&peer);
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
	send_ten();
	for (uint32_t i = 2; i <= 4; i++) {
		send_sack(1, 1 + MSS, 1 + i * MSS);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	peer_destroy(&peer);
}

/* A peer that takes its window back accepts an ACK only within what is left of it. */
static void test_ack_in_a_shrunk_window(void)
{
	establish(true);
	send_ten();
	set_window(1, 0);
	(void)peer_drain(&peer);
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 0, &(struct tcp_options){0},
		      10);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 11, 0));
	peer_destroy(&peer);
}

CU_TestInfo recovery_tests[] = {{"payload", test_payload},
				{"retransmission timeout", test_timeout},
				{"gives up", test_gives_up},
				{"recovery with SACK", test_sack_recovery},
				{"recovery without SACK", test_newreno},
				{"made-up duplicates", test_made_up_duplicates},
				{"late, not lost", test_late_not_lost},
				{"a window that is not used", test_unused_window},
				{"bad SACK blocks", test_bad_sack},
				{"persist", test_persist},
				{"persist after close", test_persist_after_close},
				{"silly window", test_silly_window},
				{"writable", test_writable},
				{"a chain beyond the budget", test_long_chain},
				{"a chain without end", test_endless_chain},
				{"backoff stays (Karn)", test_backoff_stays},
				{"backoff and timestamps", test_backoff_and_timestamps},
				{"ssthresh after timeouts", test_timeouts_and_ssthresh},
				{"recovery after a wrap", test_recovery_after_wrap},
				{"senders come back", test_senders_come_back},
				{"persist after silence", test_persist_after_silence},
				{"window flutters", test_window_flutters},
				{"persist goes on", test_persist_goes_on},
				{"no sender after a wrap", test_no_sender_after_wrap},
				{"ACK in a shrunk window", test_ack_in_a_shrunk_window},
				CU_TEST_INFO_NULL};
