/*
 * Publishers: RTMP clients over tcpstack that send synthetic content, paced or unpaced.
 */
#ifndef GEN_PUBLISHER_H
#define GEN_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/gen/content.h"
#include "rtmp/client.h"
#include "tcpstack/tcp.h"

struct rte_mempool;

/* What all publishers share. */
struct publishers {
	struct tcp_stack *stack;
	struct rte_mempool *pool; /* payload mbufs */
	uint32_t bitrate_kbps;    /* 0: unpaced */
	uint32_t message;
	uint32_t chunk_size;
	uint64_t now_us;
	uint64_t sent_bytes; /* payload of messages handed to TCP */
	uint64_t messages;
	uint32_t publishing;
	uint32_t refused;
	uint32_t lost; /* connections that ended while they were not finished */
	bool finishing;
};

struct publisher {
	struct publishers *all;
	struct tcp_conn *conn; /* NULL: not connected (any more) */
	struct rtmp_client client;
	struct content content;
	struct content_message next; /* generated, not sent yet */
	bool has_next;
	bool publishing;
	uint64_t started_us;
	uint64_t sent_bytes;
	char name[256];
	char tc_url[160];
};

extern const struct tcp_ops publisher_tcp_ops;

/* Opens the connection. 0 or -errno. */
int publisher_start(struct publisher *p, struct publishers *all, const struct tcp_endpoint *local,
		    const struct tcp_endpoint *remote, const char *app, uint32_t index,
		    const char *name) __attribute__((warn_unused_result));

/* Queues as many messages as time, TCP and memory allow, at most 16. */
void publisher_fill(struct publisher *p);

/* Ends the publish and the connection in order. */
void publisher_finish(struct publisher *p);

#endif
