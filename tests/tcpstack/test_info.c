/* What tcp_conn_info() says, beside what was made to happen. */
#include "conn.h"
#include "peer.h"
#include "suites.h"

static struct peer peer;
static struct tcp_info info;

static void establish(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.ts = 1000;
	peer.config.keepalive_s = 100;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
}

static void look(void)
{
	tcp_conn_info(peer.conn, &info);
}

static void test_fresh(void)
{
	establish();
	look();
	CU_ASSERT_EQUAL(info.state, TCP_ESTABLISHED_STATE);
	CU_ASSERT_EQUAL(info.flags, TCP_INFO_TIMESTAMPS | TCP_INFO_SACK | TCP_INFO_WSCALE);
	CU_ASSERT_EQUAL(info.remote.port, PEER_PORT);
	CU_ASSERT_EQUAL(info.local.port, WIRE_LISTEN);
	CU_ASSERT_EQUAL(info.snd_wscale, 7);
	CU_ASSERT_EQUAL(info.mss, PEER_MSS - 12);
	CU_ASSERT_EQUAL(info.path_mtu, 1500);
	CU_ASSERT_EQUAL(info.rcv_nxt, PEER_ISS + 1);
	CU_ASSERT_EQUAL(info.snd_una, peer.our_iss + 1);
	CU_ASSERT_EQUAL(info.snd_nxt, peer.our_iss + 1);
	CU_ASSERT_EQUAL(info.in_flight, 0);
	CU_ASSERT_EQUAL(info.ooo_segments + info.rx_out_of_order + info.rx_duplicates, 0);
	CU_ASSERT_EQUAL(info.retransmit_in_us, 0);
	CU_ASSERT_EQUAL(info.life_in_us, 100000000);
	CU_ASSERT_EQUAL(info.age_ms, 0);
	CU_ASSERT(info.rcv_wnd > 0 && info.rcv_wnd <= info.rcv_wnd_limit);
	CU_ASSERT(info.congestion[0] != '\0');
	peer_advance(&peer, 5000000);
	look();
	CU_ASSERT_EQUAL(info.age_ms, 5000);
	CU_ASSERT_EQUAL(info.idle_rx_ms, 5000);
	CU_ASSERT_EQUAL(info.life_in_us, 95000000);
	peer_destroy(&peer);
}

static void test_receiving(void)
{
	establish();
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	peer_send(&peer, TCP_ACK, 201, 1, 50);
	peer_send(&peer, TCP_ACK, 301, 1, 50);
	look();
	CU_ASSERT_EQUAL(info.rx_bytes, 100);
	CU_ASSERT_EQUAL(info.rcv_nxt, PEER_ISS + 101);
	CU_ASSERT_EQUAL(info.ooo_segments, 2);
	CU_ASSERT_EQUAL(info.ooo_ranges, 2);
	CU_ASSERT_EQUAL(info.rx_out_of_order, 2);
	CU_ASSERT_EQUAL(info.pinned, 2 * WIRE_TRUESIZE);
	tcp_hold(peer.conn, 1000);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	peer_send(&peer, TCP_ACK, 101, 1, 100);
	peer_send(&peer, TCP_ACK, 251, 1, 50);
	look();
	CU_ASSERT_EQUAL(info.rx_duplicates, 1);
	CU_ASSERT_EQUAL(info.ooo_segments, 0);
	CU_ASSERT_EQUAL(info.rx_out_of_order, 2);
	CU_ASSERT_EQUAL(info.held, 1000);
	CU_ASSERT_EQUAL(info.pinned, 1000);
	CU_ASSERT_EQUAL(info.rx_bytes, 350);
	peer_destroy(&peer);
}

static void test_sending(void)
{
	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 500), 0);
	(void)peer_drain(&peer);
	look();
	CU_ASSERT_EQUAL(info.send_queue, 500);
	CU_ASSERT_EQUAL(info.in_flight, 500);
	CU_ASSERT_EQUAL(info.tx_bytes, 500);
	CU_ASSERT(info.retransmit_in_us > 0 && info.retransmit_in_us <= info.rto_us);
	peer_advance(&peer, 3000000);
	(void)peer_drain(&peer);
	look();
	CU_ASSERT(info.timeouts > 0);
	CU_ASSERT(info.retransmits > 0);
	CU_ASSERT(info.backoff > 0);
	peer_send(&peer, TCP_ACK, 1, 501, 0);
	look();
	CU_ASSERT_EQUAL(info.in_flight, 0);
	CU_ASSERT_EQUAL(info.send_queue, 0);
	CU_ASSERT_EQUAL(info.snd_una, peer.our_iss + 501);
	peer_destroy(&peer);
}

