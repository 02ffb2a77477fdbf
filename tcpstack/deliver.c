#include "deliver.h"

#include <rte_mbuf.h>

#include "receive.h"
#include "stack.h"

static void hand_up(struct tcp_conn *conn)
{
	uint32_t len = conn->rx_len;
	struct rte_mbuf *chain = chain_seal(&conn->rx, len);

	conn->rx_len = 0;
	conn->rx_bytes += len;
	tcp_count_add(conn->stack, rx_bytes, len);
	conn->stack->config.ops->received(conn->user, conn, chain);
}

static bool take_flag(struct tcp_conn *conn, uint32_t flag)
{
	bool set = (conn->flags & (flag | TCP_CONN_DEAD)) == flag;

	conn->flags &= ~flag;
	return set;
}

/* Any upcall may end the connection: DEAD is looked at before each next step. */
void deliver(struct tcp_conn *conn)
{
	const struct tcp_ops *ops = conn->stack->config.ops;

	if (conn->rx.head != NULL) {
		hand_up(conn);
	}
	if (take_flag(conn, TCP_CONN_PEER_CLOSED)) {
		ops->peer_closed(conn->user, conn);
	}
	if (take_flag(conn, TCP_CONN_WRITABLE)) {
		ops->writable(conn->user, conn);
	}
	if (conn->flags & TCP_CONN_DEAD) {
		return;
	}
	if (conn->state == TCP_TIME_WAIT_STATE || conn->state == TCP_CLOSED_STATE) {
		conn_finish(conn, (enum tcp_close_reason)conn->close_reason);
		return;
	}
	receive_schedule_ack(conn);
}

void deliver_touched(struct tcp_stack *stack)
{
	for (uint32_t i = 0; i < stack->touched_count; i++) {
		stack->touched[i]->flags &= ~(uint32_t)TCP_CONN_TOUCHED;
		deliver(stack->touched[i]);
	}
	stack->touched_count = 0;
}
