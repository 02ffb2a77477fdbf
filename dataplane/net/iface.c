#include "dataplane/net/iface.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/net/addr.h"

static const struct config_prefix link_local = {
	.addr = {.s6_addr = {0xfe, 0x80}},
	.length = 64,
};

static const struct in6_addr all_nodes = {.s6_addr = {0xff, 0x02, [15] = 0x01}};

static int add_address(struct net_iface *iface, const struct in6_addr *addr)
{
	if (iface->addresses_count == NET_IFACE_ADDRESSES) {
		return -E2BIG;
	}
	iface->addresses[iface->addresses_count++] = *addr;
	return 0;
}

static int add_route(struct net_iface *iface, const struct config_prefix *to,
		     const struct in6_addr *via)
{
	if (iface->routes_count == NET_IFACE_ROUTES) {
		return -E2BIG;
	}
	iface->routes[iface->routes_count++] = (struct net_route){.to = *to, .via = *via};
	return 0;
}

static int by_length(const void *a, const void *b)
{
	return ((const struct net_route *)b)->to.length - ((const struct net_route *)a)->to.length;
}

static int add_configured(struct net_iface *iface, const struct config_port *config)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < config->addresses_count; i++) {
		err = add_address(iface, &config->addresses[i].addr);
		if (err == 0) {
			err = add_route(iface, &config->addresses[i], &in6addr_any);
		}
	}
	for (uint32_t i = 0; err == 0 && i < config->routes_count; i++) {
		err = add_route(iface, &config->routes[i].to, &config->routes[i].via);
	}
	return err;
}

int net_iface_init(struct net_iface *iface, const struct config_port *config,
		   const struct rte_ether_addr *mac)
{
	struct in6_addr own = net_addr_link_local(mac);

	*iface = (struct net_iface){.mac = *mac, .vlan = (uint16_t)config->vlan};
	int err = add_configured(iface, config);
	if (err == 0) {
		err = add_address(iface, &own);
	}
	if (err == 0) {
		err = add_route(iface, &link_local, &in6addr_any);
	}
	qsort(iface->routes, iface->routes_count, sizeof(iface->routes[0]), by_length);
	return err;
}

bool net_iface_is_ours(const struct net_iface *iface, const struct in6_addr *addr)
{
	for (uint32_t i = 0; i < iface->addresses_count; i++) {
		if (net_addr_equal(&iface->addresses[i], addr)) {
			return true;
		}
	}
	return false;
}

bool net_iface_in_group(const struct net_iface *iface, const struct in6_addr *group)
{
	if (net_addr_equal(group, &all_nodes)) {
		return true;
	}
	for (uint32_t i = 0; i < iface->addresses_count; i++) {
		struct in6_addr own = net_addr_solicited_node(&iface->addresses[i]);

		if (!net_addr_is_ipv4(&iface->addresses[i]) && net_addr_equal(group, &own)) {
			return true;
		}
	}
	return false;
}

/* A default route ::/0 must not catch IPv4-mapped addresses, nor does an IPv4 route (96+) IPv6. */
static const struct net_route *find_route(const struct net_iface *iface, const struct in6_addr *dst)
{
	bool ipv4 = net_addr_is_ipv4(dst);

	for (uint32_t i = 0; i < iface->routes_count; i++) {
		const struct net_route *route = &iface->routes[i];

		if (net_addr_is_ipv4(&route->to.addr) == ipv4 &&
		    net_addr_in_prefix(dst, &route->to.addr, route->to.length)) {
			return route;
		}
	}
	return NULL;
}

bool net_iface_on_link(const struct net_iface *iface, const struct in6_addr *addr)
{
	const struct net_route *route = find_route(iface, addr);

	return route != NULL && IN6_IS_ADDR_UNSPECIFIED(&route->via);
}

bool net_iface_next_hop(const struct net_iface *iface, const struct in6_addr *dst,
			struct in6_addr *hop)
{
	const struct net_route *route = find_route(iface, dst);

	if (route == NULL) {
		return false;
	}
	*hop = IN6_IS_ADDR_UNSPECIFIED(&route->via) ? *dst : route->via;
	return true;
}

const struct in6_addr *net_iface_source(const struct net_iface *iface,
					const struct in6_addr *neighbour)
{
	const struct net_route *route = find_route(iface, neighbour);
	const struct in6_addr *any = NULL;

	for (uint32_t i = 0; i < iface->addresses_count; i++) {
		const struct in6_addr *own = &iface->addresses[i];

		if (net_addr_is_ipv4(own) != net_addr_is_ipv4(neighbour)) {
			continue;
		}
		if (route != NULL && net_addr_in_prefix(own, &route->to.addr, route->to.length)) {
			return own;
		}
		any = any == NULL ? own : any;
	}
	return any;
}
