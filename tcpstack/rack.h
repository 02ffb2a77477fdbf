/*
 * RACK (RFC 8985): a transmission is lost when one that was sent sufficiently later has been
 * delivered. Function and variable names follow section 5 and 6 there.
 */
#ifndef TCPSTACK_RACK_H
#define TCPSTACK_RACK_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_delivery;
struct tcp_transmission;

struct tcp_rack {
	uint32_t sent_us; /* RACK.xmit_ts: of the latest transmission that was delivered */
	uint32_t end_seq; /* ... and its end */
	uint32_t rtt_us;  /* ... and how long that took */
	uint32_t fack;    /* highest number delivered */
	uint32_t dsack_round;
	uint32_t min_rtt_us[2]; /* least of this period and of the one before */
	uint32_t min_rtt_s;     /* when this period began */
	uint8_t reo_wnd_mult; /* RACK.reo_wnd_mult - 1, of a quarter of the least round-trip time */
	uint8_t reo_wnd_persist;
	bool valid; /* sent_us, end_seq, rtt_us and fack are */
	bool reordering_seen;
	bool in_dsack_round;
};

/* Nothing is in flight: what was delivered before says nothing about what comes. */
void rack_restart(struct tcp_rack *rack);
/* The highest number that is known to have arrived, RACK.fack. */
uint32_t rack_fack(const struct tcp_conn *conn);
/* Steps 1 to 3 of section 6.2, for one record that was delivered. */
void rack_delivered(struct tcp_conn *conn, const struct tcp_delivery *delivery,
		    const struct tcp_transmission *record);
/* Step 4, what the acknowledgement's D-SACK and the end of a recovery change. */
void rack_adapt(struct tcp_conn *conn, const struct tcp_delivery *delivery);
void rack_recovery_ended(struct tcp_rack *rack);
/* What was held for lost came late: as a D-SACK would, it asks for more patience. */
void rack_was_hasty(struct tcp_conn *conn);
/*
 * Step 5: marks what is lost and returns its bytes. `wait_us` is how long it takes until what may
 * be lost is, 0 when there is no such.
 */
uint32_t rack_detect_loss(struct tcp_conn *conn, uint32_t *wait_us);
/* Section 6.3, at a retransmission timeout; returns the bytes. */
uint32_t rack_mark_at_timeout(struct tcp_conn *conn);

/* The least round-trip time of the last minutes, 0 when there is none. */
uint32_t rack_min_rtt_us(const struct tcp_rack *rack);

#endif
