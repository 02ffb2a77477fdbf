/*
 * Spans: how bytes come into the library, and how its replies leave it.
 *
 * The library never owns memory that bytes live in. A span is a run of received bytes with an
 * opaque owner (an mbuf in the dataplane, NULL elsewhere); what is read from it is handed on as
 * pieces that point into it and carry the owner along.
 */
#ifndef RTMP_SPAN_H
#define RTMP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtmp_span {
	uint8_t *data;
	uint32_t len;
	bool exclusive; /* nobody else reads or holds these bytes: a filter may rewrite them */
	void *owner;
};

/*
 * Output buffer of the caller, appended to. A write that does not fit writes nothing, sets
 * `overflow` and returns false; callers check the flag once at the end.
 */
struct rtmp_out {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool overflow;
};

bool rtmp_out_put(struct rtmp_out *out, const void *data, size_t len);

#endif
