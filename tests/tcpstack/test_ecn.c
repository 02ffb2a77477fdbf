/* RFC 3168: who asks, who marks, who echoes, who slows down. */
#include "ecn.h"

#include <arpa/inet.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "peer.h"
#include "suites.h"

#define MSS 1460

static struct peer peer;

static void mark(struct rte_mbuf *packet, uint8_t ecn)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *);

	ip->type_of_service = ecn;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static struct rte_mbuf *build(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len, uint8_t ecn)
{
	struct tcp_options opt = {0};
	struct rte_mbuf *packet =
		peer_build(&peer, flags, PEER_ISS + seq, peer.our_iss + ack, 512, &opt, len);

	mark(packet, ecn);
	return packet;
}

static void segment(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len, uint8_t ecn)
{
	struct rte_mbuf *packet = build(flags, seq, ack, len, ecn);

	peer_input(&peer, &packet, 1);
}

/* A SYN with these flags; the flags of the answer. */
static uint8_t syn(uint8_t flags)
{
	struct tcp_options opt = peer_syn_options(&peer);
	struct seen seen = {0};

	peer_send_raw(&peer, TCP_SYN | flags, PEER_ISS, 0, 65535, &opt, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.ecn, ECN_NOT_ECT); /* 6.1.1: never on a SYN-ACK */
	peer.our_iss = seen.seq;
	return seen.flags;
}

static void create(enum tcp_ecn ecn)
{
	peer_init(&peer);
	peer.config.ecn = ecn;
	peer_create(&peer);
}

static void establish(void)
{
	create(TCP_ECN_ACCEPT);
	CU_ASSERT_EQUAL(syn(TCP_ECE | TCP_CWR), TCP_SYN | TCP_ACK | TCP_ECE);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_FATAL(peer.accepted == 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_connections), 1);
}

/* Only a SYN with both flags asks; only who is configured so accepts. */
static void test_negotiation(void)
{
	static const struct {
		enum tcp_ecn ecn;
		uint8_t flags;
		uint8_t answer;
	} cases[] = {{TCP_ECN_OFF, TCP_ECE | TCP_CWR, 0},
		     {TCP_ECN_ACCEPT, 0, 0},
		     {TCP_ECN_ACCEPT, TCP_ECE, 0},
		     {TCP_ECN_ACCEPT, TCP_CWR, 0},
		     {TCP_ECN_ASK, TCP_ECE | TCP_CWR, TCP_ECE}};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		create(cases[i].ecn);
		CU_ASSERT_EQUAL(syn(cases[i].flags), TCP_SYN | TCP_ACK | cases[i].answer);
		peer_send(&peer, TCP_ACK, 1, 1, 0);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_connections),
				cases[i].answer != 0);
		peer_destroy(&peer);
	}
}

/* 6.1.1.1: a peer that hears nothing asks again without, and gets what it asks for. */
static void test_fallback(void)
{
	create(TCP_ECN_ACCEPT);
	CU_ASSERT_EQUAL(syn(TCP_ECE | TCP_CWR), TCP_SYN | TCP_ACK | TCP_ECE);
	CU_ASSERT_EQUAL(syn(0), TCP_SYN | TCP_ACK);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_connections), 0);
	peer_destroy(&peer);
}

/* Every ACK says ECE until the peer says CWR (6.1.3). */
static void test_echo(void)
{
	establish();
	segment(TCP_ACK, 1, 1, 100, ECN_ECT0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 101, 0));
	segment(TCP_ACK, 101, 1, 100, ECN_CE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_ECE, 1, 201, 0));
	segment(TCP_ACK, 201, 1, 100, ECN_ECT0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_ECE, 1, 301, 0));
	segment(TCP_ACK | TCP_CWR, 301, 1, 100, ECN_ECT1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 401, 0));
	/* Marked itself, the one with CWR begins the next round. */
	segment(TCP_ACK | TCP_CWR, 401, 1, 100, ECN_CE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_ECE, 1, 501, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_ce), 2);
	CU_ASSERT_EQUAL(peer.received, 500);
	peer_destroy(&peer);
}

