/*
 * The `sub` regions of one attach: a fresh one per worker, offered to the workers and taken back.
 * On the dataplane's main thread.
 */
#ifndef DP_LINK_OFFER_H
#define DP_LINK_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/sub.h"
#include "dataplane/link.h"

struct link_offer {
	const struct dp_link_worker *workers;
	uint32_t count;
	struct dp_region *subs; /* [count]; base NULL: none */
};

/* 0 or -ENOMEM. `workers` stay the caller's. */
int link_offer_init(struct link_offer *offer, const struct dp_link_worker *workers, uint32_t count)
	__attribute__((warn_unused_result));
void link_offer_fini(struct link_offer *offer);

/* A fresh region for every worker; 0 or -errno. */
int link_offer_create(struct link_offer *offer, uint64_t generation, uint64_t epoch)
	__attribute__((warn_unused_result));
/* No worker uses them any more. */
void link_offer_destroy(struct link_offer *offer);

/* Tells the workers to use them, or to let go of them. */
void link_offer_give(const struct link_offer *offer, bool attach);
/* Whether every worker did what it was told. */
bool link_offer_taken(const struct link_offer *offer, bool attach);

/* Sends worker `i`'s descriptors over the attach socket. 0 or -errno. */
int link_offer_send(const struct link_offer *offer, uint32_t i, int socket_fd)
	__attribute__((warn_unused_result));

static inline const struct abi_sub *link_offer_sub(const struct link_offer *offer, uint32_t i)
{
	return (const struct abi_sub *)(const void *)offer->subs[i].base;
}

#endif
