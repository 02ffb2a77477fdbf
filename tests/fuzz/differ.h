/*
 * Differential check: one connection read by rtmp/chunk_reader.c and rtmp/aggregate.c, in spans and
 * runs, and by the slow readers, byte by byte. Either side writes down what it was told, and after
 * each span both must have written the same: neither may withhold what the other can tell.
 */
#ifndef FUZZ_DIFFER_H
#define FUZZ_DIFFER_H

#include "rtmp/aggregate.h"
#include "rtmp/error.h"
#include "slow_reader.h"

/* What one side says: entries and payload, one behind the other. */
struct said {
	uint8_t *bytes;
	uint32_t len;
	uint32_t cap;
};

/* What lies in the slots of the chunk reader. */
struct differ_slot {
	uint8_t payload[SLOW_MESSAGE_MAX];
	uint32_t got;
	struct rtmp_aggregate aggregate;
	int aggregate_error;
	struct said within; /* messages of the aggregate under way */
	uint8_t inner[SLOW_MESSAGE_MAX];
	uint32_t inner_got;
};

/* What a session had in it, for those who want to know whether it was worth while. */
struct differ_counts {
	uint64_t messages;
	uint64_t controls;
	uint64_t aborted;
	uint64_t within; /* messages of aggregates */
	uint64_t copied; /* pieces */
	uint64_t runs;
	uint64_t forgotten; /* chunk streams */
	uint64_t mismatches;
	uint64_t aggregate_errors;
	uint64_t errors[RTMP_ERROR_COUNT];
};

struct differ {
	struct rtmp_chunk_reader reader;
	struct differ_slot slots[RTMP_CHUNK_STREAMS];
	struct slow_reader slow;
	struct said fast_said;
	struct said slow_said;
	const char *wrong; /* what differs; NULL: nothing yet */
	int error;         /* of both */
	struct differ_counts counts;
};

/* For static memory: a differ is large, and keeps what it allocated from session to session. */
void differ_init(struct differ *d, uint32_t streams_max);
void differ_free(struct differ *d);

/* One span. False after an error of the session, or when the two differ. */
bool differ_feed(struct differ *d, const uint8_t *bytes, uint32_t len, bool runs);

/* A session in spans of random lengths, some of them read in runs. Returns d->wrong. */
const char *differ_session(struct differ *d, const uint8_t *bytes, uint32_t len, uint32_t seed);

#endif
