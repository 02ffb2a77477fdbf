/* What the port does for us, and what it says that it did. */
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <string.h>

#include "checksum.h"
#include "peer.h"
#include "stack.h"
#include "suites.h"

#define MSS       1460
#define CHECKSUMS (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM)
#define ALL       (CHECKSUMS | RTE_MBUF_F_TX_TCP_SEG)

static struct peer peer;

static void establish(uint64_t offload_tx)
{
	struct tcp_options syn;
	struct rte_mbuf *packet;

	peer_init(&peer);
	peer.config.offload_tx = offload_tx;
	peer.config.tso_pieces = 32;
	peer_create(&peer);
	syn = peer_syn_options(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_EQUAL_FATAL(tcp_output(peer.stack, &packet, 1, peer.now_us), 1);
	peer.our_iss = rte_be_to_cpu_32(
		rte_pktmbuf_mtod_offset(packet, const struct rte_tcp_hdr *, 20)->sent_seq);
	rte_pktmbuf_free(packet);
	peer_send(&peer, TCP_ACK, 1, 1, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer.conn);
}

static struct rte_mbuf *take(void)
{
	struct rte_mbuf *packet = NULL;

	CU_ASSERT_EQUAL_FATAL(tcp_output(peer.stack, &packet, 1, peer.now_us), 1);
	return packet;
}

static void finish(void)
{
	struct rte_mbuf *packet;

	while (tcp_output(peer.stack, &packet, 1, peer.now_us) == 1) {
		rte_pktmbuf_free(packet);
	}
	tcp_stack_destroy(peer.stack);
	CU_ASSERT_EQUAL(wire_in_use(), 0);
}

static const struct rte_tcp_hdr *tcp_of(const struct rte_mbuf *packet)
{
	return rte_pktmbuf_mtod_offset(packet, const struct rte_tcp_hdr *, 20);
}

static uint32_t payload_of(const struct rte_mbuf *packet)
{
	return packet->pkt_len - packet->l3_len - packet->l4_len;
}

/* Each combination: what the port does not do is there, what it does is asked for. */
static void test_checksums(void)
{
	static const uint64_t cases[] = {0, RTE_MBUF_F_TX_IP_CKSUM, RTE_MBUF_F_TX_TCP_CKSUM,
					 CHECKSUMS};

	for (unsigned int i = 0; i < 4; i++) {
		establish(cases[i]);
		CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
		struct rte_mbuf *packet = take();
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *);
		uint64_t asked =
			packet->ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK);

		CU_ASSERT_EQUAL(asked, cases[i]);
		CU_ASSERT_EQUAL(rte_raw_cksum(ip, 20) == 0xffff,
				!(cases[i] & RTE_MBUF_F_TX_IP_CKSUM));
		if (cases[i] & RTE_MBUF_F_TX_TCP_CKSUM) {
			CU_ASSERT_EQUAL(tcp_of(packet)->cksum, rte_ipv4_phdr_cksum(ip, 0));
		} else {
			CU_ASSERT_EQUAL(checksum_sum(packet, 20, false), 0xffff);
		}
		rte_pktmbuf_free(packet);
		finish();
	}
}

/* One packet for the port to cut; its pseudo header is without the length. */
static void test_large(void)
{
	uint32_t len = 5 * MSS + 100;

	establish(ALL);
	CU_ASSERT_EQUAL(peer_write(&peer, len), 0);
	struct rte_mbuf *packet = take();
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *);
	CU_ASSERT_EQUAL(payload_of(packet), len);
	CU_ASSERT_EQUAL(packet->tso_segsz, MSS);
	CU_ASSERT_EQUAL(packet->l3_len, 20);
	CU_ASSERT_EQUAL(packet->l4_len, 20);
	CU_ASSERT_EQUAL(packet->ol_flags & (ALL | RTE_MBUF_F_TX_IPV4), ALL | RTE_MBUF_F_TX_IPV4);
	CU_ASSERT_EQUAL(rte_be_to_cpu_16(ip->total_length), packet->pkt_len);
	CU_ASSERT_EQUAL(tcp_of(packet)->cksum, rte_ipv4_phdr_cksum(ip, RTE_MBUF_F_TX_TCP_SEG));
	CU_ASSERT_EQUAL(tcp_of(packet)->tcp_flags, TCP_ACK | TCP_PSH);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_large), 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_tx_segments), 1 + 6);
	CU_ASSERT_EQUAL(peer.conn->snd_max, peer.our_iss + 1 + len);
	uint8_t copy[5 * MSS + 200];
	const uint8_t *data = rte_pktmbuf_read(packet, 40, len, copy);
	for (uint32_t i = 0; i < len; i += 97) {
		CU_ASSERT_EQUAL(data[i], (uint8_t)i);
	}
	rte_pktmbuf_free(packet);
	finish();
}

