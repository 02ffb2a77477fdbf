/* What the owner of a connection may ask and say (tcpstack/tcp.h). */
#include <errno.h>

#include <rte_mbuf.h>

#include "rto.h"
#include "stack.h"
#include "window.h"

void tcp_set_user(struct tcp_conn *conn, void *user)
{
	conn->user = user;
}

void *tcp_user(const struct tcp_conn *conn)
{
	return conn->user;
}

uint32_t tcp_send_space(const struct tcp_conn *conn)
{
	uint32_t budget = conn->stack->config.send_budget;

	return conn->send.bytes < budget ? budget - conn->send.bytes : 0;
}

static bool may_send(const struct tcp_conn *conn)
{
	return !(conn->flags & (TCP_CONN_DEAD | TCP_CONN_FIN_QUEUED)) &&
	       conn->state != TCP_CLOSED_STATE && conn->state != TCP_TIME_WAIT_STATE;
}

int tcp_send(struct tcp_conn *conn, struct rte_mbuf *chain)
{
	if (!may_send(conn)) {
		return -EPIPE;
	}
	if (chain->pkt_len > TCP_CHAIN_MAX) {
		return -EMSGSIZE;
	}
	/* Where writable() was called, or would never be, a chain of any length goes in. */
	if (chain->pkt_len > tcp_send_space(conn) && !conn_is_writable(conn)) {
		conn->flags |= TCP_CONN_SEND_REFUSED;
		return -EAGAIN;
	}
	rto_note_work(conn);
	send_queue_append(&conn->send, chain);
	conn_dirty(conn);
	return 0;
}

void tcp_hold(struct tcp_conn *conn, uint32_t truesize)
{
	conn->held += truesize;
}

void tcp_release(struct tcp_conn *conn, uint32_t truesize)
{
	conn->held -= truesize < conn->held ? truesize : conn->held;
	if (!(conn->flags & TCP_CONN_DEAD) && conn->state >= TCP_ESTABLISHED_STATE &&
	    conn->state <= TCP_FIN_WAIT_2_STATE && window_wants_update(conn)) {
		conn_ack_now(conn);
	}
}

const uint64_t *tcp_counters(const struct tcp_stack *stack)
{
	return stack->counters;
}

void tcp_set_pressure(struct tcp_stack *stack, enum tcp_pressure pressure)
{
	stack->pressure = pressure;
}

uint32_t tcp_ooo_segments(const struct tcp_stack *stack)
{
	return stack->ooo.segments;
}

uint32_t tcp_shed_ooo(struct tcp_stack *stack)
{
	uint32_t segments = stack->ooo.segments;

	for (uint32_t i = 0; stack->ooo.segments > 0 && i < stack->config.connections; i++) {
		struct tcp_conn *conn = &stack->conns[i];

		if (conn->side != NULL && conn->side->ooo.count > 0) {
			ooo_clear(&conn->side->ooo);
			conn_side_put(conn);
		}
	}
	tcp_count_add(stack, shed_ooo, segments);
	return segments;
}