static void test_round_trip(void)
{
	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 500), 0);
	(void)peer_drain(&peer);
	peer_advance(&peer, 50000);
	peer_send(&peer, TCP_ACK, 1, 501, 0);
	look();
	CU_ASSERT_EQUAL(info.rtt_min_us, 50000);
	CU_ASSERT(info.rtt_us > 0 && info.rtt_us <= 50000);
	CU_ASSERT(info.rto_us >= info.rtt_us);
	peer_destroy(&peer);
}

/* RFC 2883: what the peer says it got twice. */
static void test_dsack(void)
{
	struct tcp_options opt = {.flags = TCP_OPT_TIMESTAMPS, .tsval = 2000, .sack_count = 1};

	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 500), 0);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 1, 501, 0);
	opt.sack[0] = (struct tcp_sack_block){peer.our_iss + 1, peer.our_iss + 501};
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 501, 1000, &opt, 0);
	look();
	CU_ASSERT_EQUAL(info.rx_dsacks, 1);
	peer_destroy(&peer);
}

/* Each connection has an id of its own, also in the place of one that is gone. */
static void test_slots(void)
{
	uint32_t found = 0;
	uint32_t first;

	establish();
	look();
	first = info.id;
	CU_ASSERT(first != 0);
	CU_ASSERT_PTR_EQUAL(tcp_at(peer.stack, info.slot), peer.conn);
	for (uint32_t i = 0; i < tcp_slots(peer.stack); i++) {
		found += tcp_at(peer.stack, i) != NULL;
	}
	CU_ASSERT_EQUAL(found, 1);
	peer_send(&peer, TCP_RST, 1, 0, 0);
	CU_ASSERT_PTR_NULL(tcp_at(peer.stack, info.slot));
	CU_ASSERT_EQUAL(tcp_half_open_count(peer.stack), 0);
	CU_ASSERT_EQUAL(tcp_time_wait_count(peer.stack), 0);
	struct tcp_options syn = peer_syn_options(&peer);
	peer_handshake(&peer, &syn);
	look();
	CU_ASSERT_NOT_EQUAL(info.id, first);
	peer_destroy(&peer);
}

/* Before and after it is a connection it is a record, and found as one. */
static void test_records(void)
{
	struct tcp_options syn;
	uint32_t found = 0;

	peer_init(&peer);
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	(void)peer_drain(&peer);
	peer_advance(&peer, 1500000); /* one SYN-ACK again, and half a second */
	(void)peer_drain(&peer);
	for (uint32_t i = 0; i < tcp_records(peer.stack); i++) {
		if (!tcp_record_info(peer.stack, i, &info)) {
			continue;
		}
		found++;
		CU_ASSERT_EQUAL(info.id, 0);
		CU_ASSERT_EQUAL(info.state, TCP_SYN_RECEIVED_STATE);
		CU_ASSERT_EQUAL(info.remote.port, PEER_PORT);
		CU_ASSERT_EQUAL(info.retransmits, 1);
		CU_ASSERT_EQUAL(info.age_ms, 1500);
		CU_ASSERT_EQUAL(info.retransmit_in_us, 1500000);
	}
	CU_ASSERT_EQUAL(found, 1);
	peer_destroy(&peer);
}

static void test_time_wait(void)
{
	uint32_t found = 0;

	establish();
	tcp_close(peer.conn);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK | TCP_FIN, 1, 2, 0);
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL_FATAL(tcp_time_wait_count(peer.stack), 1);
	peer_advance(&peer, 2000000);
	for (uint32_t i = 0; i < tcp_records(peer.stack); i++) {
		if (!tcp_record_info(peer.stack, i, &info)) {
			continue;
		}
		found++;
		CU_ASSERT_EQUAL(info.state, TCP_TIME_WAIT_STATE);
		CU_ASSERT_EQUAL(info.remote.port, PEER_PORT);
		CU_ASSERT_EQUAL(info.age_ms, 2000);
		CU_ASSERT_EQUAL(info.life_in_us, peer.config.time_wait_ms * 1000u - 2000000u);
	}
	CU_ASSERT_EQUAL(found, 1);
	peer_advance(&peer, 60000000);
	CU_ASSERT_EQUAL(tcp_time_wait_count(peer.stack), 0);
	for (uint32_t i = 0; i < tcp_records(peer.stack); i++) {
		CU_ASSERT_FALSE(tcp_record_info(peer.stack, i, &info));
	}
	peer_destroy(&peer);
}

CU_TestInfo info_tests[] = {
	{"a fresh connection", test_fresh},
	{"receiving", test_receiving},
	{"sending and a timeout", test_sending},
	{"round-trip time", test_round_trip},
	{"D-SACKs", test_dsack},
	{"slots and ids", test_slots},
	{"half-open", test_records},
	{"TIME_WAIT", test_time_wait},
	CU_TEST_INFO_NULL,
};
