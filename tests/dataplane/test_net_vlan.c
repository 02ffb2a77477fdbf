/*
 * VLAN tags: taken off and put on, in software and by the port.
 */
#include "test_net.h"

#include <rte_arp.h>

#define VLAN 100

static void open_net(uint16_t vlan, bool port_inserts_tag)
{
	struct config_prefix address = {.length = 96 + 24};
	const struct config_port config = {
		.addresses = &address, .addresses_count = 1, .vlan = vlan};

	address.addr = addr("198.18.0.2");
	start_net(&config);
	iface.port_inserts_tag = port_inserts_tag;
}

/* A question for our address. */
static struct rte_mbuf *request(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	struct rte_ether_hdr *ether =
		(void *)rte_pktmbuf_append(m, sizeof(*ether) + sizeof(struct rte_arp_hdr));
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(ether + 1);

	*ether = (struct rte_ether_hdr){.dst_addr = our_mac,
					.src_addr = peer_mac,
					.ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP)};
	*arp = (struct rte_arp_hdr){.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
				    .arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
				    .arp_hlen = 6,
				    .arp_plen = 4,
				    .arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
				    .arp_data.arp_sha = peer_mac};
	(void)inet_pton(AF_INET, "198.18.0.1", &arp->arp_data.arp_sip);
	(void)inet_pton(AF_INET, "198.18.0.2", &arp->arp_data.arp_tip);
	return m;
}

static struct rte_mbuf *tagged(uint16_t type, uint16_t tci)
{
	struct rte_mbuf *m = request();
	uint8_t *data;

	(void)rte_pktmbuf_prepend(m, 4);
	data = rte_pktmbuf_mtod(m, uint8_t *);
	memmove(data, data + 4, 12);
	type = htons(type);
	tci = htons(tci);
	memcpy(data + 12, &type, 2);
	memcpy(data + 14, &tci, 2);
	return m;
}

/* As a port gives it that has taken the tag off. */
static struct rte_mbuf *stripped(uint16_t tci)
{
	struct rte_mbuf *m = request();

	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = tci;
	return m;
}

/* What a worker does with a frame; true when it was answered, which is in net.frames[0]. */
static bool answered(struct rte_mbuf *m)
{
	uint32_t before = net.frames_count;

	if (iface.vlan != 0 && net_untag(&net, &m, 1) == 0) {
		return false;
	}
	if (net_input(&net, m) != NET_DONE) {
		rte_pktmbuf_free(m);
	}
	return net.frames_count > before;
}

static void tags_come_off_and_go_on(void)
{
	open_net(VLAN, false);
	CU_ASSERT_FATAL(answered(tagged(RTE_ETHER_TYPE_VLAN, VLAN)));
	const struct rte_mbuf *m = net.frames[0];
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	CU_ASSERT_EQUAL(m->pkt_len, 18 + sizeof(struct rte_arp_hdr));
	CU_ASSERT_EQUAL(m->l2_len, 18);
	CU_ASSERT_EQUAL(m->ol_flags & RTE_MBUF_F_TX_VLAN, 0);
	CU_ASSERT_EQUAL(memcmp(data, &peer_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(data + 6, &our_mac, 6), 0);
	CU_ASSERT_EQUAL(memcmp(data + 12, "\x81\x00\x00\x64\x08\x06", 6), 0);
	/* Priority and DEI are not part of the name. */
	CU_ASSERT(answered(tagged(RTE_ETHER_TYPE_VLAN, 0xf000 | VLAN)));
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 0);
	close_net();
}

static void ports_may_do_both(void)
{
	open_net(VLAN, true);
	CU_ASSERT_FATAL(answered(stripped(0x6000 | VLAN)));
	const struct rte_mbuf *m = net.frames[0];
	CU_ASSERT_EQUAL(m->pkt_len, 14 + sizeof(struct rte_arp_hdr));
	CU_ASSERT_EQUAL(m->l2_len, 14);
	CU_ASSERT_EQUAL(m->vlan_tci, VLAN);
	CU_ASSERT((m->ol_flags & RTE_MBUF_F_TX_VLAN) != 0);
	CU_ASSERT_FALSE(answered(stripped(VLAN + 1)));
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 1);
	close_net();
}

static void other_tags_are_dropped(void)
{
	open_net(VLAN, false);
	CU_ASSERT_FALSE(answered(tagged(RTE_ETHER_TYPE_VLAN, VLAN + 1)));
	CU_ASSERT_FALSE(answered(tagged(RTE_ETHER_TYPE_VLAN, 0)));
	CU_ASSERT_FALSE(answered(tagged(RTE_ETHER_TYPE_QINQ, VLAN)));
	CU_ASSERT_FALSE(answered(request()));
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 4);
	/* A tag behind ours. */
	struct rte_mbuf *m = tagged(RTE_ETHER_TYPE_VLAN, VLAN);
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 16), "\x81\x00", 2);
	CU_ASSERT_FALSE(answered(m));
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 5);
	close_net();
}

static void without_a_vlan_tags_are_dropped(void)
{
	open_net(0, false);
	CU_ASSERT(answered(request()));
	CU_ASSERT_EQUAL(net.frames[0]->l2_len, 14);
	CU_ASSERT_FALSE(answered(tagged(RTE_ETHER_TYPE_VLAN, VLAN)));
	CU_ASSERT_FALSE(answered(tagged(RTE_ETHER_TYPE_QINQ, VLAN)));
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 2);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_ethertype), 0);
	/* A priority is no VLAN. */
	CU_ASSERT(answered(tagged(RTE_ETHER_TYPE_VLAN, 0xe000)));
	close_net();
}

static void short_frames_are_dropped(void)
{
	open_net(VLAN, false);
	for (uint16_t length = 1; length < 18; length++) {
		struct rte_mbuf *m = tagged(RTE_ETHER_TYPE_VLAN, VLAN);

		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - length));
		CU_ASSERT_FALSE(answered(m));
	}
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 17);
	close_net();
}

static void a_burst_is_filtered(void)
{
	struct rte_mbuf *frames[4] = {tagged(RTE_ETHER_TYPE_VLAN, VLAN),
				      tagged(RTE_ETHER_TYPE_VLAN, 7), request(),
				      tagged(RTE_ETHER_TYPE_VLAN, VLAN)};
	struct rte_mbuf *last = frames[3];

	open_net(VLAN, false);
	CU_ASSERT_EQUAL(net_untag(&net, frames, 4), 2);
	CU_ASSERT_PTR_EQUAL(frames[1], last);
	CU_ASSERT_EQUAL(counted(DP_COUNTER_drop_vlan), 2);
	rte_pktmbuf_free_bulk(frames, 2);
	close_net();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"tags come off and go on", tags_come_off_and_go_on},
		{"ports may do both", ports_may_do_both},
		{"other tags are dropped", other_tags_are_dropped},
		{"without a VLAN tags are dropped", without_a_vlan_tags_are_dropped},
		{"short frames are dropped", short_frames_are_dropped},
		{"a burst is filtered", a_burst_is_filtered},
		{NULL, NULL},
	};

	return run_net("net_vlan", tests, 255);
}
