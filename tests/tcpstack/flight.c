#include "flight.h"

#include <CUnit/CUnit.h>

#define WINDOW 2000 /* scaled by 128 */

static uint32_t mss; /* with timestamps it is smaller */

static uint32_t number(const struct peer *peer, uint32_t index)
{
	return peer->our_iss + 1 + index * mss;
}

static void send_ack(struct peer *peer, uint32_t next, const struct tcp_sack_block *blocks,
		     uint32_t count)
{
	struct tcp_options opt = {.sack_count = count};

	for (uint32_t i = 0; i < count; i++) {
		opt.sack[i] = blocks[i];
	}
	if (peer->ts != 0) {
		opt.flags = TCP_OPT_TIMESTAMPS;
		opt.tsval = peer->ts;
		opt.tsecr = peer->echo;
	}
	peer_send_raw(peer, TCP_ACK, PEER_ISS + 1, number(peer, next), WINDOW, &opt, 0);
}

void flight_establish(struct peer *peer)
{
	struct tcp_options syn = peer_syn_options(peer);

	peer_establish(peer, &syn);
	mss = peer->conn->mss;
	/* The first round trip, so that RACK and the probe know one. */
	flight_send(peer, 1);
	peer_advance(peer, FLIGHT_RTT_US);
	peer->our_iss += mss;
	flight_ack(peer, 0, 0, 0);
	(void)peer_drain(peer);
}

void flight_establish_ts(struct peer *peer)
{
	peer->ts = 77;
	flight_establish(peer);
}

void flight_send(struct peer *peer, uint32_t count)
{
	CU_ASSERT_EQUAL(peer_write(peer, count * mss), 0);
	CU_ASSERT_EQUAL(peer_drain(peer), count);
}

bool flight_expect(struct peer *peer, uint32_t index)
{
	return peer_expect(peer, TCP_ACK, 1 + index * mss, 1, mss);
}

void flight_ack(struct peer *peer, uint32_t next, uint32_t from, uint32_t to)
{
	struct tcp_sack_block block = {number(peer, from), number(peer, to)};

	send_ack(peer, next, &block, from < to);
}

void flight_dsack(struct peer *peer, uint32_t next, uint32_t twice)
{
	struct tcp_sack_block block = {number(peer, twice), number(peer, twice + 1)};

	send_ack(peer, next, &block, 1);
}
