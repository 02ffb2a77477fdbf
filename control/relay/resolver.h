/*
 * Names of origins to addresses, on a thread of its own: getaddrinfo() blocks for as long as a DNS
 * server likes. Answers come as MAIL_RESOLVED.
 */
#ifndef RESOLVER_H
#define RESOLVER_H

#include "mailbox.h"

struct resolver;

struct resolver *resolver_create(void) __attribute__((warn_unused_result));
void resolver_destroy(struct resolver *resolver); /* leaves a thread that hangs in DNS behind */

/* `mail` is a MAIL_RESOLVED with everything set but the answer; it is taken over, also on error. */
int resolver_ask(struct resolver *resolver, struct mailbox *box, struct mail *mail,
		 const char *host, uint16_t port) __attribute__((warn_unused_result));

/* When it returns, nothing will be posted to the box any more. */
void resolver_forget(struct resolver *resolver, const struct mailbox *box);

/* An address given as numbers needs no DNS and no thread: 0, or a code of getaddrinfo(). */
int resolver_numeric(const char *host, uint16_t port, struct addrinfo **addresses)
	__attribute__((warn_unused_result));

#endif
