/*
 * For tests of the sender: a connection with a flight of whole segments, whose fate the test
 * decides. Segments are counted from 0; the round trip is FLIGHT_RTT_US.
 */
#ifndef TESTS_TCPSTACK_FLIGHT_H
#define TESTS_TCPSTACK_FLIGHT_H

#include "conn.h"
#include "peer.h"
#include "sender.h"

#define FLIGHT_MSS    1460U
#define FLIGHT_RTT_US 40000U

/* With SACK; `congestion` of the configuration is kept. A round trip has been measured. */
void flight_establish(struct peer *peer);
/* The same with timestamps. */
void flight_establish_ts(struct peer *peer);
/* Writes `count` segments and takes them from the stack; they must go out at once. */
void flight_send(struct peer *peer, uint32_t count);
/* The next packet is segment `index`, whole; false: it is another, or none. */
bool flight_expect(struct peer *peer, uint32_t index);
/* Everything before segment `next` has arrived, and of the rest [from, to) when from < to. */
void flight_ack(struct peer *peer, uint32_t next, uint32_t from, uint32_t to);
/* The same with a D-SACK of segment `twice` in front. */
void flight_dsack(struct peer *peer, uint32_t next, uint32_t twice);

#endif
