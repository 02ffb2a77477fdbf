#include "dataplane/net/net.h"

#include <errno.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"
#include "dataplane/net/arp.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/ndp.h"

#define TIMER_US UINT64_C(100000)

int net_init(struct net *net, const struct net_iface *iface, struct rte_mempool *pool,
	     struct dp_counters *counters, int numa_node, uint64_t seed)
{
	*net = (struct net){.iface = iface, .pool = pool, .counters = counters};
	net->neighbours = net_neighbours_create(numa_node, seed);
	return net->neighbours != NULL ? 0 : -ENOMEM;
}

void net_fini(struct net *net)
{
	rte_pktmbuf_free_bulk(net->frames, net->frames_count);
	net->frames_count = 0;
	net_neighbours_destroy(net->neighbours);
	net->neighbours = NULL;
}

void net_begin(struct net *net, uint64_t now_us)
{
	net->now_us = now_us;
}

void net_walk(const struct net *net, void (*see)(void *app, const struct rte_mbuf *frame),
	      void *app)
{
	for (uint32_t i = 0; i < net->frames_count; i++) {
		see(app, net->frames[i]);
	}
	net_neighbours_walk(net->neighbours, see, app);
}

void net_send_frame(struct net *net, struct rte_mbuf *frame)
{
	if (net->frames_count == NET_FRAMES) {
		net_count(net, DP_COUNTER_tx_full);
		rte_pktmbuf_free(frame);
		return;
	}
	net->frames[net->frames_count++] = frame;
}

/* The tag goes between addresses and type (IEEE 802.1Q 9.3); the port may write it. */
static void put_tag(const struct net_iface *iface, struct rte_mbuf *packet,
		    struct rte_ether_hdr *ether)
{
	struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(ether + 1);

	if (iface->port_inserts_tag) {
		packet->vlan_tci = iface->vlan;
		packet->ol_flags |= RTE_MBUF_F_TX_VLAN;
		return;
	}
	tag->vlan_tci = rte_cpu_to_be_16(iface->vlan);
	tag->eth_proto = ether->ether_type;
	ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_VLAN);
}