/* A first mark is told at once, also where ACKs are delayed. */
static void test_echo_is_not_delayed(void)
{
	uint32_t at = 1;

	establish();
	for (int i = 0; i < 16; i++, at += MSS) { /* past the quick ACKs */
		segment(TCP_ACK, at, 1, MSS, ECN_ECT0);
		(void)peer_drain(&peer);
	}
	segment(TCP_ACK, at, 1, 100, ECN_ECT0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	segment(TCP_ACK, at + 100, 1, 100, ECN_CE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK | TCP_ECE, 1, at + 200, 0));
	peer_destroy(&peer);
}

/* Marks that were not agreed on, or come on what is not in the window, say nothing (6.1.5). */
static void test_marks_without_agreement(void)
{
	create(TCP_ECN_ACCEPT);
	(void)syn(0);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	segment(TCP_ACK, 1, 1, 100, ECN_CE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 101, 0));
	peer_destroy(&peer);
	establish();
	segment(TCP_ACK, 1, 1, 100, ECN_ECT0);
	(void)peer_drain(&peer);
	segment(TCP_ACK, 1, 1, 100, ECN_CE);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 101, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_ce), 0);
	peer_destroy(&peer);
}

/* New data is marked, retransmissions (6.1.5) and pure ACKs (6.1.4) are not. */
static void test_marking(void)
{
	struct seen seen;

	establish();
	segment(TCP_ACK, 1, 1, 100, ECN_ECT0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.ecn, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer_write(&peer, 2 * MSS), 0);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_FATAL(peer_take(&peer, &seen));
		CU_ASSERT_EQUAL(seen.ecn, ECN_ECT0);
	}
	peer_advance(&peer, 1500000);
	CU_ASSERT_FATAL(peer_take(&peer, &seen)); /* the tail loss probe */
	CU_ASSERT_EQUAL(seen.ecn, ECN_NOT_ECT);
	peer_advance(&peer, 1500000);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_retransmit_timeouts) > 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.seq, peer.our_iss + 1);
	CU_ASSERT_EQUAL(seen.ecn, ECN_NOT_ECT);
	peer_destroy(&peer);
}

/* 6.1.2: once per window, and the next new data says so, once. */
static void test_reduction(void)
{
	struct seen seen;
	uint32_t cwnd;

	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 10 * MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 10);
	cwnd = peer.conn->cwnd;
	segment(TCP_ACK | TCP_ECE, 1, 1 + 2 * MSS, 0, ECN_NOT_ECT);
	CU_ASSERT(peer.conn->cwnd < cwnd);
	CU_ASSERT(peer.conn->cwnd >= 2 * MSS);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_reductions), 1);
	cwnd = peer.conn->ssthresh;
	segment(TCP_ACK | TCP_ECE, 1, 1 + 4 * MSS, 0, ECN_NOT_ECT);
	segment(TCP_ACK | TCP_ECE, 1, 1 + 10 * MSS, 0, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_reductions), 1);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, cwnd);
	CU_ASSERT_EQUAL(peer_write(&peer, 2 * MSS), 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_ACK | TCP_CWR);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags & TCP_CWR, 0);
	/* What was sent since is marked as well: the next window, the next reduction. */
	segment(TCP_ACK | TCP_ECE, 1, 1 + 11 * MSS, 0, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_reductions), 2);
	peer_destroy(&peer);
}

/* With nothing in flight there is nothing to slow down; without agreement ECE means nothing. */
static void test_no_reduction(void)
{
	uint32_t cwnd;

	establish();
	cwnd = peer.conn->cwnd;
	segment(TCP_ACK | TCP_ECE, 1, 1, 0, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer.conn->cwnd, cwnd);
	peer_destroy(&peer);
	create(TCP_ECN_ACCEPT);
	(void)syn(0);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 4 * MSS), 0);
	(void)peer_drain(&peer);
	segment(TCP_ACK | TCP_ECE, 1, 1 + MSS, 0, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_reductions), 0);
	peer_destroy(&peer);
}

