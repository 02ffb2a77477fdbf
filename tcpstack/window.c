#include "window.h"

#include "seq.h"
#include "stack.h"
#include "trace.h"

/* A peer that sends tinier segments than this on average gets drops instead of a window. */
#define AVERAGE_MIN   64U

/* All that a window is when packets have run out. */
#define FULL_SEGMENTS 4U

uint16_t window_initial(const struct tcp_stack *stack)
{
	uint32_t first = stack->config.receive_initial / stack->config.segment_truesize;
	uint32_t window = first * stack->mss[0];

	return (uint16_t)(window < 65535 ? window : 65535);
}

uint16_t window_initial_field(const struct tcp_stack *stack, uint32_t wscale)
{
	return (uint16_t)((window_initial(stack) + (1U << wscale) - 1) >> wscale);
}

uint32_t window_pinned(const struct tcp_conn *conn)
{
	uint32_t segments = conn_ooo_segments(conn) + conn->rx.segments;

	return conn->held + segments * conn->stack->config.segment_truesize;
}

/* Truesize that the connection may pin now. */
static uint32_t pinned_max(const struct tcp_conn *conn)
{
	const struct tcp_config *config = &conn->stack->config;
	uint32_t max = conn->rcv_grant + config->receive_slack;

	return max < config->receive_budget ? max : config->receive_budget;
}

bool window_admits(const struct tcp_conn *conn, uint32_t segments)
{
	uint32_t pinned = window_pinned(conn);
	uint32_t max = pinned_max(conn);

	return pinned < max && max - pinned >= segments * conn->stack->config.segment_truesize;
}

uint32_t window_room(const struct tcp_conn *conn)
{
	uint32_t pinned = window_pinned(conn);
	uint32_t max = pinned_max(conn);

	return pinned < max ? (max - pinned) / conn->stack->config.segment_truesize : 0;
}

uint32_t window_payload(const struct tcp_conn *conn, uint32_t segments)
{
	return segments * (conn->rcv_avg > AVERAGE_MIN ? conn->rcv_avg : AVERAGE_MIN);
}

uint32_t window_granted(const struct tcp_conn *conn)
{
	return window_payload(conn, conn->rcv_grant / conn->stack->config.segment_truesize);
}

/*
 * Payload beyond rcv_nxt for which there is room. What is there out of order lies within: its room
 * is not taken from the window a second time.
 */
static uint32_t window_free(const struct tcp_conn *conn)
{
	const struct tcp_stack *stack = conn->stack;
	uint32_t truesize = stack->config.segment_truesize;
	uint32_t max = pinned_max(conn);
	uint32_t held = conn->held + conn->rx.segments * truesize;
	uint32_t room = held < max ? max - held : 0;

	room = room < conn->rcv_grant ? room : conn->rcv_grant;
	if (stack->pressure == TCP_PRESSURE_FULL && room > FULL_SEGMENTS * truesize) {
		room = FULL_SEGMENTS * truesize;
	}
	return window_payload(conn, room / truesize);
}

/*
 * RFC 9293 3.8.6.2.2: the edge moves by at least min(half of the buffer, one segment). The buffer
 * is what the grant holds of segments as they come: a small one, full of small segments, would
 * never again have room for a large one, and the window stay closed.
 */
static uint32_t useful_step(const struct tcp_conn *conn, uint32_t segment)
{
	uint32_t half = window_granted(conn) / 2;

	if (conn->stack->pressure == TCP_PRESSURE_FULL) {
		half = window_payload(conn, FULL_SEGMENTS) / 2;
	}
	return half < segment ? half : segment;
}

void window_update(struct tcp_conn *conn)
{
	uint32_t edge = conn->rcv_nxt + window_free(conn);

	if (seq_gt(edge, conn->rcv_adv) &&
	    edge - conn->rcv_adv >= useful_step(conn, conn->rcv_mss)) {
		conn->rcv_adv = edge;
	}
}

static void trace_window(struct tcp_conn *conn, uint32_t before)
{
	uint32_t window = seq_span(conn->rcv_nxt, conn->rcv_adv);

	if (window == 0) {
		tcp_trace(conn, window_closed, conn->rcv_nxt, window_pinned(conn));
	} else if (before == 0) {
		tcp_trace(conn, window_opened, conn->rcv_nxt, window);
	}
}

uint16_t window_field(struct tcp_conn *conn)
{
	uint32_t before = conn->rcv_adv - conn->rcv_acked; /* what the peer has seen */
	uint32_t unit = 1U << conn->rcv_wscale;
	uint32_t window;

	window_update(conn);
	/* Rounding down would move the edge left in the peer's eyes. */
	window = (seq_span(conn->rcv_nxt, conn->rcv_adv) + unit - 1) >> conn->rcv_wscale;
	window = window < 65535 ? window : 65535;
	conn->rcv_adv = seq_max(conn->rcv_adv, conn->rcv_nxt + (window << conn->rcv_wscale));
	if (window == 0 || before == 0) {
		trace_window(conn, before);
	}
	return (uint16_t)window;
}

bool window_wants_update(const struct tcp_conn *conn)
{
	uint32_t edge = conn->rcv_nxt + window_free(conn);
	uint32_t step = useful_step(conn, 2U * conn->rcv_mss);

	return seq_span(conn->rcv_nxt, conn->rcv_adv) < step && seq_gt(edge, conn->rcv_adv) &&
	       edge - conn->rcv_adv >= step;
}
