/*
 * The sink: listeners, connections and records in one epoll loop, one thread.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "conn.h"
#include "report.h"

#define SINK_LISTEN_MAX  16u
#define SINK_RECORDS_MAX 100000u /* ended publishes beyond it are forgotten, the oldest first */
#define SINK_RX_BYTES    (256u << 10)
#define SINK_TX_BYTES    (32u << 10)

struct sink_options {
	const char *listen[SINK_LISTEN_MAX];
	uint32_t listen_count;
	const char *flv_dir;    /* NULL: none */
	const char *json;       /* NULL: none */
	const char *latency;    /* file for the latencies; NULL: not measured */
	const char *marks;      /* table of marks to fill; NULL: payloads are not marked */
	const char *show_marks; /* print this table and end */
	uint64_t once;          /* end after so many publishes ended; 0: never */
	uint32_t seconds;       /* end after so long; 0: never */
	bool chunk_log;
	bool checksum;
	bool quiet;

	/* Faults, for those who test a relay; they count from the beginning of each connection. */
	bool never_read;      /* connections are accepted, and that is all */
	uint64_t stall_after; /* bytes, then nothing is read any more; 0: never */
	uint64_t reset_after; /* bytes, then the connection is reset; 0: never */
};

/* Aggregate messages under way at a time; more are counted as nothing, and missing. */
#define SINK_AGGREGATES 256u

struct sink {
	const struct sink_options *options;
	struct rtmp_server_config rtmp;
	struct rtmp_aggregate_pool aggregate_pool;
	struct rtmp_aggregate aggregates[SINK_AGGREGATES];
	struct loop loop;
	struct marks *marks; /* NULL: none */
	struct latency latency;
	struct loop_source signals;
	struct loop_source timer;
	struct loop_source listeners[SINK_LISTEN_MAX];
	uint32_t listeners_count;
	bool accept_paused; /* out of descriptors: looked at again once a second */
	bool stop;
	bool dirty;      /* something changed since the report was written */
	bool report_due; /* a publish ended since then */
	uint32_t elapsed_s;
	uint64_t seed;
	struct conn_list conns;
	struct record_list records;
	uint64_t records_count;
	uint64_t published;
	uint64_t ended;
	uint8_t rx[SINK_RX_BYTES];
	uint8_t tx[SINK_TX_BYTES];
};

/* Opens the listeners: 0, or -1 after an error line on stderr. */
int sink_open(struct sink *sink, const struct sink_options *options)
	__attribute__((warn_unused_result));

/* Runs until a signal, --once or --seconds ends it; 0, or -1 if a report was not written. */
int sink_run(struct sink *sink) __attribute__((warn_unused_result));
void sink_close(struct sink *sink);

/* Port of a listener, for those who asked for port 0. */
uint16_t sink_port(const struct sink *sink, uint32_t listener);

/* A publish begins and ends. begin: NULL when out of memory. */
struct record *sink_publish(struct sink *sink, const char *app, const char *name);
void sink_publish_end(struct sink *sink, struct record *record, enum record_ended how);

#endif
