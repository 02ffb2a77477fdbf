#include "whole.h"

#include <stddef.h>

#include "sender.h"
#include "stack.h"

struct whole whole_of(const struct tcp_stack *stack)
{
	struct whole whole = {.transmissions = stack->senders.transmissions.free_count};

	for (const struct tcp_conn *c = stack->conn_free; c != NULL; c = c->dirty_next) {
		whole.connections++;
	}
	for (const struct tcp_side *s = stack->side_free; s != NULL; s = s->next_free) {
		whole.sides++;
	}
	for (const struct tcp_sender *s = stack->senders.idle_first; s != NULL; s = s->idle_next) {
		whole.senders++;
	}
	for (const struct ooo_range *r = stack->ooo.free; r != NULL; r = r->next) {
		whole.ranges++;
	}
	return whole;
}

static const char *is_left(const struct tcp_stack *stack)
{
	if (stack->conn_count != 0 || stack->conn_dead != NULL) {
		return "connections are left";
	}
	if (stack->syn.count != 0) {
		return "half-open records are left";
	}
	if (stack->time_wait.count != 0) {
		return "TIME-WAIT records are left";
	}
	if (stack->flows.count != 0) {
		return "entries of the flow table are left";
	}
	if (stack->wheel.count != 0) {
		return "timers are left";
	}
	if (stack->replies.count != 0 || stack->dirty_head != NULL || stack->touched_count != 0) {
		return "output is left";
	}
	return stack->ooo.segments != 0 ? "out-of-order segments are left" : NULL;
}

const char *whole_differs(const struct tcp_stack *stack, const struct whole *before)
{
	struct whole now = whole_of(stack);
	const char *left = is_left(stack);

	if (left != NULL) {
		return left;
	}
	if (now.connections != before->connections) {
		return "connections are missing";
	}
	if (now.sides != before->sides) {
		return "side records are missing";
	}
	if (now.senders != before->senders) {
		return "senders are missing";
	}
	if (now.transmissions != before->transmissions) {
		return "records of transmissions are missing";
	}
	return now.ranges != before->ranges ? "out-of-order ranges are missing" : NULL;
}
