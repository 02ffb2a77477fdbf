/*
 * HyStart++ (RFC 9406): slow start is left when round-trip times grow, by way of a phase of
 * conservative growth in case they shrink again. Names as there.
 */
#ifndef TCPSTACK_HYSTART_H
#define TCPSTACK_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

#define HYSTART_LIMIT 8 /* L: segments by which one acknowledgement raises cwnd, without pacing */

struct tcp_conn;

struct tcp_hystart {
	uint32_t window_end;
	uint32_t last_round_min_us; /* 0: infinite, as the others */
	uint32_t round_min_us;
	uint32_t css_baseline_us; /* 0: not in conservative slow start */
	uint8_t samples;          /* rttSampleCount */
	uint8_t css_rounds;
	bool running;
};

/* Slow start begins. */
void hystart_begin(struct tcp_hystart *hystart, uint32_t snd_max);
/*
 * An acknowledgement in slow start. Returns the bytes by which cwnd may grow; sets ssthresh when
 * slow start is over.
 */
uint32_t hystart_acked(struct tcp_hystart *hystart, struct tcp_conn *conn, uint32_t acked,
		       uint32_t rtt_us);

#endif
