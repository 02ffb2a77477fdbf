/* ICMP errors (icmp.c) and what they do to the path MTU (pmtu.c). */
#include <string.h>

#include <arpa/inet.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "conn.h"
#include "peer.h"
#include "pmtu.h"
#include "suites.h"

#define MSS 1460

static struct peer peer;

static void establish(uint32_t ts)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.ts = ts;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	(void)peer_drain(&peer);
}

/* Our packet, as a router quotes it: `len` bytes of it. */
struct quote {
	struct rte_ipv4_hdr ip;
	uint16_t ports[2];
	uint32_t seq;
};

static struct quote quote_of(uint32_t seq, uint16_t local_port, uint16_t remote_port)
{
	struct quote quote = {
		.ip =
			{
				.version_ihl = RTE_IPV4_VHL_DEF,
				.next_proto_id = IPPROTO_TCP,
				.total_length = RTE_BE16(1500),
			},
		.ports = {htons(local_port), htons(remote_port)},
		.seq = htonl(seq),
	};

	(void)inet_pton(AF_INET, "192.0.2.1", &quote.ip.src_addr);
	(void)inet_pton(AF_INET, "192.0.2.2", &quote.ip.dst_addr);
	return quote;
}

static bool tell(enum tcp_icmp_kind kind, uint32_t mtu, const struct quote *quote, uint32_t len)
{
	const struct tcp_icmp error = {
		.kind = kind, .mtu = mtu, .quoted = (const uint8_t *)quote, .quoted_len = len};

	return tcp_icmp_error(peer.stack, &error, peer.now_us);
}

/* About the segment at the relative number `seq`. */
static bool too_big(uint32_t seq, uint32_t mtu)
{
	struct quote quote = quote_of(peer.our_iss + seq, WIRE_LISTEN, PEER_PORT);

	return tell(TCP_ICMP_TOO_BIG, mtu, &quote, sizeof(quote));
}

static uint32_t mss(void)
{
	struct tcp_info info;

	tcp_conn_info(peer.conn, &info);
	return info.mss;
}

/* The first full-sized segment is too big: all in flight goes out again, smaller, at once. */
static void test_too_big(void)
{
	uint32_t cwnd;

	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, 3 * MSS), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, MSS));
	CU_ASSERT_EQUAL(peer_drain(&peer), 2);
	cwnd = peer.conn->cwnd;
	CU_ASSERT(too_big(1, 1400));
	CU_ASSERT_EQUAL(mss(), 1360);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_pmtu_lowered), 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 1360));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1361, 1, 1360));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2721, 1, 1360));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 4081, 1, 3 * MSS + 1 - 4081));
	CU_ASSERT_EQUAL(peer.conn->cwnd, cwnd);
	/* The other two segments were too big as well: that is known. */
	CU_ASSERT(too_big(1 + MSS, 1400));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_mtu_known), 1);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	/* A second link is narrower still. */
	CU_ASSERT(too_big(1, 1300));
	CU_ASSERT_EQUAL(mss(), 1260);
	peer_destroy(&peer);
}

/* Options of every segment count. */
static void test_timestamps(void)
{
	establish(77);
	CU_ASSERT_EQUAL(pmtu_size(peer.conn), 1500);
	CU_ASSERT_EQUAL(peer_write(&peer, 3000), 0);
	CU_ASSERT(peer_drain(&peer) > 0);
	CU_ASSERT(too_big(1, 1300));
	CU_ASSERT_EQUAL(mss(), 1300 - 52);
	CU_ASSERT_EQUAL(pmtu_size(peer.conn), 1300);
	peer_destroy(&peer);
}

/* RFC 5927 4.1: snd_una <= quoted sequence number < snd_max. */
static void test_sequence(void)
{
	establish(0);
	CU_ASSERT(too_big(1, 1400)); /* nothing is in flight */
	CU_ASSERT_EQUAL(peer_write(&peer, 2 * MSS), 0);
	(void)peer_drain(&peer);
	CU_ASSERT(too_big(0, 1400));
	CU_ASSERT(too_big(1 + 2 * MSS, 1400));
	CU_ASSERT(too_big(1U << 31, 1400));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_bad_sequence), 4);
	CU_ASSERT_EQUAL(mss(), MSS);
	CU_ASSERT(too_big(2 * MSS, 1400)); /* the last byte */
	CU_ASSERT_EQUAL(mss(), 1360);
	peer_destroy(&peer);
}

static void test_implausible(void)
{
	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	(void)peer_drain(&peer);
	CU_ASSERT(too_big(1, 551));
	CU_ASSERT(too_big(1, 1));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_mtu_refused), 2);
	CU_ASSERT(too_big(1, 1500));
	CU_ASSERT(too_big(1, 1U << 31));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_mtu_known), 2);
	CU_ASSERT_EQUAL(mss(), MSS);
	CU_ASSERT(too_big(1, 552));
	CU_ASSERT_EQUAL(mss(), 512);
	peer_destroy(&peer);
}

