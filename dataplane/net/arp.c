#include "dataplane/net/arp.h"

#include <rte_arp.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"

static const struct rte_ether_addr broadcast = {
	.addr_bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
};

/* NULL unless it is a request or reply of Ethernet and IPv4 that carries a possible sender. */
static const struct rte_arp_hdr *parse(const struct net *net, const struct rte_mbuf *frame)
{
	if (frame->data_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_arp_hdr)) {
		return NULL;
	}
	const struct rte_arp_hdr *arp =
		rte_pktmbuf_mtod_offset(frame, struct rte_arp_hdr *, RTE_ETHER_HDR_LEN);
	if (arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
	    arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
	    arp->arp_hlen != RTE_ETHER_ADDR_LEN || arp->arp_plen != sizeof(uint32_t)) {
		return NULL;
	}
	struct in6_addr sender = net_addr_from_ipv4(arp->arp_data.arp_sip);
	/* 0.0.0.0 is a probe (RFC 5227 2.1.1): to be answered, nothing to learn. */
	if (arp->arp_data.arp_sip != 0 &&
	    (!net_addr_is_unicast(&sender) || net_iface_is_ours(net->iface, &sender))) {
		return NULL;
	}
	return arp;
}

/*
 * Only those on our link are believed. An entry is made only for who asks for us: everything else
 * (replies, gratuitous announcements) updates what we have, so that nobody can fill the table with
 * addresses that we do not talk to.
 */
static bool learn(struct net *net, const struct rte_arp_hdr *arp, bool for_us)
{
	struct in6_addr sender = net_addr_from_ipv4(arp->arp_data.arp_sip);
	bool request = arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST);

	if (arp->arp_data.arp_sip == 0 || !net_iface_on_link(net->iface, &sender)) {
		return false;
	}
	return net_announced(net, &sender, &arp->arp_data.arp_sha,
			     for_us && request ? NET_LEARN_CREATE : NET_LEARN_CONFIRM);
}

static void fill(const struct net *net, struct rte_arp_hdr *arp, uint16_t opcode, uint32_t source,
		 const struct rte_ether_addr *target_mac, uint32_t target)
{
	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(uint32_t),
		.arp_opcode = opcode,
		.arp_data =
			{
				.arp_sha = net->iface->mac,
				.arp_sip = source,
				.arp_tha = *target_mac,
				.arp_tip = target,
			},
	};
}

static void send_arp(struct net *net, const struct rte_arp_hdr *arp,
		     const struct rte_ether_addr *to)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(net->pool);

	if (frame == NULL) {
		return;
	}
	memcpy(rte_pktmbuf_append(frame, sizeof(*arp)), arp, sizeof(*arp));
	if (net_put_ether(net, frame, to, RTE_ETHER_TYPE_ARP)) {
		net_send_frame(net, frame);
	}
}

static void answer(struct net *net, const struct rte_arp_hdr *request)
{
	struct in6_addr from = net_addr_from_ipv4(request->arp_data.arp_sip);
	const struct rte_ether_addr *mac = &request->arp_data.arp_sha;
	struct rte_arp_hdr reply;

	if (!rte_is_valid_assigned_ether_addr(mac) ||
	    !net_allow(net, net_neighbour_limit(net, &from, mac))) {
		return;
	}
	fill(net, &reply, RTE_BE16(RTE_ARP_OP_REPLY), request->arp_data.arp_tip,
	     &request->arp_data.arp_sha, request->arp_data.arp_sip);
	send_arp(net, &reply, &request->arp_data.arp_sha);
	net_count(net, DP_COUNTER_arp_requests);
}

enum net_verdict net_arp_input(struct net *net, struct rte_mbuf *frame)
{
	const struct rte_arp_hdr *arp = parse(net, frame);

	if (arp == NULL) {
		net_count(net, DP_COUNTER_drop_malformed);
		rte_pktmbuf_free(frame);
		return NET_DONE;
	}
	struct in6_addr target = net_addr_from_ipv4(arp->arp_data.arp_tip);
	bool for_us = net_iface_is_ours(net->iface, &target);
	bool reply = for_us && arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY);
	bool gratuitous = arp->arp_data.arp_tip == arp->arp_data.arp_sip;
	bool news = learn(net, arp, for_us);

	if (for_us && arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST)) {
		answer(net, arp);
	}
	/* A reply may be what another worker asked for, an announcement what only it would miss. */
	if (news || reply || gratuitous) {
		return NET_TEACH;
	}
	rte_pktmbuf_free(frame);
	return NET_DONE;
}

void net_arp_learn(struct net *net, const struct rte_mbuf *frame)
{
	const struct rte_arp_hdr *arp = parse(net, frame);

	if (arp != NULL) {
		struct in6_addr target = net_addr_from_ipv4(arp->arp_data.arp_tip);

		(void)learn(net, arp, net_iface_is_ours(net->iface, &target));
	}
}

void net_arp_ask(struct net *net, const struct in6_addr *target)
{
	static const struct rte_ether_addr unknown;
	const struct in6_addr *source = net_iface_source(net->iface, target);
	struct rte_arp_hdr request;

	if (source == NULL) {
		return;
	}
	fill(net, &request, RTE_BE16(RTE_ARP_OP_REQUEST), net_addr_ipv4(source), &unknown,
	     net_addr_ipv4(target));
	send_arp(net, &request, &broadcast);
}
