#include "address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return -1;
}

/* A decimal number of digits only: strtoul() takes signs and spaces. */
static int digits_parse(const char *text, size_t len, uint32_t max, uint32_t *value)
{
	uint32_t v = 0;

	if (len == 0 || len > 5) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return -1;
		}
		v = v * 10 + (uint32_t)(text[i] - '0');
	}
	*value = v;
	return v <= max ? 0 : -1;
}

int address_parse(const char *text, struct in6_addr *addr, const char **why)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(addr, 0, sizeof(*addr));
		addr->s6_addr[10] = 0xff;
		addr->s6_addr[11] = 0xff;
		memcpy(&addr->s6_addr[12], &v4, sizeof(v4));
		return 0;
	}
	if (inet_pton(AF_INET6, text, addr) == 1 && !IN6_IS_ADDR_V4MAPPED(addr)) {
		return 0;
	}
	return refuse(why, "not an IPv4 or IPv6 address");
}

int prefix_parse(const char *text, struct config_prefix *prefix, const char **why)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	uint32_t length;

	if (slash == NULL) {
		return refuse(why, "prefix length is missing (\"192.0.2.1/24\")");
	}
	size_t len = (size_t)(slash - text);
	if (len >= sizeof(host)) {
		return refuse(why, "not an IPv4 or IPv6 address");
	}
	memcpy(host, text, len);
	host[len] = '\0';
	if (address_parse(host, &prefix->addr, why) != 0) {
		return -1;
	}
	bool v4 = address_is_v4(&prefix->addr);
	if (digits_parse(slash + 1, strlen(slash + 1), v4 ? 32 : 128, &length) != 0) {
		return refuse(why, v4 ? "prefix length is not a number from 0 to 32"
				      : "prefix length is not a number from 0 to 128");
	}
	prefix->length = (uint8_t)(v4 ? length + 96 : length);
	return 0;
}

bool prefix_has_host_bits(const struct config_prefix *prefix)
{
	for (uint32_t bit = prefix->length; bit < 128; bit++) {
		if ((prefix->addr.s6_addr[bit / 8] >> (7 - bit % 8) & 1) != 0) {
			return true;
		}
	}
	return false;
}

bool address_is_v4(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr);
}

bool address_is_usable(const struct in6_addr *addr)
{
	if (address_is_v4(addr)) {
		uint8_t first = addr->s6_addr[12];
		return first != 0 && first != 127 && first < 224;
	}
	return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_LOOPBACK(addr) &&
	       !IN6_IS_ADDR_MULTICAST(addr);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int mac_parse(const char *text, uint8_t mac[6], const char **why)
{
	uint8_t any = 0;

	if (strlen(text) != 17) {
		return refuse(why, "not a MAC address (\"02:00:00:00:00:01\")");
	}
	for (size_t i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]);
		int low = hex_digit(text[3 * i + 1]);
		if (high < 0 || low < 0 || text[3 * i + 2] != (i < 5 ? ':' : '\0')) {
			return refuse(why, "not a MAC address (\"02:00:00:00:00:01\")");
		}
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	if ((mac[0] & 1) != 0 || any == 0) {
		return refuse(why, "MAC address is a group address or all zeros");
	}
	return 0;
}

/* RFC 952 and RFC 1123 section 2.1; underscores are taken too, many internal names have them. */
static bool host_name_is_valid(const char *host)
{
	size_t label = 0;
	bool numeric = true;

	for (const char *p = host; *p != '\0'; p++) {
		if (*p == '.') {
			if (label == 0) {
				return false;
			}
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_') {
			return false;
		}
		if ((*p == '-' && label == 0) || ++label > 63) {
			return false;
		}
		numeric = numeric && isdigit((unsigned char)*p);
	}
	/* Digits and dots only are meant as an IPv4 address. */
	struct in_addr v4;
	return host[0] != '\0' && (!numeric || inet_pton(AF_INET, host, &v4) == 1);
}

/* Copies `len` bytes and terminates them. */
static int take(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size) {
		return -1;
	}
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

/* The host part of `authority` (up to `len`); its length, or 0 with `why` set. */
static size_t url_host(const char *authority, size_t len, struct origin_url *url, const char **why)
{
	if (authority[0] == '[') {
		struct in6_addr v6;
		const char *close = memchr(authority, ']', len);
		if (close == NULL ||
		    take(url->host, sizeof(url->host), authority + 1,
			 (size_t)(close - authority - 1)) != 0 ||
		    inet_pton(AF_INET6, url->host, &v6) != 1) {
			refuse(why, "host in brackets is not an IPv6 address");
			return 0;
		}
		return (size_t)(close - authority) + 1;
	}
	const char *colon = memchr(authority, ':', len);
	size_t host_len = colon != NULL ? (size_t)(colon - authority) : len;
	if (take(url->host, sizeof(url->host), authority, host_len) != 0 ||
	    !host_name_is_valid(url->host)) {
		refuse(why, "host is not a name or an address (IPv6 stands in brackets)");
		return 0;
	}
	return host_len;
}

static int url_port(const char *text, size_t len, struct origin_url *url, const char **why)
{
	uint32_t port = CONFIG_RTMP_PORT;

	if (len > 0 &&
	    (text[0] != ':' || digits_parse(text + 1, len - 1, 65535, &port) != 0 || port == 0)) {
		return refuse(why, "port is not a number from 1 to 65535");
	}
	url->port = (uint16_t)port;
	return 0;
}

/* "app[/name]": the first part is the application, all that follows the name. */
static int url_path(const char *path, struct origin_url *url, const char **why)
{
	size_t app_len = strcspn(path, "/?");

	if (app_len == 0 || take(url->app, sizeof(url->app), path, app_len) != 0) {
		return refuse(why, "application in the URL is missing or too long");
	}
	if (path[app_len] == '?') {
		return refuse(why, "query after the application is not supported");
	}
	const char *name = path[app_len] == '/' ? path + app_len + 1 : "";
	if (take(url->name, sizeof(url->name), name, strlen(name)) != 0) {
		return refuse(why, "stream name in the URL is too long");
	}
	return 0;
}

int origin_url_parse(const char *text, struct origin_url *url, const char **why)
{
	static const char scheme[] = "rtmp://";

	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0) {
		return refuse(why, "not an rtmp:// URL (other schemes are not supported)");
	}
	for (const char *p = text; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || strchr("\"\\<>", *p) != NULL) {
			return refuse(why, "character that is not allowed in a URL");
		}
	}
	const char *authority = text + sizeof(scheme) - 1;
	size_t len = strcspn(authority, "/");
	if (authority[len] == '\0') {
		return refuse(why, "application in the URL is missing or too long");
	}
	if (memchr(authority, '@', len) != NULL) {
		return refuse(why, "user and password in the URL are not supported");
	}
	size_t host_len = url_host(authority, len, url, why);
	if (host_len == 0) {
		return -1;
	}
	if (url_port(authority + host_len, len - host_len, url, why) != 0) {
		return -1;
	}
	return url_path(authority + len + 1, url, why);
}
