#include "timeout.h"

#include <stddef.h>

#include "close.h"
#include "deliver.h"
#include "rto.h"
#include "stack.h"
#include "trace.h"

#define KEEPALIVE_PROBES 5

static struct tcp_conn *conn_of(struct tcp_timer *timer)
{
	return (struct tcp_conn *)(void *)((char *)timer - offsetof(struct tcp_conn, timer));
}

/* Probes follow each other faster than the first: a quarter of the idle time, 75 s at most. */
static uint64_t probe_interval_us(const struct tcp_conn *conn)
{
	uint64_t interval = conn->stack->config.keepalive_s / 4;

	interval = interval > 75 ? 75 : interval;
	return (interval > 0 ? interval : 1) * 1000000ULL;
}

uint64_t timeout_life_at_us(const struct tcp_conn *conn)
{
	const struct tcp_config *config = &conn->stack->config;

	/* RFC 9293 3.6 knows no end to FIN-WAIT-2; like all stacks we end it when it is idle. */
	if (conn->state == TCP_FIN_WAIT_2_STATE) {
		return conn->last_rx_us + config->fin_wait_ms * 1000ULL;
	}
	if (config->keepalive_s == 0) {
		return 0;
	}
	return conn->last_rx_us + config->keepalive_s * 1000000ULL +
	       conn->keepalive_probes * probe_interval_us(conn);
}

/* RFC 9293 3.8.4; unacknowledged data is the retransmission timer's business. */
static void keepalive(struct tcp_conn *conn)
{
	if (conn->retransmit_at_us != 0) {
		conn->life_at_us = conn->stack->now_us + probe_interval_us(conn);
		return;
	}
	if (conn->keepalive_probes >= KEEPALIVE_PROBES) {
		close_reset(conn, TCP_CLOSE_KEEPALIVE);
		return;
	}
	conn->keepalive_probes++;
	tcp_trace(conn, keepalive_probe, conn->keepalive_probes, 0);
	conn->flags |= TCP_CONN_KEEPALIVE_DUE;
	conn->life_at_us = timeout_life_at_us(conn);
	conn_dirty(conn);
}

static void life(struct tcp_conn *conn)
{
	uint64_t at = timeout_life_at_us(conn);

	conn->life_at_us = at;
	if (at == 0 || at > conn->stack->now_us) {
		return;
	}
	if (conn->state == TCP_FIN_WAIT_2_STATE) {
		close_reset(conn, TCP_CLOSE_TIMEOUT);
		return;
	}
	keepalive(conn);
}

static bool due(uint64_t *at_us, uint64_t now_us)
{
	if (*at_us == 0 || *at_us > now_us) {
		return false;
	}
	*at_us = 0;
	return true;
}

static void rearm(struct tcp_conn *conn)
{
	uint64_t deadlines[] = {conn->retransmit_at_us, conn->ack_at_us, conn->life_at_us};

	for (unsigned int i = 0; i < 3; i++) {
		if (deadlines[i] != 0) {
			conn_arm(conn, deadlines[i]);
		}
	}
}

static void run_one(struct tcp_conn *conn)
{
	uint64_t now = conn->stack->now_us;

	if (due(&conn->ack_at_us, now) && conn->flags & TCP_CONN_ACK_PENDING) {
		tcp_count(conn->stack, delayed_acks);
		conn_ack_now(conn);
	}
	if (due(&conn->retransmit_at_us, now)) {
		rto_timeout(conn);
	}
	if (conn->state != TCP_CLOSED_STATE && due(&conn->life_at_us, now)) {
		life(conn);
	}
	if (!(conn->flags & TCP_CONN_DEAD)) {
		rearm(conn);
	}
	deliver_touched(conn->stack);
}

uint32_t timeout_run(struct tcp_stack *stack, uint32_t budget)
{
	uint32_t ran = 0;

	while (ran < budget) {
		struct tcp_timer *timer = tcp_wheel_pop(&stack->wheel, stack->now_us);

		if (timer == NULL) {
			break;
		}
		run_one(conn_of(timer));
		ran++;
	}
	return ran;
}
