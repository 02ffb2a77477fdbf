#include "close.h"

#include "packet.h"
#include "reply.h"
#include "rto.h"
#include "stack.h"
#include "trace.h"

static void send_reset(struct tcp_conn *conn)
{
	struct tcp_header header = {.key = &conn->key,
				    .seq = conn->snd_max,
				    .ack = conn->rcv_nxt,
				    .flags = TCP_RST | TCP_ACK};

	/* A peer whose window is closed accepts only its exact edge. */
	if (seq_gt(header.seq, conn->snd_una + conn->snd_wnd)) {
		header.seq = conn->snd_nxt;
	}
	/* RFC 7323 3.2: RSTs should have the option, too. */
	if (conn->flags & TCP_CONN_TIMESTAMPS) {
		header.opt.flags = TCP_OPT_TIMESTAMPS;
		header.opt.tsval = stack_timestamp(conn->stack, conn->ts_offset);
		header.opt.tsecr = conn->ts_recent;
	}
	tcp_count(conn->stack, tx_resets);
	tcp_trace(conn, tx_reset, header.seq, header.ack);
	reply_send(conn->stack, &header);
}

static bool wants_reset(const struct tcp_conn *conn)
{
	return conn->state != TCP_CLOSED_STATE && conn->state != TCP_SYN_SENT_STATE &&
	       conn->state != TCP_TIME_WAIT_STATE;
}

void close_reset(struct tcp_conn *conn, enum tcp_close_reason reason)
{
	if (wants_reset(conn)) {
		send_reset(conn);
	}
	conn_event(conn, TCP_EVENT_ABORT);
	conn_finish(conn, reason);
}

void tcp_abort(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	if (conn->flags & TCP_CONN_DEAD) {
		return;
	}
	stack_enter(stack);
	close_reset(conn, TCP_CLOSE_ABORTED);
	stack_leave(stack);
}

void tcp_close(struct tcp_conn *conn)
{
	if (conn->flags & (TCP_CONN_DEAD | TCP_CONN_FIN_QUEUED)) {
		return;
	}
	if (conn->state == TCP_SYN_SENT_STATE) {
		tcp_abort(conn);
		return;
	}
	rto_note_work(conn);
	conn->flags |= TCP_CONN_FIN_QUEUED;
	/* In SYN-RECEIVED it waits until the connection is established (RFC 9293 3.10.4). */
	if (conn->state != TCP_SYN_RECEIVED_STATE) {
		conn_event(conn, TCP_EVENT_CLOSE);
		conn_dirty(conn);
	}
}

void tcp_abort_all(struct tcp_stack *stack)
{
	stack_enter(stack);
	for (uint32_t i = 0; i < stack->config.connections; i++) {
		struct tcp_conn *conn = &stack->conns[i];

		if (conn->stack != NULL && !(conn->flags & TCP_CONN_DEAD)) {
			close_reset(conn, TCP_CLOSE_ABORTED);
		}
	}
	time_wait_clear(stack);
	stack_leave(stack);
}
