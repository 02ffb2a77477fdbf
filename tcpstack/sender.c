#include "sender.h"

#include <string.h>

#include "rto.h"
#include "seq.h"
#include "stack.h"

static void queue_idle(struct sender_pool *pool, struct tcp_sender *sender)
{
	sender->idle = true;
	sender->idle_next = NULL;
	sender->idle_prev = pool->idle_last;
	if (pool->idle_last != NULL) {
		pool->idle_last->idle_next = sender;
	} else {
		pool->idle_first = sender;
	}
	pool->idle_last = sender;
}

static void leave_idle(struct sender_pool *pool, struct tcp_sender *sender)
{
	sender->idle = false;
	if (sender->idle_prev != NULL) {
		sender->idle_prev->idle_next = sender->idle_next;
	} else {
		pool->idle_first = sender->idle_next;
	}
	if (sender->idle_next != NULL) {
		sender->idle_next->idle_prev = sender->idle_prev;
	} else {
		pool->idle_last = sender->idle_prev;
	}
}

void sender_pool_init(struct sender_pool *pool, struct tcp_sender *senders, uint32_t count,
		      struct tcp_transmission *transmissions, uint32_t transmission_count)
{
	transmission_pool_init(&pool->transmissions, transmissions, transmission_count);
	for (uint32_t i = 0; i < count; i++) {
		queue_idle(pool, &senders[i]);
	}
}

/* The one that it left, else the one that has been idle for longest. */
static struct tcp_sender *take_idle(struct tcp_conn *conn)
{
	struct sender_pool *pool = &conn->stack->senders;
	struct tcp_sender *sender = conn->sender != NULL ? conn->sender : pool->idle_first;

	if (sender == NULL) {
		tcp_count(conn->stack, no_sender);
		return NULL;
	}
	leave_idle(pool, sender);
	if (conn->sender == NULL) {
		if (sender->conn != NULL) {
			sender->conn->sender = NULL;
		}
		memset(sender, 0, sizeof(*sender));
		scoreboard_init(&sender->board, &pool->transmissions);
		sender->conn = conn;
		conn->sender = sender;
	}
	return sender;
}

/* What duplicate acknowledgements go by is not kept up while there is a scoreboard (dupack.h). */
static void mend_recover(struct tcp_conn *conn, uint32_t highest)
{
	if (seq_gt(conn->recover, highest)) {
		conn->recover = conn->snd_una - 1; /* 2 GiB old: it only seems to lie ahead */
	}
}

void sender_begin(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;

	mend_recover(conn, conn->snd_una);
	if (sender == NULL || sender->idle) {
		sender = take_idle(conn);
	}
	if (sender == NULL) {
		return;
	}
	sender->recording = (conn->flags & TCP_CONN_SACK) != 0;
	sender->phase = TCP_SENDER_OPEN;
	sender->timer = TCP_TIMER_RTO;
	sender->seen_count = 0;
	sender->limited_end = conn->snd_una;
	sender->used = 0;
	sender->used_end = conn->snd_una;
	sender->tlp.due = false; /* whether its copy repaired a loss shows only now */
	rack_restart(&sender->rack);
}

void sender_end(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;

	if (sender != NULL && !sender->idle) {
		scoreboard_clear(&sender->board);
		sender->recording = false;
		sender->phase = TCP_SENDER_OPEN;
		queue_idle(&conn->stack->senders, sender);
	}
}

/* What recovery by duplicate acknowledgements (dupack.h) makes of the phase. */
void sender_abandon(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;

	tcp_count(conn->stack, no_transmission);
	mend_recover(conn, conn->snd_max);
	if (sender->phase == TCP_SENDER_RECOVERY) {
		conn->flags |= TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT;
	} else if (sender->board.lost_bytes > 0) {
		conn->snd_nxt = conn->snd_una;
	}
	scoreboard_clear(&sender->board);
	tlp_cancel(&sender->tlp);
	sender->recording = false;
	sender->phase = TCP_SENDER_OPEN;
	rto_restart(conn); /* a probe may have been due, which is sooner */
}

void sender_put(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;

	sender_end(conn);
	if (sender != NULL) {
		sender->conn = NULL;
		conn->sender = NULL;
	}
}