/* RFC 1191 section 5: a router that knows only RFC 792 says 0. */
static void test_silent_router(void)
{
	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	(void)peer_drain(&peer);
	CU_ASSERT(too_big(1, 0));
	CU_ASSERT_EQUAL(mss(), 1492 - 40);
	CU_ASSERT(too_big(1, 0));
	CU_ASSERT_EQUAL(mss(), 1280 - 40);
	CU_ASSERT(too_big(1, 0));
	CU_ASSERT(too_big(1, 0));
	CU_ASSERT_EQUAL(mss(), 552 - 40);
	CU_ASSERT(too_big(1, 0)); /* no less than that */
	CU_ASSERT_EQUAL(mss(), 552 - 40);
	peer_destroy(&peer);
}

/* A full-sized segment was acknowledged: then one more of them is in flight. */
static void prove(void)
{
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 1, 1 + MSS, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + MSS, 1, MSS));
}

/* RFC 5927 7.2: where such packets got through, the claim waits for a timeout. */
static void test_delayed(void)
{
	establish(0);
	prove();
	CU_ASSERT(too_big(1 + MSS, 1400));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_mtu_delayed), 1);
	CU_ASSERT_EQUAL(mss(), MSS);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 250000); /* a probe by what is left of the timeout, then that */
	(void)peer_drain(&peer);
	peer_advance(&peer, 250000);
	CU_ASSERT_EQUAL(mss(), 1360);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_pmtu_lowered), 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + MSS, 1, 1360));
	peer_destroy(&peer);
}

/* ... and is void when the packet arrives. */
static void test_disproved(void)
{
	establish(0);
	prove();
	CU_ASSERT(too_big(1 + MSS, 1400));
	peer_send(&peer, TCP_ACK, 1, 1 + 2 * MSS, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	(void)peer_drain(&peer);
	peer_advance(&peer, 250000); /* lost, for another reason */
	(void)peer_drain(&peer);
	peer_advance(&peer, 250000);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmit_timeouts), 1);
	CU_ASSERT_EQUAL(mss(), MSS);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 2 * MSS, 1, MSS));
	peer_destroy(&peer);
}

/* Small segments say nothing about the path. */
static void test_small_proves_nothing(void)
{
	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS - 1), 0);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 1, MSS, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	(void)peer_drain(&peer);
	CU_ASSERT(too_big(MSS, 1400));
	CU_ASSERT_EQUAL(mss(), 1360);
	peer_destroy(&peer);
}

static void next_timeout(void)
{
	uint64_t before = peer_count(&peer, TCP_COUNTER_retransmit_timeouts);

	for (int i = 0; i < 1000 && peer_count(&peer, TCP_COUNTER_retransmit_timeouts) == before;
	     i++) {
		peer_advance(&peer, 100000);
	}
	(void)peer_drain(&peer);
}

/* RFC 2923 2.1: large segments vanish, and no router says why. */
static void test_black_hole(void)
{
	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, 2 * MSS), 0);
	(void)peer_drain(&peer);
	next_timeout();
	CU_ASSERT_EQUAL(mss(), MSS);
	next_timeout();
	CU_ASSERT_EQUAL(mss(), 1240);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_pmtu_black_holes), 1);
	next_timeout(); /* nothing has arrived since: the next size is tried at once */
	CU_ASSERT_EQUAL(mss(), 512);
	next_timeout();
	CU_ASSERT_EQUAL(mss(), 512);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_pmtu_black_holes), 2);
	peer_destroy(&peer);
}

/* The next size arrived: one timeout later means nothing. */
static void test_black_hole_passed(void)
{
	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, 2 * MSS), 0);
	(void)peer_drain(&peer);
	next_timeout();
	next_timeout();
	CU_ASSERT_EQUAL(mss(), 1240);
	peer_send(&peer, TCP_ACK, 1, 1 + 1240, 0);
	(void)peer_drain(&peer);
	next_timeout();
	CU_ASSERT_EQUAL(mss(), 1240);
	peer_destroy(&peer);
}

/* A path that carried them gets more time: it is more likely down. What fits
 * every path never accuses. */
static void test_outage(void)
{
	establish(0);
	prove();
	next_timeout();
	next_timeout();
	next_timeout();
	CU_ASSERT_EQUAL(mss(), MSS);
	next_timeout();
	CU_ASSERT_EQUAL(mss(), 1240);
	next_timeout();
	CU_ASSERT_EQUAL(mss(), 1240);
	peer_destroy(&peer);
	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, 512), 0);
	(void)peer_drain(&peer);
	for (int i = 0; i < 5; i++) {
		next_timeout();
	}
	CU_ASSERT_EQUAL(mss(), MSS);
	peer_destroy(&peer);
}

