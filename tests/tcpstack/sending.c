#include "sending.h"

#include <CUnit/CUnit.h>

#define WINDOW 512

void sending_establish(struct peer *peer, bool sack)
{
	struct tcp_options syn;

	peer_init(peer);
	peer->config.congestion = TCP_NEWRENO;
	syn = peer_syn_options(peer);
	if (!sack) {
		syn.flags &= (uint8_t)~TCP_OPT_SACK_PERMITTED;
	}
	peer_establish(peer, &syn);
}

void sending_ten(struct peer *peer)
{
	CU_ASSERT_EQUAL(peer_write(peer, 20 * SENDING_MSS), 0);
	for (uint32_t i = 0; i < 10; i++) {
		CU_ASSERT(peer_expect(peer, TCP_ACK, 1 + i * SENDING_MSS, 1, SENDING_MSS));
	}
	CU_ASSERT_EQUAL(peer_drain(peer), 0);
}

void sending_sack(struct peer *peer, uint32_t ack, uint32_t from, uint32_t to)
{
	struct tcp_options opt = {.sack_count = 1,
				  .sack = {{peer->our_iss + from, peer->our_iss + to}}};

	peer_send_raw(peer, TCP_ACK, PEER_ISS + 1, peer->our_iss + ack, WINDOW, &opt, 0);
}

void sending_window(struct peer *peer, uint32_t ack, uint16_t wnd)
{
	struct tcp_options none = {0};

	peer_send_raw(peer, TCP_ACK, PEER_ISS + 1, peer->our_iss + ack, wnd, &none, 0);
}
