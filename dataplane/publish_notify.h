/*
 * How control learns of things: the ring of events, the ring of streams with news, and the two
 * wake-ups (control/abi/pub.h and sub.h).
 *
 * Wake-ups: having published, the worker runs a sequentially consistent fence and looks at the
 * sleeping flag; control sets the flag, runs the same fence and looks at what is published before
 * it sleeps. One of the two sees the other. At most one write to each eventfd per loop, and for
 * streams with news one in PUBLISH_WAKE_US: a write costs the worker as much as ten packets do.
 */
#ifndef DP_PUBLISH_NOTIFY_H
#define DP_PUBLISH_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/pub.h"

#define PUBLISH_WAKE_US 250u /* between two wake-ups of a relay thread */

struct abi_sub;
struct dp_counters;

struct publish_notify {
	struct abi_pub *pub;
	struct abi_event *events;
	_Atomic uint32_t *news;
	struct dp_counters *counters;
	uint64_t event_head; /* private copies of what pub shows */
	uint64_t news_head;
	int news_fd;
	int events_fd;
	uint64_t news_woken_us;
	bool event_sent; /* since the last wake-up */
	bool news_sent;
};

void publish_notify_init(struct publish_notify *notify, struct abi_pub *pub,
			 struct dp_counters *counters);

/* Puts an event into the ring; false when control left no room. */
bool publish_notify_event(struct publish_notify *notify, const struct abi_sub *sub,
			  const struct abi_event *event);

/* The stream has news; the caller sees to it that it says so once per loop. */
void publish_notify_news(struct publish_notify *notify, uint32_t slot);

/* End of a loop: wakes the threads of control that sleep and have something to read. */
void publish_notify_wake(struct publish_notify *notify, const struct abi_sub *sub, uint64_t now_us);

/* When publish_notify_wake() has to be called again; UINT64_MAX: not before there is more to tell.
 */
uint64_t publish_notify_next_us(const struct publish_notify *notify);

#endif
