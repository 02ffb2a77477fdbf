/*
 * The interface: our addresses, and where packets to others go. Constant after start-up, shared by
 * all workers.
 */
#ifndef NET_IFACE_H
#define NET_IFACE_H

#include <rte_ether.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

#define NET_IFACE_ADDRESSES 64u
#define NET_IFACE_ROUTES    128u

struct net_route {
	struct config_prefix to;
	struct in6_addr via; /* unspecified: on the link, the destination is its own next hop */
};

struct net_iface {
	struct rte_ether_addr mac;
	uint16_t vlan;            /* 0: frames have no tag */
	bool port_inserts_tag;    /* the port writes it: RTE_MBUF_F_TX_VLAN */
	uint32_t addresses_count; /* the last one is our link-local address */
	uint32_t routes_count;    /* the longest prefix first */
	struct in6_addr addresses[NET_IFACE_ADDRESSES];
	struct net_route routes[NET_IFACE_ROUTES];
};

/* 0, or -E2BIG for too many addresses or routes. */
int net_iface_init(struct net_iface *iface, const struct config_port *config,
		   const struct rte_ether_addr *mac) __attribute__((warn_unused_result));

bool net_iface_is_ours(const struct net_iface *iface, const struct in6_addr *addr);

/* Whether `addr` is on the link: no gateway lies between. */
bool net_iface_on_link(const struct net_iface *iface, const struct in6_addr *addr);

/* Whether an IPv6 packet to this group is for us: all nodes, or solicited node of an address. */
bool net_iface_in_group(const struct net_iface *iface, const struct in6_addr *group);

/* Next hop towards `dst` by longest match; false when there is no route. */
bool net_iface_next_hop(const struct net_iface *iface, const struct in6_addr *dst,
			struct in6_addr *hop);

/* Our address to speak from on the link to `neighbour`: NULL when we have none of its family. */
const struct in6_addr *net_iface_source(const struct net_iface *iface,
					const struct in6_addr *neighbour);

#endif
