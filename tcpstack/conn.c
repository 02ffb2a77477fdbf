#include "conn.h"

#include <assert.h>
#include <string.h>

#include "sender.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"
#include "tune.h"

struct tcp_conn *conn_create(struct tcp_stack *stack, const struct tcp_key *key, uint32_t hash,
			     uint32_t replaced_ref)
{
	struct tcp_conn *conn = stack->conn_free;
	uint32_t index;
	uint32_t ref;

	if (conn == NULL) {
		return NULL;
	}
	index = conn->index;
	ref = flow_ref(TCP_RECORD_CONNECTION, index);
	if (replaced_ref != FLOW_REF_NONE) {
		tcp_flow_table_replace(&stack->flows, hash, replaced_ref, ref);
	} else if (tcp_flow_table_insert(&stack->flows, hash, ref) < 0) {
		return NULL;
	}
	stack->conn_free = conn->dirty_next;
	stack->conn_count++;
	memset(conn, 0, sizeof(*conn));
	conn->index = index;
	conn->stack = stack;
	conn->key = *key;
	conn->id = ++stack->conn_serial != 0 ? stack->conn_serial : ++stack->conn_serial;
	conn->opened_ms = stack_milliseconds(stack);
	tcp_trace(conn, opened, trace_address(key), key->remote_port);
	conn->rcv_grant = stack->config.receive_initial;
	return conn;
}

static void leave_dirty(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	if (!(conn->flags & TCP_CONN_DIRTY)) {
		return;
	}
	if (conn->dirty_prev != NULL) {
		conn->dirty_prev->dirty_next = conn->dirty_next;
	} else {
		stack->dirty_head = conn->dirty_next;
	}
	if (conn->dirty_next != NULL) {
		conn->dirty_next->dirty_prev = conn->dirty_prev;
	} else {
		stack->dirty_tail = conn->dirty_prev;
	}
	conn->flags &= ~(uint32_t)TCP_CONN_DIRTY;
}

static void count_end(struct tcp_stack *stack, enum tcp_close_reason reason)
{
	switch (reason) {
	case TCP_CLOSE_NORMAL:
		tcp_count(stack, closed);
		break;
	case TCP_CLOSE_TIMEOUT:
	case TCP_CLOSE_KEEPALIVE:
	case TCP_CLOSE_UNREACHABLE:
		tcp_count(stack, closed_timeout);
		break;
	default:
		tcp_count(stack, closed_reset);
		break;
	}
}

static void free_buffers(struct tcp_conn *conn)
{
	chain_free(&conn->rx);
	send_queue_clear(&conn->send);
	if (conn->side != NULL) {
		ooo_clear(&conn->side->ooo);
		conn_side_put(conn);
	}
	sender_put(conn);
}

void conn_finish(struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct tcp_stack *stack = conn->stack;

	assert(!(conn->flags & TCP_CONN_DEAD));
	tcp_wheel_cancel(&stack->wheel, &conn->timer);
	leave_dirty(conn);
	if (!(conn->flags & TCP_CONN_ACTIVE)) {
		source_closed(stack, &conn->key.remote);
	}
	if (conn->state == TCP_TIME_WAIT_STATE) {
		time_wait_replace(conn);
	} else {
		tcp_flow_table_remove(&stack->flows, stack_hash(stack, &conn->key),
				      flow_ref(TCP_RECORD_CONNECTION, conn->index));
	}
	conn->flags |= TCP_CONN_DEAD;
	free_buffers(conn);
	tune_fini(conn);
	conn->dirty_next = stack->conn_dead;
	stack->conn_dead = conn;
	stack->conn_count--;
	count_end(stack, reason);
	tcp_trace(conn, closed, reason, conn->retransmits);
	if (!(conn->flags & TCP_CONN_REFUSED)) {
		stack_enter(stack);
		stack->config.ops->closed(conn->user, conn, reason);
		stack_leave(stack);
	}
}

void conn_reap(struct tcp_stack *stack)
{
	while (stack->conn_dead != NULL) {
		struct tcp_conn *conn = stack->conn_dead;

		stack->conn_dead = conn->dirty_next;
		conn->dirty_next = stack->conn_free;
		stack->conn_free = conn;
	}
}

void conn_event(struct tcp_conn *conn, enum tcp_event event)
{
	const struct tcp_transition *to = tcp_transition((enum tcp_state)conn->state, event);

	assert(to->kind == TCP_TRANSITION_GO || to->kind == TCP_TRANSITION_STAY);
	if (to->kind == TCP_TRANSITION_GO) {
		conn->state = (uint8_t)to->next;
		tcp_trace(conn, state, to->next, event);
	}
}

void conn_end(struct tcp_conn *conn, enum tcp_event event, enum tcp_close_reason reason)
{
	conn_event(conn, event);
	conn->close_reason = (uint8_t)reason;
	conn_touch(conn);
}

void conn_dirty(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	if (conn->flags & (TCP_CONN_DIRTY | TCP_CONN_DEAD)) {
		return;
	}
	conn->flags |= TCP_CONN_DIRTY;
	conn->dirty_next = NULL;
	conn->dirty_prev = stack->dirty_tail;
	if (stack->dirty_tail != NULL) {
		stack->dirty_tail->dirty_next = conn;
	} else {
		stack->dirty_head = conn;
	}
	stack->dirty_tail = conn;
}

void conn_touch(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	if (conn->flags & TCP_CONN_TOUCHED) {
		return;
	}
	assert(stack->touched_count < TCP_BURST);
	conn->flags |= TCP_CONN_TOUCHED;
	stack->touched[stack->touched_count++] = conn;
}

void conn_arm(struct tcp_conn *conn, uint64_t at_us)
{
	tcp_wheel_arm(&conn->stack->wheel, &conn->timer, at_us);
}

struct tcp_side *conn_side_get(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	struct tcp_side *side = stack->side_free;

	if (conn->side != NULL || side == NULL) {
		return conn->side;
	}
	stack->side_free = side->next_free;
	ooo_init(&side->ooo, &stack->ooo);
	conn->side = side;
	return side;
}

void conn_side_put(struct tcp_conn *conn)
{
	struct tcp_side *side = conn->side;

	if (side != NULL && side->ooo.count == 0) {
		conn->side = NULL;
		side->next_free = conn->stack->side_free;
		conn->stack->side_free = side;
	}
}
