#include "source.h"

#include <arpa/inet.h>
#include <string.h>

#include "peer.h"
#include "stack.h"
#include "suites.h"

static struct peer peer;
static struct tcp_options syn_options;

static void begin(uint32_t connections, uint32_t half_open, uint32_t rate)
{
	peer_init(&peer);
	peer.config.per_source = (struct tcp_source_limits){
		.connections = connections, .half_open = half_open, .rate = rate};
	peer_create(&peer);
	syn_options = peer_syn_options(&peer);
}

static void knock(uint16_t port, struct seen *seen)
{
	memset(seen, 0, sizeof(*seen));
	peer.port = port;
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn_options, 0);
	CU_ASSERT_FATAL(peer_take(&peer, seen));
	peer.our_iss = seen->seq;
}

/* The third is told so; when one has gone there is room again. */
static void test_connections(void)
{
	struct seen seen;

	begin(2, 0, 0);
	for (uint16_t port = 1; port <= 2; port++) {
		knock(port, &seen);
		peer_send(&peer, TCP_ACK, 1, 1, 0);
	}
	CU_ASSERT_EQUAL(peer.accepted, 2);
	knock(3, &seen);
	CU_ASSERT_EQUAL(seen.flags, TCP_RST | TCP_ACK);
	CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_source_limit), 1);
	tcp_abort(peer.conn);
	(void)peer_drain(&peer);
	knock(3, &seen);
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN | TCP_ACK);
	peer_destroy(&peer);
}

/* Whose SYN is refused goes on to wait for the end of the old connection (RFC 1337). */
static void test_time_wait(void)
{
	struct seen seen;

	begin(0, 0, 1);
	knock(1, &seen);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	tcp_close(peer.conn);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 2, 0);
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(tcp_time_wait_count(peer.stack), 1);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 5000, 0, 65535, &syn_options, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_RST | TCP_ACK);
	CU_ASSERT_EQUAL(tcp_time_wait_count(peer.stack), 1);
	peer_advance(&peer, 1000000);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS + 5000, 0, 65535, &syn_options, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_SYN | TCP_ACK);
	CU_ASSERT_EQUAL(tcp_time_wait_count(peer.stack), 0);
	peer_destroy(&peer);
}

/* Handshakes under way at the same time: the limit is looked at when they complete. */
static void test_race(void)
{
	struct seen first, second;

	begin(1, 0, 0);
	knock(1, &first);
	knock(2, &second);
	CU_ASSERT_EQUAL(second.flags, TCP_SYN | TCP_ACK);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	peer.port = 1;
	peer.our_iss = first.seq;
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	CU_ASSERT_FATAL(peer_take(&peer, &first));
	CU_ASSERT_EQUAL(first.flags, TCP_RST);
	CU_ASSERT_EQUAL(peer.stack->syn.count, 0);
	peer_destroy(&peer);
}

/* Beyond its half-open connections a source gets cookies: nobody can be locked out in his name. */
static void test_half_open(void)
{
	struct seen seen;

	begin(0, 2, 0);
	for (uint16_t port = 1; port <= 2; port++) {
		knock(port, &seen);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent), 0);
	knock(3, &seen);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent), 1);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_EQUAL(peer.accepted, 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_accepted), 1);
	/* Their records gone, it has records again. */
	peer_advance(&peer, 40000000);
	(void)peer_drain(&peer);
	knock(4, &seen);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_syn_cookies_sent), 1);
	peer_destroy(&peer);
}

/* Three in a second, whether they stay or not; then three more. */
static void test_rate(void)
{
	struct seen seen;

	begin(0, 0, 3);
	peer_advance(&peer, 1000000 - peer.now_us % 1000000);
	for (unsigned int second = 1; second <= 2; second++) {
		for (uint16_t port = 1; port <= 3; port++) {
			knock((uint16_t)(10 * second + port), &seen);
			peer_send(&peer, TCP_ACK, 1, 1, 0);
			tcp_abort(peer.conn);
			(void)peer_drain(&peer);
		}
		CU_ASSERT_EQUAL(peer.accepted, 3 * second);
		knock(5, &seen);
		CU_ASSERT_EQUAL(seen.flags, TCP_RST | TCP_ACK);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_source_limit), second);
		peer_advance(&peer, 1000000);
	}
	peer_destroy(&peer);
}

static struct in6_addr address(const char *text, uint8_t byte, uint8_t last)
{
	struct in6_addr addr;

	(void)inet_pton(AF_INET6, text, &addr);
	addr.s6_addr[7] = addr.s6_addr[7] | byte;
	addr.s6_addr[15] = last;
	return addr;
}

/* IPv4 addresses are told apart, of IPv6 addresses the networks. */
static void test_who_is_one(void)
{
	struct in6_addr v4 = address("::ffff:192.0.2.0", 0, 7);
	struct in6_addr v4_other = address("::ffff:192.0.2.0", 0, 8);
	struct in6_addr v6 = address("2001:db8::", 1, 7);
	struct in6_addr v6_same = address("2001:db8::", 1, 8);
	struct in6_addr v6_other = address("2001:db8::", 2, 7);

	begin(1, 0, 0);
	source_opened(peer.stack, &v4);
	source_opened(peer.stack, &v6);
	CU_ASSERT_PTR_NOT_NULL(source_find(peer.stack, &v4));
	CU_ASSERT_PTR_NULL(source_find(peer.stack, &v4_other));
	CU_ASSERT_PTR_NOT_NULL_FATAL(source_find(peer.stack, &v6));
	CU_ASSERT_PTR_EQUAL(source_find(peer.stack, &v6), source_find(peer.stack, &v6_same));
	CU_ASSERT_PTR_NULL(source_find(peer.stack, &v6_other));
	source_closed(peer.stack, &v6_same);
	peer_advance(&peer, 1000000);
	CU_ASSERT_PTR_NULL(source_find(peer.stack, &v6));
	peer_destroy(&peer);
}

/* More sources than there is room for: who is counted is counted right, and none is refused. */
static void test_full(void)
{
	uint32_t counted = 0;

	begin(2, 0, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		struct in6_addr addr = address("2001:db8::", 0, 1);
		struct source *source;

		memcpy(&addr.s6_addr[4], &i, sizeof(i));
		source_opened(peer.stack, &addr);
		source = source_find(peer.stack, &addr);
		CU_ASSERT(source_may_connect(peer.stack, source));
		counted += source != NULL ? 1 : 0;
		CU_ASSERT(source == NULL || source->connections == 1);
	}
	CU_ASSERT_EQUAL(counted, (peer.stack->sources.mask + 1) * SOURCE_BUCKET_ENTRIES);
	peer_destroy(&peer);
}

static void test_off(void)
{
	struct in6_addr v4 = address("::ffff:192.0.2.0", 0, 7);

	begin(0, 0, 0);
	CU_ASSERT_EQUAL(source_table_size(0), 0);
	source_opened(peer.stack, &v4);
	CU_ASSERT_PTR_NULL(source_get(peer.stack, &v4));
	peer_destroy(&peer);
}

CU_TestInfo source_tests[] = {{"connections", test_connections},
			      {"in TIME_WAIT", test_time_wait},
			      {"race", test_race},
			      {"half-open", test_half_open},
			      {"rate", test_rate},
			      {"who is one", test_who_is_one},
			      {"full", test_full},
			      {"off", test_off},
			      CU_TEST_INFO_NULL};
