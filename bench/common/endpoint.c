#include "bench/common/endpoint.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/common/option.h"
#include "control/config/address.h"

#define SHAPE "not ADDR:PORT (IPv6 in brackets)"

int endpoint_parse(const char *text, struct endpoint *endpoint, const char **why)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	uint64_t port;

	*why = SHAPE;
	if (colon == NULL || option_number(colon + 1, 0, UINT16_MAX, &port) != 0) {
		return -1;
	}
	size_t len = (size_t)(colon - text);
	bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	if (brackets) {
		text++;
		len -= 2;
	}
	/* Without brackets nobody can tell the address from the port. */
	if ((!brackets && memchr(text, ':', len) != NULL) || len >= sizeof(host)) {
		return -1;
	}
	snprintf(host, sizeof(host), "%.*s", (int)len, text);
	endpoint->port = (uint16_t)port;
	return address_parse(len > 0 ? host : "0.0.0.0", &endpoint->addr, why);
}

socklen_t endpoint_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(endpoint->port),
		.sin6_addr = endpoint->addr,
	};

	memset(address, 0, sizeof(*address));
	if (address_is_v4(&endpoint->addr)) {
		memcpy(&v4.sin_addr, &endpoint->addr.s6_addr[12], sizeof(v4.sin_addr));
		memcpy(address, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(address, &v6, sizeof(v6));
	return sizeof(v6);
}
