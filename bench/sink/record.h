/*
 * Record of one publish: what came, and whether it can be what was sent.
 */
#ifndef SINK_RECORD_H
#define SINK_RECORD_H

#include "flv.h"
#include "latency.h"
#include "marks.h"
#include "rtmp/server.h"

#include <sys/queue.h>

enum record_ended { RECORD_RUNNING = 0, RECORD_UNPUBLISH, RECORD_CLOSE };

enum record_kind { RECORD_AUDIO = 0, RECORD_VIDEO, RECORD_DATA, RECORD_KINDS };

struct record_count {
	uint64_t messages;
	uint64_t bytes;          /* payload */
	uint64_t backward;       /* steps of the timestamp */
	uint64_t gaps;           /* over RECORD_GAP_MS */
	uint32_t last_timestamp; /* of the last message with media in it */
	bool timed;
};

#define RECORD_GAP_MS 1000u

struct record {
	TAILQ_ENTRY(record) link;
	uint64_t number; /* from 1, in the order of publishing */
	char app[RTMP_APP_MAX];
	char name[RTMP_NAME_MAX]; /* without its query, which may hold a key */
	enum record_ended ended;
	const char *error; /* why the connection was closed by us, or NULL */
	struct record_count counts[RECORD_KINDS];
	uint64_t other_messages;      /* neither audio, video nor data */
	uint64_t incomplete_messages; /* begun, never finished */
	uint64_t keyframes;
	uint64_t sequence_headers;
	uint32_t crc32; /* of audio and video payloads, in the order of their completion */
	uint32_t first_timestamp;
	uint32_t last_timestamp;
	bool timed; /* the two above are set */
	bool checksum;
	bool marked; /* `marks` is in use */
	struct marks_publish marks;
	struct latency *latency; /* of all publishes; NULL: not measured */
	struct flv flv;
};

/* One complete message of the publish. */
void record_message(struct record *r, uint8_t type, uint32_t timestamp, const uint8_t *data,
		    uint32_t len);

uint64_t record_bytes(const struct record *r);
uint32_t record_duration_ms(const struct record *r);
const char *record_ended_name(enum record_ended ended);

#endif
