/*
 * Sources that a worker refuses (dataplane.per_source), in the log: whoever runs many encoders
 * behind one address finds the setting there, not only a counter. From the worker's counter, which
 * says how many, and its trace, which has the last one's address. At once for the first, then at
 * most once a minute for each worker.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include <stdint.h>

struct control;

struct sources {
	uint32_t counter; /* its index; UINT32_MAX: the dataplane has none */
	uint64_t told;    /* its value, when it was written down last */
	uint64_t told_us; /* when that was; 0: not yet */
};

/* After an attach: what was refused before it is no news. */
void sources_attached(struct control *control, uint32_t worker);

/* Now and then. */
void sources_tick(struct control *control);

#endif
