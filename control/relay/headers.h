/*
 * Header cache of a stream: the messages that a decoder needs before the first keyframe. One of
 * each kind for each track (abi/log.h), in the order in which a decoder takes them.
 *
 * Headers and sets of them are immutable and counted, so that a keyframe's mark can keep the very
 * set that was in force when it came, however often the publisher changes it afterwards. One relay
 * thread uses them. A stream without headers has no set: NULL stands for the empty one everywhere.
 */
#ifndef HEADERS_H
#define HEADERS_H

#include "log_reader.h"

#define HEADER_MAX (64u * 1024) /* bytes of payload: longer ones are not kept */

struct header {
	uint32_t references;
	uint32_t length;
	uint8_t type; /* of the RTMP message; these four as in its entry */
	uint8_t kind; /* enum abi_header_kind */
	uint8_t track;
	uint8_t flags;
	uint8_t data[];
};

struct header_set {
	uint32_t references;
	uint32_t count;
	struct header *headers[ABI_HEADERS_MAX]; /* by kind, and within one as they came */
};

/* Kind of a message, ABI_HEADER_NONE for one that is no header. */
uint8_t headers_kind(const struct abi_log_entry *entry);

/*
 * Takes the message in place of the one of its kind and track; `*set` is another set then. One that
 * is too long, or has no room, is left out with the one before it. -1: no memory or broken log.
 */
int headers_update(struct header_set **set, const struct log_view *view,
		   const struct log_message *message) __attribute__((warn_unused_result));

/* Takes what the dataplane kept of a stream whose beginning is gone (a seqlock, abi/pub.h). */
int headers_seed(struct header_set **set, const struct log_view *view,
		 const struct abi_stream *stream) __attribute__((warn_unused_result));

/* Another reference, given back by headers_put(). */
struct header_set *headers_get(struct header_set *set);
void headers_put(struct header_set *set);

/* The one of that kind and track, not of several tracks; NULL: none. */
const struct header *headers_find(const struct header_set *set, uint8_t kind, uint8_t track);

#endif
