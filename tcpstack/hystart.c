#include "hystart.h"

#include "conn.h"
#include "seq.h"

#define MIN_RTT_THRESH_US  4000U
#define MAX_RTT_THRESH_US  16000U
#define MIN_RTT_DIVISOR    8
#define N_RTT_SAMPLE       8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS         5

void hystart_begin(struct tcp_hystart *hystart, uint32_t snd_max)
{
	*hystart = (struct tcp_hystart){.window_end = snd_max, .running = true};
}

static void begin_round(struct tcp_hystart *hystart, struct tcp_conn *conn)
{
	hystart->window_end = conn->snd_max;
	hystart->last_round_min_us = hystart->round_min_us;
	hystart->round_min_us = 0;
	hystart->samples = 0;
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

static void sample(struct tcp_hystart *hystart, uint32_t rtt_us)
{
	if (rtt_us == 0) {
		return;
	}
	if (hystart->round_min_us == 0 || rtt_us < hystart->round_min_us) {
		hystart->round_min_us = rtt_us;
	}
	if (hystart->samples < N_RTT_SAMPLE && ++hystart->samples < N_RTT_SAMPLE) {
		return;
	}
	if (hystart->css_baseline_us == 0) {
		if (hystart->last_round_min_us != 0 &&
		    hystart->round_min_us >= hystart->last_round_min_us + threshold_us(hystart)) {
			hystart->css_baseline_us = hystart->round_min_us;
			hystart->css_rounds = 0;
		}
	} else if (hystart->round_min_us < hystart->css_baseline_us) {
		hystart->css_baseline_us = 0;
	}
}

uint32_t hystart_acked(struct tcp_hystart *hystart, struct tcp_conn *conn, uint32_t acked,
		       uint32_t rtt_us)
{
	uint32_t most = (uint32_t)HYSTART_LIMIT * conn->mss;
	uint32_t grow = acked < most ? acked : most;

	sample(hystart, rtt_us);
	if (hystart->css_baseline_us != 0) {
		grow /= CSS_GROWTH_DIVISOR;
	}
	if (seq_ge(conn->snd_una, hystart->window_end)) {
		begin_round(hystart, conn);
	}
	return grow;
}
