/*
 * One publisher's connection: bytes in, messages to the records of its publishes, replies out.
 */
#ifndef SINK_CONN_H
#define SINK_CONN_H

#include "assembly.h"
#include "loop.h"
#include "record.h"

#include <sys/queue.h>

struct conn_publish {
	uint32_t stream_id;
	struct record *record; /* NULL: none on this message stream */
};

struct conn {
	struct loop_source source; /* first: the loop knows the connection by it */
	TAILQ_ENTRY(conn) link;
	uint32_t opened_s;
	bool published;    /* at least once */
	bool stalled;      /* is not read any more, on purpose */
	uint64_t received; /* bytes */
	uint8_t *unsent;
	size_t unsent_len;
	size_t unsent_cap;
	struct conn_publish publishes[RTMP_SERVER_STREAMS];
	struct assembly assembly;
	struct rtmp_server rtmp;
};

TAILQ_HEAD(conn_list, conn);

/* Takes the descriptor over, also when it returns NULL. */
struct conn *conn_create(struct sink *sink, int fd);

/* Closes; publishes that still run are recorded as ended `how`. */
void conn_destroy(struct sink *sink, struct conn *conn, enum record_ended how);

/* Reads and handles what there is, up to SINK_RX_BYTES: 0, or -1 when it must be closed. */
int conn_receive(struct sink *sink, struct conn *conn) __attribute__((warn_unused_result));

/* Whether replies wait for the socket to take more. */
bool conn_has_unsent(const struct conn *conn);

/* Sends what could not be sent before: 0, or -1 when it must be closed. */
int conn_flush(struct conn *conn) __attribute__((warn_unused_result));

#endif
