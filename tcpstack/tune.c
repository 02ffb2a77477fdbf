#include "tune.h"

#include "trace.h"
#include "window.h"

#define ROUND_MIN_US     1000U   /* as fine as the clock of timestamps */
#define ROUND_UNKNOWN_US 100000U /* nothing has measured the round trip yet */
#define SHARE            4U      /* of what is left of the total */
#define SHRINK           8U      /* part of what is too much that goes in a round */
#define SWEEP_US         1000U
#define SWEEP_CONNS      16U
#define IDLE_US          2000000U

/* What the connection may be granted, others being there. */
static uint64_t fair_grant(const struct tcp_stack *stack)
{
	uint64_t total = stack->config.receive_total;
	uint64_t left = stack->window_granted < total ? total - stack->window_granted : 0;
	uint64_t first = stack->config.receive_initial;

	return stack->pressure == TCP_PRESSURE_NONE ? first + left / SHARE : first;
}

static void set_grant(struct tcp_conn *conn, uint32_t grant)
{
	struct tcp_stack *stack = conn->stack;

	if (grant != conn->rcv_grant) {
		tcp_trace(conn, window_grant, grant, conn->rcv_grant);
	}
	stack->window_granted = stack->window_granted + grant - conn->rcv_grant;
	conn->rcv_grant = grant;
}

/* Window that suits so many bytes in a round. */
static uint64_t wanted_payload(const struct tcp_conn *conn, uint32_t bytes)
{
	uint32_t most = conn->round_most;
	uint64_t want = 2ULL * bytes;

	if (bytes >= 2ULL * most) {
		return 2 * want;
	}
	return bytes > most ? want + want * (bytes - most) / most : want;
}

static uint64_t wanted_grant(const struct tcp_conn *conn, uint32_t bytes)
{
	uint64_t mbufs = wanted_payload(conn, bytes) / window_payload(conn, 1) + 1;

	return mbufs * conn->stack->config.segment_truesize;
}

static void grow(struct tcp_conn *conn, uint64_t want)
{
	struct tcp_stack *stack = conn->stack;
	uint32_t budget = stack->config.receive_budget;
	uint64_t fair = fair_grant(stack);

	if (want > budget) {
		tcp_count(stack, window_refused_connection);
		want = budget;
	}
	if (want > fair) {
		if (stack->pressure != TCP_PRESSURE_NONE) {
			tcp_count(stack, window_refused_pool);
		} else {
			tcp_count(stack, window_refused_total);
		}
		want = fair;
	}
	if (want > conn->rcv_grant) {
		tcp_count(stack, window_grown);
		set_grant(conn, (uint32_t)want);
	}
}

static void shrink(struct tcp_conn *conn)
{
	uint64_t fair = fair_grant(conn->stack);

	if (conn->rcv_grant > fair) {
		uint32_t excess = conn->rcv_grant - (uint32_t)fair;

		tcp_count(conn->stack, window_shrunk);
		set_grant(conn, conn->rcv_grant - (excess / SHRINK + 1));
	}
}

static void begin_round(struct tcp_conn *conn)
{
	uint64_t now_us = conn->stack->now_us;
	uint32_t rtt_us = conn->srtt_us > 0 ? conn->srtt_us : ROUND_UNKNOWN_US;

	conn->round_seq = conn->rcv_nxt;
	if (conn->flags & TCP_CONN_TIMESTAMPS) {
		/* The next one: the peer may have this one already. */
		conn->round_mark = stack_timestamp(conn->stack, conn->ts_offset) + 1;
	} else {
		rtt_us = rtt_us > ROUND_MIN_US ? rtt_us : ROUND_MIN_US;
		conn->round_mark = (uint32_t)((now_us + rtt_us) >> TUNE_TICK_SHIFT) + 1;
	}
}

void tune_init(struct tcp_conn *conn)
{
	conn->rcv_grant = conn->stack->config.receive_initial;
	conn->round_limit = window_granted(conn) / 2;
	begin_round(conn);
}

void tune_fini(struct tcp_conn *conn)
{
	set_grant(conn, conn->stack->config.receive_initial);
}

void tune_round(struct tcp_conn *conn, uint32_t bytes, bool over)
{
	uint64_t want = wanted_grant(conn, bytes);
	uint32_t half;

	if (want > conn->rcv_grant) {
		grow(conn, want);
	}
	half = window_granted(conn) / 2;
	if (over) {
		shrink(conn);
		conn->round_most = bytes > conn->round_most ? bytes : conn->round_most;
		conn->round_limit = half;
		begin_round(conn);
	} else {
		/* What was refused is not asked for with each segment. */
		conn->round_limit = half > 2 * bytes ? half : 2 * bytes;
	}
}

void tune_sweep(struct tcp_stack *stack)
{
	const struct tcp_config *config = &stack->config;

	if (stack->window_granted <= config->receive_total / 2 ||
	    stack->now_us - stack->sweep_us < SWEEP_US) {
		return;
	}
	stack->sweep_us = stack->now_us;
	for (uint32_t i = 0; i < SWEEP_CONNS; i++) {
		struct tcp_conn *conn = &stack->conns[stack->sweep_next];

		stack->sweep_next = (stack->sweep_next + 1) % config->connections;
		if (conn->rcv_grant > config->receive_initial &&
		    stack->now_us - conn->last_rx_us > IDLE_US) {
			tcp_count(stack, window_shrunk);
			tune_fini(conn);
		}
	}
}