/* A path with room for less than what is sent, though that is not full-sized: no small steps. */
static void test_narrow_path(void)
{
	static const uint32_t sizes[] = {900, 1290};

	for (uint32_t size = 0; size < 2; size++) {
		establish(0);
		CU_ASSERT_EQUAL(peer_write(&peer, sizes[size]), 0);
		(void)peer_drain(&peer);
		for (int i = 0; i < 3; i++) {
			next_timeout();
		}
		CU_ASSERT_EQUAL(mss(), MSS);
		next_timeout();
		CU_ASSERT_EQUAL(mss(), 512);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_pmtu_black_holes), 1);
		peer_destroy(&peer);
	}
}

/* A little is sent and acknowledged each minute; returns the number after the last of it. */
static uint32_t pass_minutes(uint32_t next, uint32_t minutes)
{
	for (uint32_t i = 0; i < minutes; i++, next += 10) {
		peer_advance(&peer, 60000000);
		CU_ASSERT_EQUAL(peer_write(&peer, 10), 0);
		(void)peer_drain(&peer);
		peer_send(&peer, TCP_ACK, 1, next + 10, 0);
		(void)peer_drain(&peer);
	}
	return next;
}

/* RFC 1191 6.3, RFC 8201 4: a larger one is tried after ten minutes, not before. */
static void test_raised(void)
{
	uint32_t next;

	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	(void)peer_drain(&peer);
	CU_ASSERT(too_big(1, 1400));
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 1, 1 + MSS, 0);
	next = pass_minutes(1 + MSS, 10);
	CU_ASSERT_EQUAL(mss(), 1360);
	next = pass_minutes(next, 2);
	CU_ASSERT_EQUAL(mss(), MSS);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_pmtu_raised), 1);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, next, 1, MSS));
	CU_ASSERT(too_big(next, 1400)); /* the path is as narrow as before: at once */
	CU_ASSERT_EQUAL(mss(), 1360);
	peer_destroy(&peer);
}

/* What an outage looked like, a black hole, is over: twice lowered, back in one step. */
static void test_outage_ends(void)
{
	uint32_t next;

	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	(void)peer_drain(&peer);
	for (int i = 0; i < 4; i++) {
		next_timeout();
	}
	CU_ASSERT_EQUAL(mss(), 512);
	peer_send(&peer, TCP_ACK, 1, 1 + MSS, 0);
	(void)peer_drain(&peer);
	next = pass_minutes(1 + MSS, 12);
	CU_ASSERT_EQUAL(mss(), MSS);
	CU_ASSERT_EQUAL(peer_write(&peer, MSS), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, next, 1, MSS));
	next_timeout();
	CU_ASSERT_EQUAL(mss(), MSS);
	next_timeout(); /* a black hole after all */
	CU_ASSERT_EQUAL(mss(), 1240);
	peer_destroy(&peer);
}

/* RFC 5927 5.2, RFC 1122 4.2.3.9: nothing that ICMP says ends an established connection. */
static void test_hard_is_soft(void)
{
	struct quote quote;

	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, 10), 0);
	(void)peer_drain(&peer);
	quote = quote_of(peer.our_iss + 1, WIRE_LISTEN, PEER_PORT);
	CU_ASSERT(tell(TCP_ICMP_HARD, 0, &quote, sizeof(quote)));
	CU_ASSERT(tell(TCP_ICMP_SOFT, 0, &quote, sizeof(quote)));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_soft), 2);
	CU_ASSERT_EQUAL(peer.closed, 0);
	peer_destroy(&peer);
}

static void test_no_connection(void)
{
	struct quote quote;

	establish(0);
	CU_ASSERT_EQUAL(peer_write(&peer, 10), 0);
	(void)peer_drain(&peer);
	quote = quote_of(peer.our_iss + 1, WIRE_LISTEN, PEER_PORT + 1);
	CU_ASSERT_FALSE(tell(TCP_ICMP_TOO_BIG, 1400, &quote, sizeof(quote)));
	quote = quote_of(peer.our_iss + 1, WIRE_LISTEN, PEER_PORT);
	for (uint32_t len = 0; len < sizeof(quote); len++) {
		CU_ASSERT_FALSE(tell(TCP_ICMP_TOO_BIG, 1400, &quote, len));
	}
	quote.ip.version_ihl = 0x46;
	CU_ASSERT_FALSE(tell(TCP_ICMP_TOO_BIG, 1400, &quote, sizeof(quote)));
	quote.ip.version_ihl = RTE_IPV4_VHL_DEF;
	quote.ip.next_proto_id = IPPROTO_UDP;
	CU_ASSERT_FALSE(tell(TCP_ICMP_TOO_BIG, 1400, &quote, sizeof(quote)));
	quote.ip.next_proto_id = IPPROTO_TCP;
	quote.ip.src_addr ^= 1; /* not one of our addresses */
	CU_ASSERT_FALSE(tell(TCP_ICMP_TOO_BIG, 1400, &quote, sizeof(quote)));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_no_connection), 4 + sizeof(quote));
	peer_destroy(&peer);
}