bool net_put_ether(struct net *net, struct rte_mbuf *packet, const struct rte_ether_addr *to,
		   uint16_t type)
{
	const struct net_iface *iface = net->iface;
	uint16_t length = RTE_ETHER_HDR_LEN;

	if (iface->vlan != 0 && !iface->port_inserts_tag) {
		length += RTE_VLAN_HLEN;
	}
	struct rte_ether_hdr *ether =
		(struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(packet, length);

	if (ether == NULL) {
		net_count(net, DP_COUNTER_drop_malformed);
		rte_pktmbuf_free(packet);
		return false;
	}
	ether->dst_addr = *to;
	ether->src_addr = iface->mac;
	ether->ether_type = rte_cpu_to_be_16(type);
	packet->l2_len = length & 0x7fu;
	if (iface->vlan != 0) {
		put_tag(iface, packet, ether);
	}
	return true;
}

static void send_to(struct net *net, struct rte_mbuf *packet, const struct net_neighbour *hop)
{
	uint16_t type = net_addr_is_ipv4(&hop->addr) ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6;

	if (net_put_ether(net, packet, &hop->mac, type)) {
		net_send_frame(net, packet);
	}
}

bool net_announced(struct net *net, const struct in6_addr *addr, const struct rte_ether_addr *mac,
		   enum net_learn how)
{
	uint32_t dropped = 0;
	struct net_neighbour *entry =
		net_neighbour_learn(net->neighbours, addr, mac, how, net->now_us, &dropped);

	dp_count(net->counters, DP_COUNTER_drop_no_neighbour, dropped);
	if (entry == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < entry->waiting_count; i++) {
		send_to(net, entry->waiting[i], entry);
	}
	entry->waiting_count = 0;
	return true;
}

bool net_allow(struct net *net, enum net_limit kind)
{
	static const enum dp_counter refused[NET_LIMITS] = {
		[NET_LIMIT_ECHO] = DP_COUNTER_limit_echoes,
		[NET_LIMIT_ICMP_ERROR] = DP_COUNTER_limit_icmp_errors,
		[NET_LIMIT_NEIGHBOUR] = DP_COUNTER_limit_neighbours,
		[NET_LIMIT_NEIGHBOUR_IN_USE] = DP_COUNTER_limit_neighbours,
	};
	uint64_t now_s = net->now_us / 1000000;

	if (now_s != net->limit_s) {
		net->limit_s = now_s;
		memset(net->allowed, 0, sizeof(net->allowed));
	}
	if (net->allowed[kind] == NET_LIMIT) {
		net_count(net, refused[kind]);
		return false;
	}
	net->allowed[kind]++;
	return true;
}

enum net_limit net_neighbour_limit(const struct net *net, const struct in6_addr *addr,
				   const struct rte_ether_addr *mac)
{
	const struct net_neighbour *known = net_neighbour_find(net->neighbours, addr);

	return known != NULL && net_neighbour_in_use(known, net->now_us) &&
			       rte_is_same_ether_addr(&known->mac, mac)
		       ? NET_LIMIT_NEIGHBOUR_IN_USE
		       : NET_LIMIT_NEIGHBOUR;
}

static void ask(void *arg, const struct in6_addr *target)
{
	struct net *net = arg;

	if (net_addr_is_ipv4(target)) {
		net_arp_ask(net, target);
	} else {
		net_ndp_ask(net, target);
	}
}

void net_timers(struct net *net)
{
	if (net->now_us < net->timer_us) {
		return;
	}
	net->timer_us = net->now_us + TIMER_US;
	dp_count(net->counters, DP_COUNTER_drop_no_neighbour,
		 net_neighbours_timers(net->neighbours, net->now_us, ask, net));
}

/* Destination of a packet of ours: its header is our own work. */
static struct in6_addr destination(const struct rte_mbuf *packet)
{
	const uint8_t *ip = rte_pktmbuf_mtod(packet, const uint8_t *);

	if (ip[0] >> 4 == 4) {
		return net_addr_from_ipv4(((const struct rte_ipv4_hdr *)ip)->dst_addr);
	}
	return net_addr_from_bytes(((const struct rte_ipv6_hdr *)ip)->dst_addr);
}

static void drop(struct net *net, struct rte_mbuf *packet, enum dp_counter reason)
{
	net_count(net, reason);
	rte_pktmbuf_free(packet);
}

static void output(struct net *net, struct rte_mbuf *packet)
{
	struct in6_addr to = destination(packet);
	struct in6_addr hop;
	uint32_t dropped = 0;

	if (!net_iface_next_hop(net->iface, &to, &hop)) {
		drop(net, packet, DP_COUNTER_drop_no_route);
		return;
	}
	struct net_neighbour *entry =
		net_neighbour_get(net->neighbours, &hop, net->now_us, &dropped);
	dp_count(net->counters, DP_COUNTER_drop_no_neighbour, dropped);
	if (entry == NULL) {
		drop(net, packet, DP_COUNTER_drop_no_neighbour);
		return;
	}
	if (net_neighbour_ask(entry, net->now_us)) {
		ask(net, &hop);
	}
	if (entry->state == NET_NEIGHBOUR_KNOWN) {
		send_to(net, packet, entry);
	} else if (!net_neighbour_wait(entry, packet)) {
		drop(net, packet, DP_COUNTER_drop_no_neighbour);
	}
}

void net_output(struct net *net, struct rte_mbuf **packets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		output(net, packets[i]);
	}
}

/* Groups of IPv6 and broadcast are looked at further up: only unicast is decided here. */
static bool is_for_us(const struct net *net, const struct rte_ether_hdr *ether)
{
	return rte_is_same_ether_addr(&ether->dst_addr, &net->iface->mac) ||
	       rte_is_multicast_ether_addr(&ether->dst_addr);
}

/*
 * RFC 1122 3.3.6: a packet to one address does not come in a frame to many. IPv4 packets to groups
 * are not for us at all.
 */
static bool is_group_misused(const struct rte_mbuf *frame, const struct rte_ether_hdr *ether)
{
	const uint32_t group = RTE_ETHER_HDR_LEN + offsetof(struct rte_ipv6_hdr, dst_addr);

	if (!rte_is_multicast_ether_addr(&ether->dst_addr)) {
		return false;
	}
	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		return frame->data_len > group &&
		       *rte_pktmbuf_mtod_offset(frame, const uint8_t *, group) != 0xff;
	}
	return ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

