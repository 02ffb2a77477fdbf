/*
 * HyStart++ (RFC 9406): slow start is left when round-trip times grow, by way of a phase of
 * conservative growth in case they shrink again. Names as there.
 *
 * Delays show a round late, when the window has doubled once more. As in the first HyStart (Ha and
 * Rhee, 2011), which Linux uses, acknowledgements that follow each other without a gap for half of
 * the least round-trip time tell before that the bottleneck is nearly busy: they too begin the
 * conservative phase.
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
	uint32_t train_start_us;
	uint32_t train_us; /* its last acknowledgement */
	uint8_t samples;   /* rttSampleCount */
	uint8_t css_rounds;
	bool by_train; /* conservative slow start: no shorter round-trip time ends it */
	bool running;
};

/* Slow start begins. */
void hystart_begin(struct tcp_hystart *hystart, const struct tcp_conn *conn);
/*
 * An acknowledgement in slow start. Returns the bytes by which cwnd may grow; sets ssthresh when
 * slow start is over.
 */
uint32_t hystart_acked(struct tcp_hystart *hystart, struct tcp_conn *conn, uint32_t acked,
		       uint32_t rtt_us);

#endif
