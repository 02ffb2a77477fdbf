#include "cubic.h"

#include "newreno.h"
#include "sender.h"
#include "stack.h"

#define CWND_MAX     (1U << 30)
#define BETA         717 /* beta_cubic 0.7, in 1024ths */
#define CONVERGENCE  870 /* (1 + beta_cubic) / 2 */
#define ALPHA_SLOW   529 /* 3 * (1 - beta_cubic) / (1 + beta_cubic), in thousandths */
#define ALPHA_FAST   1000
#define OFFSET_MS    1000000LL     /* further from K nothing is computed: it would overflow */
#define K_CUBED_UNIT 2500000000ULL /* (1000 ms)^3 / C, C = 0.4 */

static uint32_t cube_root(uint64_t value)
{
	uint32_t root = 0;

	for (uint32_t bit = 1U << 20; bit > 0; bit >>= 1) {
		uint64_t candidate = root | bit;

		if (candidate * candidate * candidate <= value) {
			root = (uint32_t)candidate;
		}
	}
	return root;
}

uint32_t cubic_k_ms(uint32_t mss, uint32_t deficit)
{
	return cube_root((uint64_t)deficit * K_CUBED_UNIT / mss);
}

int64_t cubic_offset(uint32_t mss, uint32_t k_ms, uint64_t t_ms)
{
	int64_t d = (int64_t)t_ms - k_ms;

	d = d < OFFSET_MS ? d : OFFSET_MS;
	d = d > -OFFSET_MS ? d : -OFFSET_MS;
	/* C * d^3 segments; d^3 / 2.5e9 first, or a window of a gigabyte overflows. */
	return d * d * d / 2500 * mss / 1000000;
}

static void begin_epoch(struct tcp_conn *conn, struct tcp_cubic_epoch *epoch)
{
	epoch->start_us = conn->stack->now_us;
	epoch->w_est = conn->cwnd;
	if (epoch->w_max <= conn->cwnd) {
		epoch->w_max = conn->cwnd;
		epoch->k_ms = 0;
	} else {
		epoch->k_ms = cubic_k_ms(conn->mss, epoch->w_max - conn->cwnd);
	}
}

/* 4.2: where the window shall be one round trip from now; at most half as much again. */
static uint32_t target(const struct tcp_conn *conn, const struct tcp_cubic_epoch *epoch)
{
	uint64_t t_ms = (conn->stack->now_us - epoch->start_us + conn->srtt_us) / 1000;
	int64_t window = (int64_t)epoch->w_max + cubic_offset(conn->mss, epoch->k_ms, t_ms);
	int64_t most = (int64_t)conn->cwnd + conn->cwnd / 2;

	window = window < most ? window : most;
	return window > conn->cwnd ? (uint32_t)window : conn->cwnd;
}

/* 4.3: the window that Reno would have. */
static void estimate_reno(struct tcp_conn *conn, struct tcp_cubic *cubic, uint32_t acked)
{
	struct tcp_cubic_epoch *epoch = &cubic->epoch;
	uint64_t alpha = epoch->w_est >= epoch->cwnd_prior ? ALPHA_FAST : ALPHA_SLOW;
	uint64_t credit = cubic->est_credit + alpha * acked * conn->mss / conn->cwnd;

	epoch->w_est += (uint32_t)(credit / 1000);
	cubic->est_credit = (uint32_t)(credit % 1000);
}

static void avoid(struct tcp_conn *conn, struct tcp_cubic *cubic, uint32_t acked)
{
	struct tcp_cubic_epoch *epoch = &cubic->epoch;
	uint32_t goal;

	if (epoch->start_us == 0) {
		begin_epoch(conn, epoch);
	}
	estimate_reno(conn, cubic, acked);
	goal = target(conn, epoch);
	cubic->remainder += (uint64_t)(goal - conn->cwnd) * acked;
	conn->cwnd += (uint32_t)(cubic->remainder / conn->cwnd);
	cubic->remainder %= conn->cwnd;
	if (conn->cwnd < epoch->w_est) {
		conn->cwnd = epoch->w_est;
	}
}

/* 5.8: time in which the application was the limit does not count. */
static void skip_idle_time(struct tcp_conn *conn, struct tcp_cubic *cubic)
{
	uint64_t now = conn->stack->now_us;
	uint64_t gap = now - cubic->acked_us;

	if (cubic->epoch.start_us != 0 && gap > 2ULL * conn->srtt_us) {
		cubic->epoch.start_us += gap;
	}
	cubic->acked_us = now;
}

static void acked(struct tcp_conn *conn, uint32_t bytes, uint32_t rtt_us)
{
	struct tcp_cubic *cubic;

	if (conn->sender == NULL || conn->cwnd >= CWND_MAX) {
		tcp_newreno.acked(conn, bytes, rtt_us);
		return;
	}
	cubic = &conn->sender->cubic;
	skip_idle_time(conn, cubic);
	if (conn->cwnd >= conn->ssthresh) {
		cubic->hystart.running = false;
		avoid(conn, cubic, bytes);
		return;
	}
	/* 4.10: only the first slow start looks at delays, later ones know ssthresh. */
	if (conn->ssthresh != UINT32_MAX) {
		congestion_slow_start(conn, bytes, HYSTART_LIMIT);
		return;
	}
	if (!cubic->hystart.running) {
		hystart_begin(&cubic->hystart, conn);
	}
	conn->cwnd += hystart_acked(&cubic->hystart, conn, bytes, rtt_us);
}

static void lost(struct tcp_conn *conn, uint32_t flight)
{
	struct tcp_cubic *cubic;
	struct tcp_cubic_epoch *epoch;

	if (conn->sender == NULL) {
		tcp_newreno.lost(conn, flight);
		return;
	}
	cubic = &conn->sender->cubic;
	epoch = &cubic->epoch;
	cubic->before = *epoch;
	/* 4.7, fast convergence: a window that shrinks leaves room for newcomers. */
	if (conn->cwnd < epoch->w_max) {
		epoch->w_max = (uint32_t)((uint64_t)conn->cwnd * CONVERGENCE / 1024);
	} else {
		epoch->w_max = conn->cwnd;
	}
	epoch->cwnd_prior = conn->cwnd;
	epoch->start_us = 0;
	cubic->remainder = 0;
	conn->ssthresh = congestion_reduced(conn, flight, BETA);
}

static void undo(struct tcp_conn *conn)
{
	if (conn->sender != NULL) {
		conn->sender->cubic.epoch = conn->sender->cubic.before;
	}
}

const struct tcp_cc_ops tcp_cubic = {
	.name = "cubic",
	.acked = acked,
	.lost = lost,
	.undo = undo,
};
