/*
 * Addresses, MACs and origin URLs as text. Pure functions: 0, or -1 with `why` set to a sentence.
 */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include "config/config.h"

#define CONFIG_RTMP_PORT 1935u

/* "192.0.2.1" or "2001:db8::1"; IPv4 becomes IPv4-mapped IPv6. */
int address_parse(const char *text, struct in6_addr *addr, const char **why)
	__attribute__((warn_unused_result));

/* "192.0.2.0/24" or "2001:db8::/64". */
int prefix_parse(const char *text, struct config_prefix *prefix, const char **why)
	__attribute__((warn_unused_result));

/* Whether bits beyond the prefix length are set: an address, not a network. */
bool prefix_has_host_bits(const struct config_prefix *prefix);

bool address_is_v4(const struct in6_addr *addr);

/* Whether a host may have it: neither unspecified nor multicast nor broadcast nor loopback. */
bool address_is_usable(const struct in6_addr *addr);

/* "02:00:00:00:00:01"; refuses group addresses and all zeros (IEEE 802-2014 section 8.2). */
int mac_parse(const char *text, uint8_t mac[6], const char **why)
	__attribute__((warn_unused_result));

struct origin_url {
	char host[254]; /* without brackets */
	char app[128];
	char name[512]; /* "": none */
	uint16_t port;
};

/* "rtmp://host[:port]/app[/name]"; an IPv6 host stands in brackets (RFC 3986 section 3.2.2). */
int origin_url_parse(const char *text, struct origin_url *url, const char **why)
	__attribute__((warn_unused_result));

#endif
