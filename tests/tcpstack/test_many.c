/*
 * Many idle connections: what each costs, that keepalive holds all of them, and that one among them
 * still works. The form with a hundred thousand over a port is bench/memory --connections.
 */
#include <rte_mbuf.h>
#include <rte_memzone.h>

#include "conn.h"
#include "peer.h"
#include "stack.h"
#include "suites.h"

#define CONNECTIONS 20000U
#define BYTES_EACH  1200U /* of all tables, TIME-WAIT, half-open and side records included */

static struct peer peer;
static uint32_t our_iss[CONNECTIONS];
static uint32_t probes;

static void open_one(uint32_t index)
{
	struct tcp_options syn = peer_syn_options(&peer);
	struct seen seen;

	peer.port = (uint16_t)(10000 + index);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	our_iss[index] = seen.seq;
	peer.our_iss = seen.seq;
	peer_send(&peer, TCP_ACK, 1, 1, 0);
}

static void start(void)
{
	peer_init(&peer);
	peer.config.connections = CONNECTIONS;
	peer.config.syn_received = CONNECTIONS;
	peer.config.time_wait = CONNECTIONS;
	peer.config.side_records = CONNECTIONS / 4;
	peer.config.keepalive_s = 60;
	peer_create(&peer);
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		open_one(i);
	}
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), CONNECTIONS);
}

/* Answers the probes that are due, as each client would. */
static void answer_probes(void)
{
	struct rte_mbuf *packets[64];
	uint16_t count;

	while ((count = tcp_output(peer.stack, packets, 64, peer.now_us)) > 0) {
		for (uint16_t i = 0; i < count; i++) {
			uint8_t copy[4096];
			struct wire_segment segment;
			uint32_t len;

			(void)wire_read(packets[i], &segment, &len, copy);
			rte_pktmbuf_free(packets[i]);
			peer.port = segment.port;
			peer.our_iss = our_iss[segment.port - 10000U];
			probes++;
			peer_send(&peer, TCP_ACK, 1, 1, 0);
		}
	}
}

static void test_idle(void)
{
	probes = 0;
	start();
	CU_ASSERT(peer.stack->zone->len / CONNECTIONS <= BYTES_EACH);
	for (uint32_t s = 0; s < 150; s++) {
		for (uint32_t i = 0; i < 10; i++) {
			peer.now_us += 100000;
			while (tcp_timers(peer.stack, peer.now_us, 64) == 64) {
				answer_probes();
			}
			answer_probes();
		}
	}
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), CONNECTIONS);
	CU_ASSERT_EQUAL(probes, 2 * CONNECTIONS);
	peer.port = 10000 + 12345;
	peer.our_iss = our_iss[12345];
	peer_send(&peer, TCP_ACK, 1, 1, 1000);
	CU_ASSERT_EQUAL(peer.received, 1000);
	tcp_abort_all(peer.stack);
	CU_ASSERT_EQUAL(tcp_connection_count(peer.stack), 0);
	peer_destroy(&peer);
}

CU_TestInfo many_tests[] = {{"20,000 idle connections", test_idle}, CU_TEST_INFO_NULL};
