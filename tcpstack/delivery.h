/*
 * What one acknowledgement tells about transmissions: how much has arrived that was not known to,
 * how long it took, and whether copies arrived twice.
 */
#ifndef TCPSTACK_DELIVERY_H
#define TCPSTACK_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct tcp_conn;
struct tcp_segment;
struct tcp_transmission;

struct tcp_delivery {
	struct tcp_conn *conn;
	uint32_t bytes;      /* acknowledged for the first time, by number or by SACK */
	uint32_t tsecr;      /* of the acknowledgement */
	uint32_t una_before; /* snd_una */
	uint32_t flight_before;
	uint32_t sacked_before;
	uint32_t fack_before; /* highest that had arrived before, RACK.fack of RFC 8985 */
	uint32_t rtt_us;      /* of the oldest that was acknowledged by number; 0: not measured */
	uint32_t sack_rtt_us; /* of the newest that was reported */
	struct tcp_sack_block duplicate;
	bool advanced; /* snd_una was */
	bool reported; /* SACK blocks told something new */
	bool resent;   /* something that was acknowledged by number had been sent more than once */
	bool original; /* something arrived that was sent once, and before the timeout */
	bool dsack;    /* duplicate is there (RFC 2883) */
};

void delivery_init(struct tcp_delivery *delivery, struct tcp_conn *conn,
		   const struct tcp_segment *seg);
/* Takes the SACK blocks; snd_una has not moved yet. */
void delivery_sack(struct tcp_delivery *delivery, const struct tcp_segment *seg);
/* snd_una has moved. */
void delivery_ack(struct tcp_delivery *delivery);
/*
 * Round-trip time for the retransmission timer, 0 for none: of a segment sent once, else from
 * timestamps where the echo tells which copy was answered (RFC 7323 4, Karn).
 */
uint32_t delivery_rtt_us(const struct tcp_delivery *delivery);
/*
 * By the echo alone. One from before a retransmission leaves open whether the first copy was late
 * or only its acknowledgement lost, in which case the timeout itself would count as round-trip
 * time: a D-SACK beside it tells that it is the latter, and there is no sample.
 */
uint32_t delivery_echo_us(const struct tcp_delivery *delivery);

/* The timestamp that a record was sent with last. */
uint32_t delivery_timestamp(const struct tcp_conn *conn, const struct tcp_transmission *record);

#endif
