#include "bench/gen/ask.h"

#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/net/addr.h"

#define SOLICITATION     135
#define HOP_LIMIT        255 /* RFC 4861 7.1.1: it was not forwarded */
#define SOURCE_LINK_ADDR 1

/* RFC 4861 4.3, with the option of 4.6.1. */
struct solicitation {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint32_t reserved;
	struct in6_addr target;
	uint8_t option;
	uint8_t option_length; /* of 8 bytes */
	struct rte_ether_addr mac;
};

static_assert(sizeof(struct solicitation) == 32, "RFC 4861 4.3 and 4.6.1");

static struct rte_mbuf *make_frame(struct rte_mempool *pool, const struct rte_ether_addr *from,
				   const struct rte_ether_addr *to, rte_be16_t type,
				   const void *payload, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *ether;

	if (m == NULL) {
		return NULL;
	}
	ether = (void *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*ether) + len));
	ether->src_addr = *from;
	ether->dst_addr = *to;
	ether->ether_type = type;
	memcpy(ether + 1, payload, len);
	return m;
}

static struct rte_mbuf *ask_arp(struct rte_mempool *pool, const struct in6_addr *from,
				const struct rte_ether_addr *mac, const struct in6_addr *target)
{
	static const struct rte_ether_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	struct rte_arp_hdr arp = {
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(uint32_t),
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
		.arp_data = {.arp_sha = *mac,
			     .arp_sip = net_addr_ipv4(from),
			     .arp_tip = net_addr_ipv4(target)},
	};

	return make_frame(pool, mac, &broadcast, RTE_BE16(RTE_ETHER_TYPE_ARP), &arp, sizeof(arp));
}

/* To the group of all whose address ends as the target's does (RFC 4861 7.2.2). */
static struct rte_mbuf *ask_ndp(struct rte_mempool *pool, const struct in6_addr *from,
				const struct rte_ether_addr *mac, const struct in6_addr *target)
{
	struct in6_addr group = net_addr_solicited_node(target);
	struct rte_ether_addr group_mac = net_addr_multicast_mac(&group);
	struct {
		struct rte_ipv6_hdr ip;
		struct solicitation message;
	} packet = {
		.ip = {.vtc_flow = RTE_BE32(6u << 28),
		       .payload_len = RTE_BE16(sizeof(struct solicitation)),
		       .proto = IPPROTO_ICMPV6,
		       .hop_limits = HOP_LIMIT},
		.message = {.type = SOLICITATION,
			    .target = *target,
			    .option = SOURCE_LINK_ADDR,
			    .option_length = 1,
			    .mac = *mac},
	};

	memcpy(packet.ip.src_addr, from, sizeof(*from));
	memcpy(packet.ip.dst_addr, &group, sizeof(group));
	packet.message.checksum = rte_ipv6_udptcp_cksum(&packet.ip, &packet.message);
	return make_frame(pool, mac, &group_mac, RTE_BE16(RTE_ETHER_TYPE_IPV6), &packet,
			  sizeof(packet));
}

struct rte_mbuf *ask(struct rte_mempool *pool, const struct in6_addr *from,
		     const struct rte_ether_addr *mac, const struct in6_addr *target)
{
	return net_addr_is_ipv4(target) ? ask_arp(pool, from, mac, target)
					: ask_ndp(pool, from, mac, target);
}
