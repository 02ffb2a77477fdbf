#include "dataplane/net/ndp.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"
#include "dataplane/net/icmp6.h"

#define OPTION_SOURCE_MAC 1u
#define OPTION_TARGET_MAC 2u

#define FLAG_SOLICITED    0x40u
#define FLAG_OVERRIDE     0x20u

/* RFC 4861 4.3, 4.4: both messages have the same shape; then come options. */
struct ndp_message {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint8_t flags; /* advertisement only */
	uint8_t reserved[3];
	struct in6_addr target;
};

struct ndp_mac_option {
	uint8_t type;
	uint8_t length; /* in units of 8 bytes */
	struct rte_ether_addr mac;
};

struct ndp_packet {
	struct ndp_message message;
	struct ndp_mac_option option;
};

static_assert(sizeof(struct ndp_message) == 24, "RFC 4861 4.3");
static_assert(sizeof(struct ndp_packet) == 32, "one option of 8 bytes");

/*
 * Walks the options of a message and copies the link address of the type asked for. False when the
 * options are malformed: RFC 4861 4.6 wants such a packet discarded.
 */
static bool find_mac(const struct net_icmp6 *icmp, uint8_t type, struct rte_ether_addr *mac,
		     bool *found)
{
	uint32_t at = sizeof(struct ndp_message);

	*found = false;
	while (at < icmp->length) {
		if (icmp->length - at < 8) {
			return false;
		}
		uint32_t length = icmp->data[at + 1] * 8u;
		if (length == 0 || length > icmp->length - at) {
			return false;
		}
		if (icmp->data[at] == type && length == sizeof(struct ndp_mac_option)) {
			memcpy(mac, icmp->data + at + 2, sizeof(*mac));
			*found = true;
		}
		at += length;
	}
	return true;
}

static bool neighbour_is_near(const struct net *net, const struct in6_addr *addr)
{
	return net_addr_is_unicast(addr) && !net_addr_is_ipv4(addr) &&
	       !net_iface_is_ours(net->iface, addr) && net_iface_on_link(net->iface, addr);
}

/* From `source` to `to` at link address `mac`; the option carries our own link address. */
static void send_message(struct net *net, struct ndp_packet *message, const struct in6_addr *source,
			 const struct in6_addr *to, const struct rte_ether_addr *mac)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(net->pool);

	if (packet == NULL) {
		return;
	}
	message->option.length = 1;
	message->option.mac = net->iface->mac;
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(void *)rte_pktmbuf_append(
		packet, sizeof(*ip) + sizeof(*message));
	memcpy(ip + 1, message, sizeof(*message));
	net_icmp6_finish(ip, source, to, sizeof(*message));
	if (net_put_ether(net, packet, mac, RTE_ETHER_TYPE_IPV6)) {
		net_send_frame(net, packet);
	}
}

/* RFC 4861 7.2.4; who has no address yet gets the answer at all nodes. */
static void advertise(struct net *net, const struct in6_addr *target, const struct in6_addr *to,
		      const struct rte_ether_addr *mac)
{
	static const struct in6_addr all_nodes = {.s6_addr = {0xff, 0x02, [15] = 0x01}};
	bool anonymous = IN6_IS_ADDR_UNSPECIFIED(to);
	const struct in6_addr *dst = anonymous ? &all_nodes : to;
	struct rte_ether_addr group = net_addr_multicast_mac(&all_nodes);
	struct ndp_packet message = {
		.message =
			{
				.type = NDP_ADVERTISEMENT,
				.flags = anonymous ? FLAG_OVERRIDE : FLAG_SOLICITED | FLAG_OVERRIDE,
				.target = *target,
			},
		.option = {.type = OPTION_TARGET_MAC},
	};

	send_message(net, &message, target, dst, anonymous ? &group : mac);
	net_count(net, DP_COUNTER_ndp_solicitations);
}

