/*
 * The ring of slots with news of one worker (abi/pub.h), and the sleep until there are some
 * (abi/sub.h). The relay thread uses it.
 *
 * The ring is overwritten without regard to its reader: one that came too late is told so, and then
 * every stream has news.
 */
#ifndef RELAY_NEWS_H
#define RELAY_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/sub.h"

struct news {
	const struct abi_pub *pub;
	const _Atomic uint32_t *ring;
	_Atomic uint32_t *sleeping; /* flag of ours in `sub` */
	uint64_t seen;              /* position in the ring */
};

/* The ring stands at `offset` of `pub`. What came before is not news. */
void news_init(struct news *news, const struct abi_pub *pub, uint64_t offset, struct abi_sub *sub);

/* Calls `see` for each slot that had news since the last call. False: some were lost. */
bool news_read(struct news *news, void (*see)(void *app, uint32_t slot), void *app)
	__attribute__((warn_unused_result));

/* Between the two the worker wakes us when there are news. False: there are, do not sleep. */
bool news_begin_sleep(struct news *news) __attribute__((warn_unused_result));
void news_end_sleep(struct news *news);

#endif
