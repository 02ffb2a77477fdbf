/*
 * Who may publish, and under which public name.
 *
 * A stream key is a secret. It is compared as a SHA-256 digest with CRYPTO_memcmp against every
 * key of the application, without an early end, so that the time taken says neither how much of it
 * was right nor how long the right one is. What is not allowed is refused.
 *
 * Accepted, in this order:
 *   1. name?key=SECRET   `name` has an entry and SECRET (percent-decoded) is its key
 *   2. SECRET[?query]    an entry's key: the public name is that entry's
 *   3. name[?query]      in an application with `open: true`, unless `name` has an entry
 */
#ifndef AUTH_H
#define AUTH_H

#include "abi/pub.h"
#include "config/config.h"
#include "rtmp/server.h"

struct auth;

struct auth_decision {
	bool accepted;
	enum rtmp_reject reject;      /* when not accepted */
	const struct config_app *app; /* NULL: no such application */
	char name[ABI_NAME_MAX];      /* public; empty when not accepted */
};

/* NULL without memory. `config` must outlive it. */
struct auth *auth_create(const struct config *config) __attribute__((warn_unused_result));
void auth_destroy(struct auth *auth);

/* `app` without query; `asked` as published. Both end with a NUL. */
void auth_decide(const struct auth *auth, const char *app, const char *asked,
		 struct auth_decision *decision);

struct auth_play {
	bool accepted;
	const struct config_app *app; /* when accepted */
	char name[ABI_NAME_MAX];      /* public */
};

/*
 * Who may play: who comes from an address of apps[].play and gives its key (name?key=SECRET), each
 * where there is one. `address`: IPv6, or IPv4-mapped.
 */
void auth_decide_play(const struct auth *auth, const char *app, const char *asked,
		      const uint8_t address[16], struct auth_play *decision);

/* The application of that name (one trailing slash is ignored), or NULL. */
const struct config_app *auth_find_app(const struct auth *auth, const char *app);

#endif
