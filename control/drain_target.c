#include "drain_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535

/* Its parts, as pointers into it. */
struct target {
	int scheme; /* bytes of "rtmp://" */
	const char *authority;
	const char *host; /* behind the last '@' of the authority */
	const char *path; /* its '/', or the NUL */
};

static bool split(const char *text, struct target *t)
{
	t->scheme = strncmp(text, "rtmp://", 7) == 0    ? 7
		    : strncmp(text, "rtmps://", 8) == 0 ? 8
							: 0;
	t->authority = text + t->scheme;
	t->host = t->authority;
	t->path = t->authority + strcspn(t->authority, "/");
	for (const char *p = t->authority; p < t->path; p++) {
		t->host = *p == '@' ? p + 1 : t->host;
	}
	return t->scheme != 0;
}

static bool characters_valid(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~' || strchr("\"\\<>", *text) != NULL) {
			return false;
		}
	}
	return true;
}

/* ":1935", or nothing at all. */
static bool port_valid(const char *text, const char *end)
{
	size_t digits = text < end ? strspn(text + 1, "0123456789") : 0;

	if (text == end) {
		return true;
	}
	if (*text != ':' || digits == 0 || digits > 5 || text + 1 + digits != end) {
		return false;
	}
	long port = strtol(text + 1, NULL, 10);
	return port > 0 && port <= PORT_MAX;
}

/* A name, an address, or one of IPv6 in brackets (RFC 3986 section 3.2.2). */
static bool host_valid(const struct target *t)
{
	size_t length = strcspn(t->host, ":/?#[]");

	if (*t->host == '[') {
		length = strspn(t->host + 1, "0123456789abcdefABCDEF:.") + 1;
		return length > 2 && t->host[length] == ']' &&
		       port_valid(t->host + length + 1, t->path);
	}
	return length > 0 && port_valid(t->host + length, t->path);
}

bool drain_target_valid(const char *target)
{
	struct target t;

	if (!split(target, &t) || strlen(target) >= DRAIN_TARGET_MAX || !characters_valid(target)) {
		return false;
	}
	/* A path begins with an application, or is none. */
	return host_valid(&t) &&
	       (t.path[0] == '\0' || strchr("/?#", t.path[1]) == NULL || t.path[1] == '\0');
}

void drain_target_show(char *out, size_t size, const char *target)
{
	struct target t;
	size_t app;

	if (!split(target, &t)) {
		(void)snprintf(out, size, "%s", "");
		return;
	}
	app = t.path[0] == '/' ? 1 + strcspn(t.path + 1, "/?#") : 0;
	(void)snprintf(out, size, "%.*s%s%.*s%s", t.scheme, target,
		       t.host != t.authority ? "***@" : "", (int)(t.path + app - t.host), t.host,
		       t.path[app] == '\0'  ? ""
		       : t.path[app] == '/' ? "/***"
					    : "?***");
}

void drain_target_for(char *out, size_t size, const char *target, const char *app)
{
	struct target t;

	if (!split(target, &t)) {
		(void)snprintf(out, size, "%s", "");
	} else if (t.path[0] == '/' && t.path[1] != '\0') {
		(void)snprintf(out, size, "%s", target);
	} else {
		(void)snprintf(out, size, "%.*s/%s", (int)(t.path - target), target, app);
	}
}
