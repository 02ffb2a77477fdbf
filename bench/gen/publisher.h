/*
 * Publisher: one RTMP session from the connection to its end, with content and pace of its own. It
 * knows nothing of what carries it (transport.h).
 */
#ifndef GEN_PUBLISHER_H
#define GEN_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/gen/content.h"
#include "bench/gen/options.h"
#include "bench/gen/outbox.h"
#include "bench/gen/transport.h"
#include "bench/gen/wheel.h"
#include "rtmp/client.h"

enum publisher_state {
	PUBLISHER_IDLE = 0,   /* no connection; the timer may start one */
	PUBLISHER_CONNECTING, /* TCP */
	PUBLISHER_SETUP,      /* handshake and commands */
	PUBLISHER_PUBLISHING,
	PUBLISHER_FINISHING, /* sends what is left, says goodbye, waits for the peer's end */
};

struct publisher {
	struct wheel_entry timer; /* first: the wheel knows the publisher by it */
	struct fleet *fleet;
	void *conn; /* the transport's */
	int fd;     /* the transport's; -1: none */
	uint8_t state;
	bool blocked; /* TCP has not taken all: publisher_writable() comes */
	bool slow;
	bool closing; /* the transport was told to */
	uint32_t arrival;
	struct outbox outbox;
	uint64_t connect_us; /* when it began to connect */
	uint64_t begin_us;   /* when its media began */
	uint64_t end_us;     /* deadline of the state; UINT64_MAX: none */
	uint64_t sent_bytes; /* payload of messages handed over, in the time measured */
	struct content content;
	struct rtmp_client client;
	char name[GEN_NAME_MAX + 16];
};

/* Whether it comes and goes. */
bool publisher_churns(const struct publisher *p);

/* Begins a new session as arrival number `arrival`; it must be idle. */
void publisher_start(struct publisher *p, uint32_t arrival);

/* What is due at fleet->now_us. */
void publisher_run(struct publisher *p);

/* Ends the publish and the connection in order. */
void publisher_finish(struct publisher *p);

/* Drops everything, silently. */
void publisher_abandon(struct publisher *p);

/* Upcalls of transports. After any of them the connection may be gone. */
void publisher_connected(struct publisher *p);
void publisher_received(struct publisher *p, uint8_t *data, uint32_t len);
void publisher_writable(struct publisher *p);
void publisher_peer_closed(struct publisher *p);
/* The connection is gone. */
void publisher_closed(struct publisher *p, enum gen_end why);

#endif
