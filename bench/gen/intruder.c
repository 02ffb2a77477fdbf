#include "bench/gen/intruder.h"

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "bench/common/rng.h"
#include "bench/gen/forge.h"

#define RETRY_US  1000000u
#define WINDOW    65535u
#define PIECE     400u   /* of an overlapping segment; half of it is new */
#define SPREAD    60000u /* of what they send into gaps */
#define VERSION_3 3      /* C0 */

static struct intruder *find(struct intruders *all, uint16_t port)
{
	for (uint32_t i = 0; i < INTRUDERS; i++) {
		if (all->one[i].port == port) {
			return &all->one[i];
		}
	}
	return NULL;
}

/* A new connection from a port that none of the others has. */
static struct rte_mbuf *begin(struct intruders *all, struct intruder *one, uint64_t now_us)
{
	if (all->next_port < FORGE_PORT_FIRST || all->next_port >= FORGE_PORT_OWN) {
		all->next_port = FORGE_PORT_FIRST;
	}
	*one = (struct intruder){
		.retry_us = now_us + RETRY_US,
		.port = all->next_port++,
		.first = (uint32_t)rng_next(&all->random),
	};
	one->next = one->first;
	struct forgery syn = {
		.from = {.addr = all->from.addr, .port = one->port},
		.to = all->to,
		.seq = one->first - 1,
		.wnd = WINDOW,
		.flags = RTE_TCP_SYN_FLAG,
	};
	return forge(all->pool, &syn);
}

static void choose(struct intruders *all, struct intruder *one, struct forgery *f)
{
	switch (all->kind) {
	case INTRUDER_OVERLAP:
		f->len = PIECE;
		f->seq = one->next - (one->next - one->first < PIECE / 2 ? 0 : PIECE / 2);
		one->next = f->seq + PIECE;
		break;
	case INTRUDER_GAPS:
		f->len = 1;
		f->seq = one->first + 2 + rng_below(&all->random, SPREAD / 2) * 2;
		break;
	case INTRUDER_WINDOW:
		f->wnd = 1;
		/* fall through */
	case INTRUDER_BYTES:
		f->len = 1;
		one->next++;
		break;
	}
}

static struct rte_mbuf *speak(struct intruders *all, struct intruder *one)
{
	struct forgery f = {
		.from = {.addr = all->from.addr, .port = one->port},
		.to = all->to,
		.seq = one->next,
		.ack = one->next_peer,
		.wnd = WINDOW,
		.flags = RTE_TCP_ACK_FLAG,
	};
	struct rte_mbuf *m;

	choose(all, one, &f);
	m = forge(all->pool, &f);
	if (m != NULL && f.seq == one->first) {
		*rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len - f.len) = VERSION_3;
		forge_checksum(m);
	}
	return m;
}

struct rte_mbuf *intruder_make(struct intruders *all, uint64_t now_us)
{
	for (uint32_t i = 0; i < INTRUDERS; i++) {
		struct intruder *one = &all->one[all->turn++ % INTRUDERS];

		if (one->open) {
			return speak(all, one);
		}
		if (now_us >= one->retry_us) {
			return begin(all, one, now_us);
		}
	}
	return NULL;
}

void intruder_input(struct intruders *all, const struct rte_mbuf *packet, const void *header)
{
	const struct rte_tcp_hdr *tcp = header;
	struct intruder *one = find(all, rte_be_to_cpu_16(tcp->dst_port));
	uint32_t ack = rte_be_to_cpu_32(tcp->recv_ack);
	uint32_t seq = rte_be_to_cpu_32(tcp->sent_seq);
	uint32_t before =
		(uint32_t)((const uint8_t *)header - rte_pktmbuf_mtod(packet, const uint8_t *)) +
		(uint32_t)(tcp->data_off >> 4) * 4;

	if (one == NULL) {
		return;
	}
	if (tcp->tcp_flags & (RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG)) {
		all->resets++;
		one->open = false;
		one->retry_us = 0;
		return;
	}
	if (tcp->tcp_flags & RTE_TCP_SYN_FLAG) {
		all->opened += one->open ? 0 : 1;
		one->open = true;
		one->next_peer = seq + 1;
		return;
	}
	if (seq == one->next_peer && packet->pkt_len > before) {
		one->next_peer += packet->pkt_len - before;
	}
	/* Twice the same: something was lost. It begins there again. */
	if (ack == one->last_ack && all->kind != INTRUDER_GAPS) {
		one->next = ack;
	}
	one->last_ack = ack;
}
