/* What the owner hands over: the budget, chains longer than it, and that the bytes go out. */
#include <errno.h>

#include <rte_mbuf.h>

#include "conn.h"
#include "sending.h"
#include "suites.h"

static struct peer peer;

static void test_payload(void)
{
	struct seen seen;
	uint32_t at = 0;

	sending_establish(&peer, true);
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

/* tcp_send() refuses beyond the budget; writable() follows when half is free. */
static void test_writable(void)
{
	sending_establish(&peer, true);
	CU_ASSERT_EQUAL(peer_write(&peer, 60000), 0);
	CU_ASSERT(peer_write(&peer, 10000) < 0);
	CU_ASSERT_EQUAL(tcp_send_space(peer.conn), 65536 - 60000);
	for (uint32_t ack = 1; peer.writable == 0 && ack < 60000; ack += SENDING_MSS) {
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

	sending_establish(&peer, true);
	CU_ASSERT_EQUAL(peer_write(&peer, 40000), 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 100000), -EAGAIN);
	while (peer.writable == 0 && ack < 40000) {
		(void)peer_drain(&peer);
		ack += SENDING_MSS;
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

	sending_establish(&peer, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mbuf);
	mbuf->pkt_len = TCP_CHAIN_MAX + 1;
	CU_ASSERT_EQUAL(tcp_send(peer.conn, mbuf), -EMSGSIZE);
	rte_pktmbuf_free(mbuf);
	peer_destroy(&peer);
}

CU_TestInfo send_tests[] = {
	{"payload", test_payload},
	{"writable", test_writable},
	{"a chain beyond the budget", test_long_chain},
	{"a chain without end", test_endless_chain},
	CU_TEST_INFO_NULL,
};
