/*
 * What one peer may cost: limits that each end its connection, with an error of their own.
 *
 * Until a publish or play is asked for, what the peer may send in all is bounded, chunks of one
 * byte included; its commands until one is accepted. From then on rates are, with so much more for
 * each byte of what it sends: the fast may send more messages and more chunks, but not ones that
 * cost more than they carry. A chunk of one byte costs as much as one of 4096, so that a peer with
 * chunk size 1 would cost some hundred times as much CPU for each byte.
 *
 * A second is what the owner says it is: it calls rtmp_server_begin_second(). 0 is no limit.
 */
#ifndef RTMP_LIMITS_H
#define RTMP_LIMITS_H

#include <stdint.h>

struct rtmp_limits {
	/* of the connection */
	uint32_t chunk_streams; /* at most, and by default, RTMP_CHUNK_STREAMS */
	uint32_t amf_depth;     /* of a command; at most, and by default, AMF0_DEPTH_MAX */
	uint32_t amf_elements;  /* values in a command */
	/* before a publish or play is asked for */
	uint32_t early_bytes;
	uint32_t early_messages;
	uint32_t early_chunks;
	uint32_t early_message_max; /* bytes */
	uint32_t early_commands;    /* before one is accepted */
	/* a second, afterwards */
	uint32_t commands;
	uint32_t controls; /* protocol control and what is set aside */
	uint32_t messages; /* of all kinds, and one more for each bytes_per_message */
	uint32_t chunks;   /* and one more for each bytes_per_chunk */
	uint32_t bytes_per_message;
	uint32_t bytes_per_chunk;
};

/* What was counted, since the connection began or since a moment. */
struct rtmp_tally {
	uint64_t bytes;
	uint32_t chunks; /* these wrap */
	uint32_t messages;
	uint32_t commands;
	uint32_t controls;
};

#endif
