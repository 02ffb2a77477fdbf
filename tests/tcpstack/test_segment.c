#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "peer.h"
#include "suites.h"

static struct peer peer;

static void start(void)
{
	peer_init(&peer);
	peer_create(&peer);
}

static struct rte_mbuf *good_syn(void)
{
	struct tcp_options opt = peer_syn_options(&peer);

	return peer_build(&peer, TCP_SYN, PEER_ISS, 0, 65535, &opt, 0);
}

/* Sends a good SYN after `change` spoilt it; the counter tells that it was dropped for that. */
static void spoilt(void (*change)(struct rte_mbuf *packet), enum tcp_counter counter)
{
	struct rte_mbuf *packet = good_syn();
	uint64_t before = peer_count(&peer, counter);

	change(packet);
	peer_input(&peer, &packet, 1);
	CU_ASSERT_EQUAL(peer_count(&peer, counter), before + 1);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
}

static uint8_t *byte(struct rte_mbuf *packet, uint32_t at)
{
	return rte_pktmbuf_mtod_offset(packet, uint8_t *, at);
}

static void fix_ip(struct rte_mbuf *packet)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void bad_ip_sum(struct rte_mbuf *packet)
{
	*byte(packet, 8) ^= 1;
}

static void bad_tcp_sum(struct rte_mbuf *packet)
{
	*byte(packet, 33) ^= 1;
}

static void fragment(struct rte_mbuf *packet)
{
	*byte(packet, 6) = 0x20;
	fix_ip(packet);
}

static void from_multicast(struct rte_mbuf *packet)
{
	*byte(packet, 12) = 224;
	fix_ip(packet);
}

/* Our own address as the sender's: the answer would be sent to ourselves. */
static void from_ourselves(struct rte_mbuf *packet)
{
	packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	*byte(packet, 15) = 1;
	fix_ip(packet);
}

static void from_port_0(struct rte_mbuf *packet)
{
	packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	*byte(packet, 20) = 0;
	*byte(packet, 21) = 0;
}

static void to_another(struct rte_mbuf *packet)
{
	packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	*byte(packet, 19) = 77;
	fix_ip(packet);
}

static void bad_option(struct rte_mbuf *packet)
{
	packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	*byte(packet, 41) = 0;
}

static void long_ip(struct rte_mbuf *packet)
{
	*byte(packet, 3) = (uint8_t)(*byte(packet, 3) + 1);
	fix_ip(packet);
}

static void long_header(struct rte_mbuf *packet)
{
	packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	*byte(packet, 32) = 0xf0;
}

static void short_header(struct rte_mbuf *packet)
{
	packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	*byte(packet, 32) = 0x40;
}

static void test_drops(void)
{
	start();
	spoilt(bad_ip_sum, TCP_COUNTER_drop_ip_checksum);
	spoilt(bad_tcp_sum, TCP_COUNTER_drop_tcp_checksum);
	spoilt(fragment, TCP_COUNTER_drop_fragment);
	spoilt(from_multicast, TCP_COUNTER_drop_bad_source);
	spoilt(from_ourselves, TCP_COUNTER_drop_bad_source);
	spoilt(from_port_0, TCP_COUNTER_drop_bad_source);
	spoilt(to_another, TCP_COUNTER_drop_not_ours);
	spoilt(bad_option, TCP_COUNTER_drop_bad_options);
	spoilt(long_ip, TCP_COUNTER_drop_short);
	spoilt(long_header, TCP_COUNTER_drop_short);
	spoilt(short_header, TCP_COUNTER_drop_short);
	peer_destroy(&peer);
}

/* Checksums that the port vouches for are not looked at. */
static void test_offloaded_checksum(void)
{
	struct rte_mbuf *packet;

	start();
	packet = good_syn();
	*byte(packet, 36) ^= 0xff;
	packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	peer_input(&peer, &packet, 1);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_destroy(&peer);
}

static void test_every_truncation(void)
{
	start();
	for (uint16_t cut = 1; cut <= 52; cut++) {
		struct rte_mbuf *packet = good_syn();

		CU_ASSERT_EQUAL(rte_pktmbuf_trim(packet, cut), 0);
		peer_input(&peer, &packet, 1);
	}
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_short),
			peer_count(&peer, TCP_COUNTER_rx_segments));
	peer_destroy(&peer);
}

/* Random changes to random segments: nothing crashes, nothing leaks (run it under ASan). */
static void test_mutations(void)
{
	uint64_t random = 42;
	struct tcp_options syn;

	peer_init(&peer);
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	for (int i = 0; i < 20000; i++) {
		struct tcp_options opt = peer_syn_options(&peer);
		uint8_t flags;
		struct rte_mbuf *packet;

		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		flags = (uint8_t)(random >> 58);
		packet = peer_build(&peer, flags, PEER_ISS + 1 + (uint32_t)(random >> 50) % 3000,
				    peer.our_iss + 1, 512, &opt, (uint32_t)(random >> 40) % 1000);
		packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
		*byte(packet, (uint32_t)(random >> 33) % 60) ^= (uint8_t)(random >> 20);
		peer_input(&peer, &packet, 1);
		(void)peer_drain(&peer);
		peer_advance(&peer, 10000);
	}
	peer_destroy(&peer);
}

CU_TestInfo segment_tests[] = {{"each reason to drop", test_drops},
			       {"offloaded checksum", test_offloaded_checksum},
			       {"every truncation", test_every_truncation},
			       {"random mutations", test_mutations},
			       CU_TEST_INFO_NULL};