/* Takes a tag off; its VLAN, or -1 when there was none. */
static int take_tag(struct rte_mbuf *frame)
{
	bool stripped = frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;

	if (!stripped &&
	    (frame->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN || rte_vlan_strip(frame) < 0)) {
		return -1;
	}
	/* It has none any more: flags of the way in would be taken for those of the way out. */
	frame->ol_flags &= ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
	return frame->vlan_tci & 0xfff;
}

uint32_t net_untag(struct net *net, struct rte_mbuf **frames, uint32_t count)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (take_tag(frames[i]) == net->iface->vlan) {
			frames[kept++] = frames[i];
		} else {
			drop(net, frames[i], DP_COUNTER_drop_vlan);
		}
	}
	return kept;
}

static bool is_tagged(const struct rte_mbuf *frame)
{
	uint16_t type = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *)->ether_type;

	return type == RTE_BE16(RTE_ETHER_TYPE_VLAN) || type == RTE_BE16(RTE_ETHER_TYPE_QINQ);
}

/* 0 when we do not speak it. */
static uint16_t known_type(const struct rte_mbuf *frame)
{
	uint16_t type =
		rte_be_to_cpu_16(rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *)->ether_type);
	bool known = type == RTE_ETHER_TYPE_IPV4 || type == RTE_ETHER_TYPE_IPV6 ||
		     type == RTE_ETHER_TYPE_ARP;

	return known ? type : 0;
}

/*
 * A tag of VLAN 0 carries a priority only: the frame is in no VLAN (IEEE 802.1Q 6.9). Type of what
 * is behind it, 0 for other tags.
 */
static uint16_t behind_priority_tag(const struct net *net, struct rte_mbuf *frame)
{
	return net->iface->vlan == 0 && take_tag(frame) == 0 ? known_type(frame) : 0;
}

/* Type of a frame that is for us, or 0 when it was dropped. */
static uint16_t ether_input(struct net *net, struct rte_mbuf *frame)
{
	if (frame->data_len < RTE_ETHER_HDR_LEN) {
		drop(net, frame, DP_COUNTER_drop_malformed);
		return 0;
	}
	if (!is_for_us(net, rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *))) {
		drop(net, frame, DP_COUNTER_drop_not_ours);
		return 0;
	}
	uint16_t type = known_type(frame);
	if (type == 0) {
		bool tagged = is_tagged(frame);

		type = tagged ? behind_priority_tag(net, frame) : 0;
		if (type == 0) {
			drop(net, frame, tagged ? DP_COUNTER_drop_vlan : DP_COUNTER_drop_ethertype);
			return 0;
		}
	}
	if (is_group_misused(frame, rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *))) {
		drop(net, frame, DP_COUNTER_drop_not_ours);
		return 0;
	}
	return type;
}

/* What others have to learn from is given to them as it came: with its link-layer header. */
static enum net_verdict ip_input(struct net *net, struct rte_mbuf *frame, bool v6)
{
	(void)rte_pktmbuf_adj(frame, RTE_ETHER_HDR_LEN);
	enum net_verdict verdict = v6 ? net_ipv6_input(net, frame) : net_ipv4_input(net, frame);
	if (verdict == NET_TEACH) {
		(void)rte_pktmbuf_prepend(frame, RTE_ETHER_HDR_LEN);
	}
	return verdict;
}

enum net_verdict net_input(struct net *net, struct rte_mbuf *frame)
{
	switch (ether_input(net, frame)) {
	case RTE_ETHER_TYPE_IPV4:
		return ip_input(net, frame, false);
	case RTE_ETHER_TYPE_IPV6:
		return ip_input(net, frame, true);
	case RTE_ETHER_TYPE_ARP:
		return net_arp_input(net, frame);
	default:
		return NET_DONE;
	}
}

void net_learn(struct net *net, struct rte_mbuf *frame)
{
	const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *);

	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP)) {
		net_arp_learn(net, frame);
	} else {
		bool v6 = ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6);

		(void)rte_pktmbuf_adj(frame, RTE_ETHER_HDR_LEN);
		net_ip_learn(net, frame, v6);
	}
	rte_pktmbuf_free(frame);
}
