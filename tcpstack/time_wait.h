/*
 * TIME_WAIT (RFC 9293 3.6.1) in one cache line: what is needed to acknowledge a late FIN, to
 * refuse old segments, and to let a new SYN in (RFC 6191). 2 MSL is one constant: a FIFO.
 */
#ifndef TCPSTACK_TIME_WAIT_H
#define TCPSTACK_TIME_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "key.h"
#include "timers.h"

struct tcp_conn;
struct tcp_segment;
struct tcp_stack;

struct tcp_time_wait_record {
	struct tcp_key key;
	struct tcp_fifo_timer timer;
	uint32_t rcv_nxt;
	uint32_t snd_nxt;
	uint32_t ts_recent;
	uint16_t wnd; /* as it stands in the header */
	uint16_t timestamps;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct tcp_time_wait_record) == 64, "TIME_WAIT is one cache line");

struct tcp_time_wait_pool {
	struct tcp_time_wait_record *records;
	struct tcp_fifo_timer *free;
	uint32_t count;
	struct tcp_fifo waiting;
};

void time_wait_pool_init(struct tcp_time_wait_pool *pool, void *memory, uint32_t records);
/* Puts a record in the place of a connection that reached TIME_WAIT. */
void time_wait_replace(struct tcp_conn *conn);
/*
 * A segment for a TIME_WAIT record. True when it is a SYN that may open a new connection: then the
 * record is gone and `iss_floor` is where the new sequence numbers must begin at least.
 */
bool time_wait_input(struct tcp_stack *stack, uint32_t index, const struct tcp_segment *seg,
		     uint32_t *iss_floor);
uint32_t time_wait_timers(struct tcp_stack *stack, uint32_t budget);
/* Forgets all of them, without a packet. */
void time_wait_clear(struct tcp_stack *stack);

#endif
