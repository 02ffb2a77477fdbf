/*
 * Publisher: one RTMP client on a non-blocking kernel socket, with a file or with synthetic
 * content.
 */
#ifndef INTEGRATION_PUBLISHER_H
#define INTEGRATION_PUBLISHER_H

#include <netdb.h>

#include "bench/common/flv_file.h"
#include "publish_options.h"
#include "rtmp/client.h"
#include "synthetic.h"

#define INCARNATIONS_MAX 64u

enum publisher_state {
	STATE_CONNECTING = 0, /* TCP, handshake and commands */
	STATE_PUBLISHING,
	STATE_FINISHING, /* everything is in `out`, or sent */
	STATE_CLOSED,
};

/* What all publishers share. */
struct publishing {
	struct options options;
	struct flv_file file;
	const struct addrinfo *to;
	int epoll;
	bool finish; /* end the publishes in order */
};

struct publisher {
	const struct publishing *all;
	int fd;
	enum publisher_state state;
	bool complete;   /* the last message was written and the server closed in order */
	bool in_message; /* the writer has chunks left of `tag` */
	bool shut;
	uint32_t index;
	uint32_t chunk_size;
	bool leaving;     /* it was asked to connect elsewhere */
	uint32_t lost;    /* publishes that ended before their time */
	uint32_t refused; /* attempts that did not become a publish */
	size_t tags;      /* of the file, begun */
	const struct flv_tag *tag;
	uint32_t offset; /* bytes of the message under way that were written */
	size_t sent;     /* bytes of `out` that the socket took */
	uint64_t opened_ms;
	uint64_t began_ms;
	uint64_t closed_ms;
	uint64_t messages[3]; /* audio, video, data */
	uint64_t bytes[3];
	struct synthetic synthetic;
	uint64_t numbers[INCARNATIONS_MAX]; /* messages with a number that were begun, by
					       incarnation */
	struct rtmp_out out;
	struct rtmp_client client;
	char name[URL_PART];
	char code[128];
	char text[256];
};

uint64_t publisher_now_ms(void);

/* Opens the first connection: 0, or -1; publisher_close() in both cases. */
int publisher_open(struct publisher *p, const struct publishing *all, uint32_t index)
	__attribute__((warn_unused_result));
void publisher_close(struct publisher *p);

/* Opens a new connection after the last one was lost or refused. */
void publisher_reopen(struct publisher *p);

/* Reads, generates and writes what can be. */
void publisher_step(struct publisher *p);

/* Closes it for this reason; the first one stays. */
void publisher_fail(struct publisher *p, const char *code, const char *text);

#endif