static struct tcp_endpoint endpoint(const char *text, uint16_t port)
{
	struct tcp_endpoint at = {.port = port};

	(void)inet_pton(AF_INET6, text, &at.addr);
	return at;
}

/* Our SYN; the flags that it had. */
static uint8_t open_actively(struct seen *seen)
{
	struct tcp_endpoint local = endpoint("::ffff:192.0.2.1", WIRE_LISTEN);
	struct tcp_endpoint remote = endpoint("::ffff:192.0.2.2", PEER_PORT);

	CU_ASSERT_PTR_NOT_NULL_FATAL(tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us));
	CU_ASSERT_FATAL(peer_take(&peer, seen));
	peer.our_iss = seen->seq;
	return seen->flags;
}

static void answer(uint8_t flags)
{
	struct tcp_options opt = peer_syn_options(&peer);

	peer_send_raw(&peer, TCP_SYN | TCP_ACK | flags, PEER_ISS, peer.our_iss + 1, 65535, &opt, 0);
	CU_ASSERT_EQUAL(peer.connected, 1);
}

static void test_active(void)
{
	struct seen seen;

	create(TCP_ECN_ACCEPT);
	CU_ASSERT_EQUAL(open_actively(&seen), TCP_SYN);
	answer(TCP_ECE); /* unasked */
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_connections), 0);
	peer_destroy(&peer);
	create(TCP_ECN_ASK);
	CU_ASSERT_EQUAL(open_actively(&seen), TCP_SYN | TCP_ECE | TCP_CWR);
	answer(TCP_ECE);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_connections), 1);
	peer_destroy(&peer);
	create(TCP_ECN_ASK);
	(void)open_actively(&seen);
	answer(TCP_ECE | TCP_CWR); /* a peer that sends back what it got (6.1.1) */
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_connections), 0);
	peer_destroy(&peer);
	/* A SYN that was not answered is sent again without (6.1.1.1). */
	create(TCP_ECN_ASK);
	(void)open_actively(&seen);
	peer_advance(&peer, 1100000);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN);
	answer(TCP_ECE);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_connections), 0);
	peer_destroy(&peer);
}

/* 2 GiB after a reduction its number seems to lie ahead: an echo is heeded all the same. */
static void test_reduction_after_wrap(void)
{
	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 4 * MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 4);
	segment(TCP_ACK | TCP_ECE, 1, 1 + MSS, 0, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_reductions), 1);
	segment(TCP_ACK, 1, 1 + 4 * MSS, 0, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	segment(TCP_ACK, 1, 1 + 5 * MSS, 0, ECN_NOT_ECT);
	peer.conn->reduced_seq += 1U << 31; /* as if so much had been sent meanwhile */
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	segment(TCP_ACK | TCP_ECE, 1, 1 + 6 * MSS, 0, ECN_NOT_ECT);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ecn_reductions), 2);
	peer_destroy(&peer);
}

/* A run that changes its mark is not one segment. */
static void test_gro(void)
{
	struct rte_mbuf *packets[4];

	establish();
	packets[0] = build(TCP_ACK, 1, 1, 100, ECN_ECT0);
	packets[1] = build(TCP_ACK, 101, 1, 100, ECN_CE);
	packets[2] = build(TCP_ACK, 201, 1, 100, ECN_CE);
	packets[3] = build(TCP_ACK, 301, 1, 100, ECN_ECT0);
	peer_input(&peer, packets, 4);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_merged), 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_ce), 1);
	CU_ASSERT_EQUAL(peer.received, 400);
	peer_destroy(&peer);
}

CU_TestInfo ecn_tests[] = {{"negotiation", test_negotiation},
			   {"fallback", test_fallback},
			   {"echo", test_echo},
			   {"echo is not delayed", test_echo_is_not_delayed},
			   {"marks without agreement", test_marks_without_agreement},
			   {"marking", test_marking},
			   {"reduction", test_reduction},
			   {"no reduction", test_no_reduction},
			   {"active open", test_active},
			   {"GRO", test_gro},
			   {"reduction after a wrap", test_reduction_after_wrap},
			   CU_TEST_INFO_NULL};
