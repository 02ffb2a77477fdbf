/*
 * Header cache of a stream: the messages that a decoder needs before the first keyframe.
 *
 * A header is immutable and counted, so that a keyframe's mark can keep the very set that was in
 * force when it came, however often the publisher changes it afterwards. One relay thread uses it.
 */
#ifndef HEADERS_H
#define HEADERS_H

#include "log_reader.h"

#define HEADER_MAX (64u * 1024) /* bytes of payload: longer ones are not kept */

struct header {
	uint32_t references;
	uint32_t length;
	uint8_t type; /* of the RTMP message */
	uint8_t data[];
};

struct header_set {
	struct header *headers[ABI_HEADER_KINDS]; /* by enum abi_header_kind; NULL: none */
};

/* Kind of a flagged message, or -1 for one that is no header. */
int headers_kind(uint8_t type, uint8_t flags);

/* Takes the message in place of the one of its kind. -1: no memory or broken log. */
int headers_update(struct header_set *set, const struct log_view *view,
		   const struct log_message *message) __attribute__((warn_unused_result));

/* Takes what the dataplane kept of a stream whose beginning is gone (a seqlock, abi/pub.h). */
int headers_seed(struct header_set *set, const struct log_view *view,
		 const struct abi_stream *stream) __attribute__((warn_unused_result));

void headers_copy(struct header_set *to, const struct header_set *from); /* takes references */
void headers_clear(struct header_set *set);

#endif