/* The link address at which the solicitor is to be answered. */
static bool solicitor_mac(const struct net *net, const struct in6_addr *source, bool has_option,
			  struct rte_ether_addr *mac)
{
	if (has_option) {
		return rte_is_valid_assigned_ether_addr(mac);
	}
	const struct net_neighbour *known = net_neighbour_find(net->neighbours, source);
	if (known == NULL || known->state != NET_NEIGHBOUR_KNOWN) {
		return false;
	}
	*mac = known->mac;
	return true;
}

/* RFC 4861 7.2.3 */
static bool solicitation(struct net *net, const struct net_icmp6 *icmp,
			 const struct ndp_message *message, bool answer)
{
	struct in6_addr source = net_addr_from_bytes(icmp->ip->src_addr);
	struct rte_ether_addr mac = {0};
	bool has_option;
	bool news = false;

	if (!find_mac(icmp, OPTION_SOURCE_MAC, &mac, &has_option)) {
		net_count(net, DP_COUNTER_drop_malformed);
		return false;
	}
	bool anonymous = IN6_IS_ADDR_UNSPECIFIED(&source);
	if ((anonymous && has_option) || (!anonymous && !neighbour_is_near(net, &source)) ||
	    net_addr_is_ipv4(&message->target) ||
	    !net_iface_is_ours(net->iface, &message->target)) {
		return false;
	}
	if (has_option) {
		news = net_announced(net, &source, &mac, NET_LEARN_CREATE);
	}
	if (answer && (anonymous || solicitor_mac(net, &source, has_option, &mac)) &&
	    net_allow(net, net_neighbour_limit(net, &source, &mac))) {
		advertise(net, &message->target, &source, &mac);
	}
	return news;
}

/* RFC 4861 7.2.5: entries are updated, never made. */
static bool advertisement(struct net *net, const struct net_icmp6 *icmp,
			  const struct ndp_message *message)
{
	struct rte_ether_addr mac;
	bool has_option;

	if (!find_mac(icmp, OPTION_TARGET_MAC, &mac, &has_option)) {
		net_count(net, DP_COUNTER_drop_malformed);
		return false;
	}
	/* RFC 4861 7.1.2: an answer to a group cannot have been asked for. */
	if (icmp->ip->dst_addr[0] == 0xff && (message->flags & FLAG_SOLICITED)) {
		return false;
	}
	if (!has_option || !neighbour_is_near(net, &message->target)) {
		return false;
	}
	(void)net_announced(net, &message->target, &mac,
			    message->flags & FLAG_OVERRIDE ? NET_LEARN_CONFIRM : NET_LEARN_KEEP);
	return true;
}

bool net_ndp_input(struct net *net, const struct net_icmp6 *icmp, bool answer)
{
	struct ndp_message message;

	/* RFC 4861 7.1.1, 7.1.2: a hop limit of 255 proves that no router forwarded it. */
	if (icmp->ip->hop_limits != 255 || icmp->length < sizeof(message)) {
		net_count(net, DP_COUNTER_drop_malformed);
		return false;
	}
	memcpy(&message, icmp->data, sizeof(message));
	if (message.code != 0 || IN6_IS_ADDR_MULTICAST(&message.target)) {
		net_count(net, DP_COUNTER_drop_malformed);
		return false;
	}
	return message.type == NDP_SOLICITATION ? solicitation(net, icmp, &message, answer)
						: advertisement(net, icmp, &message);
}

void net_ndp_ask(struct net *net, const struct in6_addr *target)
{
	const struct in6_addr *source = net_iface_source(net->iface, target);
	struct in6_addr group = net_addr_solicited_node(target);
	struct rte_ether_addr mac = net_addr_multicast_mac(&group);
	struct ndp_packet message = {
		.message = {.type = NDP_SOLICITATION, .target = *target},
		.option = {.type = OPTION_SOURCE_MAC},
	};

	if (source != NULL) {
		send_message(net, &message, source, &group, &mac);
	}
}
