/*
 * CUBIC (RFC 9438), with fast convergence and the Reno-friendly region; slow start ends by
 * HyStart++ (hystart.h). Names follow section 4.1.2 there. Its memory is in the sender record:
 * a connection without one is governed by NewReno.
 */
#ifndef TCPSTACK_CUBIC_H
#define TCPSTACK_CUBIC_H

#include <stdbool.h>
#include <stdint.h>

#include "congestion.h"
#include "hystart.h"

struct tcp_cubic_epoch {
	uint64_t start_us;   /* 0: none */
	uint32_t w_max;      /* bytes, as all windows here */
	uint32_t k_ms;       /* from the start until the window is w_max again */
	uint32_t w_est;      /* what Reno would have by now */
	uint32_t cwnd_prior; /* when the last reduction was made */
};

struct tcp_cubic {
	struct tcp_cubic_epoch epoch;
	struct tcp_cubic_epoch before; /* the last reduction, for undo */
	struct tcp_hystart hystart;
	uint64_t acked_us;   /* when acked() was called last */
	uint64_t remainder;  /* of what cwnd grows by */
	uint32_t est_credit; /* likewise of w_est, in thousandths of a byte times cwnd */
};

extern const struct tcp_cc_ops tcp_cubic;

/* W_cubic(t) - W_max in bytes, t in ms since the start of the epoch; for tests. */
int64_t cubic_offset(uint32_t mss, uint32_t k_ms, uint64_t t_ms);
/* K of an epoch that begins `deficit` bytes below w_max. */
uint32_t cubic_k_ms(uint32_t mss, uint32_t deficit);

#endif
