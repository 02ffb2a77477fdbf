/*
 * What a connection needs while it has data in flight: the scoreboard with its records, RACK, tail
 * loss probe, PRR, undo, and the memory of the congestion control.
 *
 * Senders come from a pool of the stack. A connection whose data are all acknowledged leaves its
 * sender in the queue of idle ones and gets it back, with what was learnt, unless another needed it
 * in between. A connection that finds none, or that has no SACK, recovers by duplicate
 * acknowledgements alone (dupack.h).
 */
#ifndef TCPSTACK_SENDER_H
#define TCPSTACK_SENDER_H

#include "conn.h"
#include "cubic.h"
#include "prr.h"
#include "rack.h"
#include "scoreboard.h"
#include "tlp.h"
#include "undo.h"

enum sender_phase {
	TCP_SENDER_OPEN,
	TCP_SENDER_RECOVERY, /* fast recovery, until snd_una reaches recover */
	TCP_SENDER_LOSS,     /* after a timeout, likewise */
};

/* What conn->retransmit_at_us is for; RFC 8985 7.2: one of them at a time. */
enum sender_timer { TCP_TIMER_RTO, TCP_TIMER_REORDER, TCP_TIMER_PROBE };

struct tcp_sender {
	struct tcp_scoreboard board;
	struct tcp_rack rack;
	struct tcp_tlp tlp;
	struct tcp_prr prr;
	struct tcp_undo undo;
	struct tcp_cubic cubic;
	struct tcp_sack_block seen[TCP_SACK_BLOCKS]; /* of the last acknowledgement */
	uint32_t limited_end;                        /* snd_max when cwnd was last the limit */
	uint32_t used;     /* most in flight since snd_una was where used_end was set */
	uint32_t used_end; /* snd_max then */
	uint32_t dsacks;   /* reports of duplicates that were heeded */
	uint8_t seen_count;
	uint8_t phase;         /* enum sender_phase */
	uint8_t timer;         /* enum sender_timer */
	bool frto;             /* the timeout may have been spurious: RFC 5682 */
	bool recording;        /* the scoreboard covers what is in flight */
	bool idle;             /* in the queue of those without data in flight */
	struct tcp_conn *conn; /* NULL: nobody's */
	struct tcp_sender *idle_next;
	struct tcp_sender *idle_prev;
};

struct sender_pool {
	struct tcp_sender *idle_first; /* idle for longest: the next to be taken */
	struct tcp_sender *idle_last;
	struct transmission_pool transmissions;
};

void sender_pool_init(struct sender_pool *pool, struct tcp_sender *senders, uint32_t count,
		      struct tcp_transmission *transmissions, uint32_t transmission_count);

/* The first data of a flight are about to be sent. */
void sender_begin(struct tcp_conn *conn);
/* All is acknowledged: it may be taken by others. */
void sender_end(struct tcp_conn *conn);
/* There is no record for what was sent: this flight goes on without. */
void sender_abandon(struct tcp_conn *conn);
/* The connection is over. */
void sender_put(struct tcp_conn *conn);

static inline bool sender_recording(const struct tcp_conn *conn)
{
	return conn->sender != NULL && conn->sender->recording;
}

#endif
