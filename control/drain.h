/*
 * Taking the edge out of service: no new publishes or plays, those that can are asked to connect
 * elsewhere (Enhanced RTMP v2, "Reconnect Request"), the others stay until they leave or the time
 * is over.
 *
 * The port stays open: an encoder that connects is told why, which a refused connection does not.
 * What is drained stands in `pub` of the workers, so that a control that dies hands it on; it ends
 * with drain_stop() or with the dataplane. Whom a worker asked in this drain it does not ask again,
 * so that the next control may begin with all of them. The same goes for players (players.h). Main
 * thread.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/pub.h"
#include "drain_target.h"

struct control;
struct registry_stream;

#define DRAIN_NO_LIMIT UINT64_MAX

struct drain {
	uint64_t until_us;             /* CLOCK_MONOTONIC; DRAIN_NO_LIMIT; 0: nothing is drained */
	char target[DRAIN_TARGET_MAX]; /* URL, or empty: they come back to the same name */
	bool told;                     /* the workers have it */
};

struct drain_left {
	uint32_t streams;
	uint32_t asked; /* of them, those that can connect anew, and were asked to */
	uint32_t players;
	uint32_t players_asked; /* of them, those that are asked if they can connect anew */
};

static inline bool drain_active(const struct drain *drain)
{
	return drain->until_us != 0;
}

void drain_start(struct control *control, const char *target, uint64_t until_us);
void drain_stop(struct control *control);

/* After the attach: goes on with what the one before left, or tells a new dataplane. */
void drain_attached(struct control *control);

/* Asks some more streams to leave; ends them when the time is over. */
void drain_tick(struct control *control);

struct drain_left drain_left(const struct control *control);

#endif