/* virtio fills in the IPv4 checksums of what it cuts, and leaves those of all else to us. */
static void test_large_without_ip_checksum(void)
{
	establish(RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM);
	CU_ASSERT_EQUAL(peer_write(&peer, 3 * MSS), 0);
	struct rte_mbuf *packet = take();
	CU_ASSERT_EQUAL(payload_of(packet), 3 * MSS);
	CU_ASSERT_EQUAL(packet->tso_segsz, MSS);
	CU_ASSERT_EQUAL(packet->ol_flags & RTE_MBUF_F_TX_IP_CKSUM, 0);
	CU_ASSERT_EQUAL(rte_raw_cksum(rte_pktmbuf_mtod(packet, void *), 20), 0xffff);
	rte_pktmbuf_free(packet);
	finish();
}

/* Without one of the offloads that it needs there is none: segments as always. */
static void test_no_large(void)
{
	static const uint64_t cases[] = {0, CHECKSUMS,
					 RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM};

	for (unsigned int i = 0; i < 3; i++) {
		establish(cases[i]);
		CU_ASSERT_EQUAL(peer_write(&peer, 3 * MSS), 0);
		struct rte_mbuf *packet = take();
		CU_ASSERT_EQUAL(payload_of(packet), MSS);
		CU_ASSERT_EQUAL(packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG, 0);
		rte_pktmbuf_free(packet);
		finish();
	}
}

/* Both windows, and the mbufs that the port takes, bound it, in whole segments. */
static void test_bounds(void)
{
	struct tcp_options none = {0};

	establish(ALL);
	CU_ASSERT_EQUAL(peer_write(&peer, 40 * MSS), 0);
	struct rte_mbuf *packet = take();
	CU_ASSERT_EQUAL(payload_of(packet), 10 * MSS); /* the initial window */
	rte_pktmbuf_free(packet);
	CU_ASSERT_EQUAL(tcp_output(peer.stack, &packet, 1, peer.now_us), 0);
	/* The peer takes three and a half segments more. */
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1 + 10 * MSS, (7 * MSS / 2) >> 7,
		      &none, 0);
	packet = take();
	CU_ASSERT_EQUAL(payload_of(packet), 3 * MSS);
	rte_pktmbuf_free(packet);
	finish();
	establish(ALL);
	peer.stack->config.tso_pieces = 5; /* of 1000 bytes each: see peer_write() */
	CU_ASSERT_EQUAL(peer_write(&peer, 9 * MSS), 0);
	packet = take();
	CU_ASSERT_EQUAL(payload_of(packet), 3 * MSS);
	CU_ASSERT(packet->nb_segs <= 1 + 5);
	rte_pktmbuf_free(packet);
	finish();
}

/* FIN and the end of the data ride along; what is sent again is sent in segments. */
static void test_end_and_again(void)
{
	establish(ALL);
	CU_ASSERT_EQUAL(peer_write(&peer, 3 * MSS), 0);
	tcp_close(peer.conn);
	struct rte_mbuf *packet = take();
	CU_ASSERT_EQUAL(payload_of(packet), 3 * MSS);
	CU_ASSERT_EQUAL(tcp_of(packet)->tcp_flags, TCP_ACK | TCP_PSH | TCP_FIN);
	rte_pktmbuf_free(packet);
	while (peer_count(&peer, TCP_COUNTER_retransmit_timeouts) == 0) {
		peer_advance(&peer, 100000);
	}
	while (tcp_output(peer.stack, &packet, 1, peer.now_us) == 1) {
		CU_ASSERT(payload_of(packet) <= MSS);
		CU_ASSERT_EQUAL(packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG, 0);
		rte_pktmbuf_free(packet);
	}
	finish();
}

