#include <errno.h>

#include <rte_mbuf.h>

#include "conn.h"
#include "peer.h"
#include "suites.h"
#include "syn.h"
#include "time_wait.h"

static struct peer peer;

static void test_sizes(void)
{
	CU_ASSERT(sizeof(struct tcp_conn) <= 512);
	CU_ASSERT(sizeof(struct tcp_syn_record) <= 64);
	CU_ASSERT(sizeof(struct tcp_time_wait_record) <= 64);
}

static void test_bad_configurations(void)
{
	peer_init(&peer);
	peer.config.mtu = 100;
	CU_ASSERT_PTR_NULL(tcp_stack_create(&peer.config));
	CU_ASSERT_EQUAL(errno, EINVAL);
	peer_init(&peer);
	peer.config.receive_budget = WIRE_TRUESIZE;
	CU_ASSERT_PTR_NULL(tcp_stack_create(&peer.config));
	peer_init(&peer);
	peer.config.connections = 200000000; /* more memory than there is */
	CU_ASSERT_PTR_NULL(tcp_stack_create(&peer.config));
	CU_ASSERT_EQUAL(errno, ENOMEM);
}

static void test_listen_errors(void)
{
	peer_init(&peer);
	peer_create(&peer);
	CU_ASSERT_EQUAL(tcp_listen(peer.stack, WIRE_LISTEN), -EEXIST);
	for (uint16_t port = 1; port < 16; port++) {
		CU_ASSERT_EQUAL(tcp_listen(peer.stack, port), 0);
	}
	CU_ASSERT_EQUAL(tcp_listen(peer.stack, 99), -ENOSPC);
	peer_destroy(&peer);
}

/* An empty header pool loses nothing: what was due goes out when there are mbufs again. */
static void test_no_mbufs(void)
{
	struct rte_mbuf *taken[1023];
	struct tcp_options syn;
	unsigned int count = 0;

	peer_init(&peer);
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	CU_ASSERT_EQUAL(peer_write(&peer, 3000), 0);
	while (count < 1023 &&
	       (taken[count] = rte_pktmbuf_alloc(peer.config.header_pool)) != NULL) {
		count++;
	}
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_drop_no_mbuf) > 0);
	while (count > 0) {
		rte_pktmbuf_free(taken[--count]);
	}
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 101, 1460));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1461, 101, 1460));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2921, 101, 80));
	peer_destroy(&peer);
}

/* Checksums are left to a port that says it does them. */
static void test_offload(void)
{
	struct tcp_options syn;
	struct rte_mbuf *packet;

	peer_init(&peer);
	peer.config.offload_tx = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_EQUAL_FATAL(tcp_output(peer.stack, &packet, 1, peer.now_us), 1);
	CU_ASSERT((packet->ol_flags & RTE_MBUF_F_TX_IPV4) != 0);
	CU_ASSERT((packet->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0);
	CU_ASSERT((packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0);
	rte_pktmbuf_free(packet);
	peer_destroy(&peer);
}

/* A stack that is destroyed with live connections leaves no mbuf behind. */
static void test_destroy_alive(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	CU_ASSERT_EQUAL(peer_write(&peer, 3000), 0);
	peer_send(&peer, TCP_ACK, 101, 1, 100);
	peer_destroy(&peer);
}

CU_TestInfo stack_tests[] = {{"sizes", test_sizes},
			     {"bad configurations", test_bad_configurations},
			     {"listen errors", test_listen_errors},
			     {"no mbufs", test_no_mbufs},
			     {"offload", test_offload},
			     {"destroyed alive", test_destroy_alive},
			     CU_TEST_INFO_NULL};