static struct tcp_endpoint endpoint(const char *text, uint16_t port)
{
	struct tcp_endpoint at = {.port = port};

	(void)inet_pton(AF_INET6, text, &at.addr);
	return at;
}

/* RFC 1122 4.2.3.9: a hard error ends an active open, a soft one must not. */
static void test_active_open(void)
{
	struct tcp_endpoint local = endpoint("::ffff:192.0.2.1", 40000);
	struct tcp_endpoint remote = endpoint("::ffff:192.0.2.2", 1935);
	struct quote quote;
	struct seen syn;

	peer_init(&peer);
	peer_create(&peer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us));
	CU_ASSERT_FATAL(peer_take(&peer, &syn));
	quote = quote_of(syn.seq + 1, 40000, 1935);
	CU_ASSERT(tell(TCP_ICMP_HARD, 0, &quote, sizeof(quote)));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_bad_sequence), 1);
	quote = quote_of(syn.seq, 40000, 1935);
	CU_ASSERT(tell(TCP_ICMP_SOFT, 0, &quote, sizeof(quote)));
	CU_ASSERT_EQUAL(peer.closed, 0);
	CU_ASSERT(tell(TCP_ICMP_HARD, 0, &quote, sizeof(quote)));
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_UNREACHABLE);
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 0);
	CU_ASSERT_FALSE(tell(TCP_ICMP_HARD, 0, &quote, sizeof(quote)));
	peer_destroy(&peer);
}

/* RFC 8201 section 4: 1280 is the least. */
static void test_ipv6(void)
{
	struct tcp_endpoint local = endpoint("2001:db8::1", 40000);
	struct tcp_endpoint remote = endpoint("2001:db8::2", 1935);
	struct rte_ipv6_hdr *ip;
	uint8_t quoted[sizeof(*ip) + 8] = {0x60};
	struct rte_mbuf *packet;
	struct tcp_conn *conn;
	struct tcp_icmp error = {.kind = TCP_ICMP_TOO_BIG,
				 .mtu = 1279,
				 .quoted = quoted,
				 .quoted_len = sizeof(quoted)};

	peer_init(&peer);
	peer_create(&peer);
	CU_ASSERT_EQUAL_FATAL(tcp_add_address(peer.stack, &local.addr), 0);
	conn = tcp_connect(peer.stack, &local, &remote, &peer, peer.now_us);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn);
	CU_ASSERT_EQUAL_FATAL(tcp_output(peer.stack, &packet, 1, peer.now_us), 1);
	memcpy(quoted, rte_pktmbuf_mtod(packet, const void *), sizeof(quoted));
	rte_pktmbuf_free(packet);
	conn->state = TCP_ESTABLISHED_STATE;
	CU_ASSERT(tcp_icmp_error(peer.stack, &error, peer.now_us));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_mtu_refused), 1);
	error.mtu = 0;
	CU_ASSERT(tcp_icmp_error(peer.stack, &error, peer.now_us));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_icmp_mtu_refused), 2);
	error.mtu = 1280;
	CU_ASSERT(tcp_icmp_error(peer.stack, &error, peer.now_us));
	CU_ASSERT_EQUAL(conn->mss, 1220);
	quoted[6] = IPPROTO_UDP;
	CU_ASSERT_FALSE(tcp_icmp_error(peer.stack, &error, peer.now_us));
	peer_destroy(&peer);
}

CU_TestInfo icmp_tests[] = {{"too big", test_too_big},
			    {"too big, timestamps", test_timestamps},
			    {"quoted sequence number", test_sequence},
			    {"implausible MTU", test_implausible},
			    {"router that does not say", test_silent_router},
			    {"proven size: delayed", test_delayed},
			    {"... and disproved", test_disproved},
			    {"small segments prove nothing", test_small_proves_nothing},
			    {"black hole", test_black_hole},
			    {"black hole left behind", test_black_hole_passed},
			    {"outage", test_outage},
			    {"raised again", test_raised},
			    {"outage ends", test_outage_ends},
			    {"narrow path", test_narrow_path},
			    {"hard errors are soft", test_hard_is_soft},
			    {"of no connection", test_no_connection},
			    {"active open", test_active_open},
			    {"IPv6", test_ipv6},
			    CU_TEST_INFO_NULL};
