/*
 * The ends of TCP's cases: a stack whose owner gives back every segment at once, and 32 peers.
 */
#ifndef MICRO_ENDS_H
#define MICRO_ENDS_H

#include "bench/micro_src/plant.h"
#include "tcpstack/tcp.h"

struct micro_count;

struct ends {
	struct tcp_stack *stack;
	struct stream stream;
	struct flow flows[PLANT_FLOWS];
	struct tcp_conn *conns[PLANT_FLOWS]; /* in the order in which they were accepted */
	uint32_t accepted;
	uint32_t closed;
	uint64_t received; /* bytes */
};

extern struct ends ends;

/* For cases: without connections, and with all of them. 0 or -errno. */
int ends_open(uint32_t parameter);
int ends_open_established(uint32_t parameter);
void ends_close(void);

/* SYN, SYN-ACK, ACK of 32 connections; the stack's part is measured. */
void ends_handshake(void);

/* Frames of flows become IP packets, as net leaves them. */
void ends_strip(struct rte_mbuf **frames, uint32_t count);
/* What each flow has to say, media apart, in one burst. */
void ends_put_setup(struct rte_mbuf **packets);
void ends_put_media(struct flow *flow, struct rte_mbuf **packets, uint16_t count);

/* What the stack sends reaches the flows, or nobody. */
void ends_answer(void);
void ends_discard(void);

struct rte_mbuf *ends_make_reply(void);
/* One on each connection. */
void ends_send_replies(void);

void ends_step_time(void);
/* All bytes of `count` came, in so many segments. */
void ends_count(struct micro_count *count, uint32_t segments);

#endif