/* A data segment with these flags and checksums that are wrong; true: it was taken. */
static bool taken(uint64_t flags, bool wrong_ip, bool wrong_tcp)
{
	struct tcp_options opt = {0};
	uint32_t before;

	establish(0);
	struct rte_mbuf *packet =
		peer_build(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 512, &opt, 100);
	rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *)->hdr_checksum ^= wrong_ip;
	rte_pktmbuf_mtod_offset(packet, struct rte_tcp_hdr *, 20)->cksum ^= wrong_tcp;
	packet->ol_flags |= flags;
	before = peer.received;
	peer_input(&peer, &packet, 1);
	before = peer.received - before;
	finish();
	return before == 100;
}

/* GOOD and NONE are believed, BAD is, and without a word we look ourselves. */
static void test_received_checksums(void)
{
	CU_ASSERT(taken(0, false, false));
	CU_ASSERT_FALSE(taken(0, true, false));
	CU_ASSERT_FALSE(taken(0, false, true));
	CU_ASSERT(taken(RTE_MBUF_F_RX_IP_CKSUM_GOOD, true, false));
	CU_ASSERT(taken(RTE_MBUF_F_RX_IP_CKSUM_NONE, true, false));
	CU_ASSERT_FALSE(taken(RTE_MBUF_F_RX_IP_CKSUM_BAD, false, false));
	CU_ASSERT(taken(RTE_MBUF_F_RX_L4_CKSUM_GOOD, false, true));
	CU_ASSERT(taken(RTE_MBUF_F_RX_L4_CKSUM_NONE, false, true));
	CU_ASSERT_FALSE(taken(RTE_MBUF_F_RX_L4_CKSUM_BAD, false, false));
	CU_ASSERT_FALSE(taken(RTE_MBUF_F_RX_IP_CKSUM_GOOD, false, true));
	CU_ASSERT_FALSE(taken(RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, false));
}

/* `segments` of `size` in one packet, an mbuf each, as a port that merges them hands it over. */
static struct rte_mbuf *merged(uint32_t seq, uint32_t segments, uint32_t size, uint16_t told)
{
	struct tcp_options opt = {0};
	struct rte_mbuf *head =
		peer_build(&peer, TCP_ACK, PEER_ISS + seq, peer.our_iss + 1, 512, &opt, size);

	for (uint32_t i = 1; i < segments; i++) {
		struct rte_mbuf *more = peer_build(&peer, TCP_ACK, PEER_ISS + seq + i * size,
						   peer.our_iss + 1, 512, &opt, size);

		(void)rte_pktmbuf_adj(more, 40);
		CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_chain(head, more), 0);
	}
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(head, struct rte_ipv4_hdr *);
	ip->total_length = rte_cpu_to_be_16((uint16_t)head->pkt_len);
	head->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (told != 0) {
		head->ol_flags |= RTE_MBUF_F_RX_LRO;
		head->tso_segsz = told;
	}
	return head;
}

/* Merged segments count as what they were: for the peer's segment size, and for our ACKs. */
static void merged_by_port(uint32_t size, uint16_t told, uint16_t rcv_mss)
{
	struct rte_mbuf *packet;
	uint32_t at = 1;

	establish(0);
	for (uint32_t i = 0; i < 20; i++, at += 4 * size) { /* past the quick ACKs */
		packet = merged(at, 4, size, told);
		peer_input(&peer, &packet, 1);
		CU_ASSERT(peer_drain(&peer) >= 1);
	}
	CU_ASSERT_EQUAL(peer.received, 20 * 4 * size);
	CU_ASSERT_EQUAL(peer.conn->rcv_mss, rcv_mss);
	/* Two full-sized segments are acknowledged at once, one is not. */
	packet = merged(at, 2, size, told);
	peer_input(&peer, &packet, 1);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	packet = merged(at + 2 * size, 1, size, told);
	peer_input(&peer, &packet, 1);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

static void test_merged_by_port(void)
{
	merged_by_port(700, 700, 700);
	merged_by_port(MSS, 0, MSS);
}

CU_TestInfo offload_tests[] = {{"checksums", test_checksums},
			       {"large packets", test_large},
			       {"without IP checksum", test_large_without_ip_checksum},
			       {"no large packets", test_no_large},
			       {"bounds", test_bounds},
			       {"the end, and again", test_end_and_again},
			       {"received checksums", test_received_checksums},
			       {"merged by the port", test_merged_by_port},
			       CU_TEST_INFO_NULL};
