#include "hystart.h"

#include "sender.h"
#include "seq.h"
#include "stack.h"

#define MIN_RTT_THRESH_US  4000U
#define MAX_RTT_THRESH_US  16000U
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5
#define TRAIN_GAP_US_MIN   2000U
#define TRAIN_GAP_US_MAX   8000U
#define TRAIN_GAP_DIVISOR  16  /* of the round trip: hosts and radio links acknowledge in batches */
#define TRAIN_CWND_MIN     16U /* segments: below, a burst of ours is no train of theirs */

void hystart_begin(struct tcp_hystart *hystart, const struct tcp_conn *conn)
{
	uint32_t now_us = (uint32_t)conn->stack->now_us;

	*hystart = (struct tcp_hystart){.window_end = conn->snd_max,
					.train_start_us = now_us,
					.train_us = now_us,
					.running = true};
}

static void begin_round(struct tcp_hystart *hystart, struct tcp_conn *conn)
{
	hystart->window_end = conn->snd_max;
	hystart->last_round_min_us = hystart->round_min_us;
	hystart->round_min_us = 0;
	hystart->samples = 0;
	hystart->train_start_us = (uint32_t)conn->stack->now_us;
	hystart->train_us = hystart->train_start_us;
	if (hystart->css_baseline_us != 0 && ++hystart->css_rounds >= CSS_ROUNDS) {
		conn->ssthresh = conn->cwnd;
	}
}

static uint32_t threshold_us(const struct tcp_hystart *hystart)
{
	uint32_t thresh = hystart->last_round_min_us / MIN_RTT_DIVISOR;

	thresh = thresh > MIN_RTT_THRESH_US ? thresh : MIN_RTT_THRESH_US;
	return thresh < MAX_RTT_THRESH_US ? thresh : MAX_RTT_THRESH_US;
}

static void sample(struct tcp_hystart *hystart, struct tcp_conn *conn, uint32_t rtt_us)
{
	bool grown;

	if (rtt_us == 0) {
		return;
	}
	if (hystart->round_min_us == 0 || rtt_us < hystart->round_min_us) {
		hystart->round_min_us = rtt_us;
	}
	if (hystart->samples < N_RTT_SAMPLE && ++hystart->samples < N_RTT_SAMPLE) {
		return;
	}
	grown = hystart->last_round_min_us != 0 &&
		hystart->round_min_us >= hystart->last_round_min_us + threshold_us(hystart);
	if (hystart->css_baseline_us == 0) {
		if (grown) {
			hystart->css_baseline_us = hystart->round_min_us;
			hystart->css_rounds = 0;
			hystart->by_train = false;
		}
	} else if (hystart->by_train) {
		conn->ssthresh = grown ? conn->cwnd : conn->ssthresh;
	} else if (hystart->round_min_us < hystart->css_baseline_us) {
		hystart->css_baseline_us = 0;
	} else if (hystart->round_min_us >= hystart->css_baseline_us + threshold_us(hystart)) {
		/*
		 * We do not wait for CSS_ROUNDS: they make the window three times as large, and
		 * a queue that goes on to grow is no jitter. What overflows it is thousands of
		 * segments on a long path.
		 */
		conn->ssthresh = conn->cwnd;
	}
}

static uint32_t train_gap_us(uint32_t min_rtt_us)
{
	uint32_t gap_us = min_rtt_us / TRAIN_GAP_DIVISOR;

	gap_us = gap_us > TRAIN_GAP_US_MIN ? gap_us : TRAIN_GAP_US_MIN;
	return gap_us < TRAIN_GAP_US_MAX ? gap_us : TRAIN_GAP_US_MAX;
}

/* An application that sends a little now and then makes a train of its own. */
static bool is_paced_by_path(const struct tcp_conn *conn)
{
	return seq_le(conn->snd_una, conn->sender->limited_end);
}

static void watch_train(struct tcp_hystart *hystart, const struct tcp_conn *conn)
{
	uint32_t now_us = (uint32_t)conn->stack->now_us;
	uint32_t min_rtt_us = rack_min_rtt_us(&conn->sender->rack);

	if (hystart->css_baseline_us != 0 || conn->cwnd < TRAIN_CWND_MIN * conn->mss) {
		return;
	}
	if (now_us - hystart->train_us > train_gap_us(min_rtt_us) || !is_paced_by_path(conn)) {
		/* Rounds begin in the middle of a flight: this is the next. */
		hystart->train_start_us = now_us;
	}
	hystart->train_us = now_us;
	if (min_rtt_us != 0 && now_us - hystart->train_start_us > min_rtt_us / 2) {
		hystart->css_baseline_us = min_rtt_us;
		hystart->css_rounds = 0;
		hystart->by_train = true;
	}
}

uint32_t hystart_acked(struct tcp_hystart *hystart, struct tcp_conn *conn, uint32_t acked,
		       uint32_t rtt_us)
{
	uint32_t most = (uint32_t)HYSTART_LIMIT * conn->mss;
	uint32_t grow = acked < most ? acked : most;

	sample(hystart, conn, rtt_us);
	watch_train(hystart, conn);
	if (hystart->css_baseline_us != 0) {
		grow /= CSS_GROWTH_DIVISOR;
	}
	if (seq_ge(conn->snd_una, hystart->window_end)) {
		begin_round(hystart, conn);
	}
	return grow;
}
