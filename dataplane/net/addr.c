#include "dataplane/net/addr.h"

#include <arpa/inet.h>

bool net_addr_in_prefix(const struct in6_addr *addr, const struct in6_addr *prefix, uint8_t length)
{
	uint8_t bytes = length / 8;
	uint8_t bits = length % 8;

	if (memcmp(addr, prefix, bytes) != 0) {
		return false;
	}
	if (bits == 0) {
		return true;
	}
	uint8_t mask = (uint8_t)(0xff00 >> bits);
	return ((addr->s6_addr[bytes] ^ prefix->s6_addr[bytes]) & mask) == 0;
}

/* RFC 1122 3.2.1.3 */
static bool ipv4_is_unicast(uint32_t be)
{
	uint32_t addr = ntohl(be);

	return !IN_MULTICAST(addr) && !IN_BADCLASS(addr) && addr >> 24 != 127 && addr >> 24 != 0;
}

bool net_addr_is_unicast(const struct in6_addr *addr)
{
	if (net_addr_is_ipv4(addr)) {
		return ipv4_is_unicast(net_addr_ipv4(addr));
	}
	return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_LOOPBACK(addr) &&
	       !IN6_IS_ADDR_MULTICAST(addr);
}

struct in6_addr net_addr_link_local(const struct rte_ether_addr *mac)
{
	const uint8_t *m = mac->addr_bytes;
	struct in6_addr addr = {
		.s6_addr = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, (uint8_t)(m[0] ^ 0x02), m[1], m[2], 0xff,
			    0xfe, m[3], m[4], m[5]},
	};

	return addr;
}

struct in6_addr net_addr_solicited_node(const struct in6_addr *target)
{
	struct in6_addr addr = {
		.s6_addr = {0xff, 0x02, [11] = 0x01, [12] = 0xff},
	};

	memcpy(&addr.s6_addr[13], &target->s6_addr[13], 3);
	return addr;
}

struct rte_ether_addr net_addr_multicast_mac(const struct in6_addr *group)
{
	struct rte_ether_addr mac = {.addr_bytes = {0x33, 0x33}};

	memcpy(&mac.addr_bytes[2], &group->s6_addr[12], 4);
	return mac;
}
