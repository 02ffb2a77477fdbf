/*
 * Names of origins to addresses, on a thread of its own: getaddrinfo() blocks for as long as a DNS
 * server likes. Answers come as MAIL_RESOLVED.
 */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <stdbool.h>

#include "mailbox.h"

#define RESOLVER_GIVEN_UP_MAX 4u /* threads that hang in DNS, beside the one at work */

struct resolver;

struct resolver *resolver_create(void) __attribute__((warn_unused_result));
void resolver_destroy(struct resolver *resolver); /* leaves a thread that hangs in DNS behind */

/* `mail` is a MAIL_RESOLVED with everything set but the answer; it is taken over, also on error. */
int resolver_ask(struct resolver *resolver, struct mailbox *box, struct mail *mail,
		 const char *host, uint16_t port) __attribute__((warn_unused_result));

/* When it returns, nothing will be posted to the box any more. */
void resolver_forget(struct resolver *resolver, const struct mailbox *box);

/*
 * From the main thread, now and then. A lookup that takes `limit_us` is answered with EAI_AGAIN, as
 * are all others of that name, and its thread is left behind: another one takes the others' names.
 * With too many left behind all who wait are answered so, to ask again. True when a lookup
 * was found hanging that had not been before.
 */
bool resolver_look(struct resolver *resolver, uint64_t now_us, uint64_t limit_us);

struct resolver_status {
	uint64_t lookups;
	uint64_t lookups_given_up;
	uint64_t began_us; /* of the lookup under way, CLOCK_MONOTONIC; 0: there is none */
	uint32_t threads_stuck;
};

void resolver_status(struct resolver *resolver, struct resolver_status *status);

/* An address given as numbers needs no DNS and no thread: 0, or a code of getaddrinfo(). */
int resolver_numeric(const char *host, uint16_t port, struct addrinfo **addresses)
	__attribute__((warn_unused_result));

#endif
