#include "payload.h"

#include <errno.h>

#include <rte_mbuf.h>

#include "packet.h"
#include "stack.h"

/* Ports bound the mbufs of a packet; many small pieces are cheaper to copy anyway. */
#define PIECES_MAX 8

static uint32_t count_pieces(struct send_position at, uint32_t len)
{
	uint32_t pieces = 0;

	while (len > 0) {
		uint32_t here = at.mbuf->data_len - at.offset;

		len -= here < len ? here : len;
		at.mbuf = at.mbuf->next;
		at.offset = 0;
		pieces++;
	}
	return pieces;
}

static void copy(struct rte_mbuf *packet, struct send_position at, uint32_t len)
{
	while (len > 0) {
		uint32_t here = at.mbuf->data_len - at.offset;
		char *to;

		here = here < len ? here : len;
		to = rte_pktmbuf_append(packet, (uint16_t)here);
		memcpy(to, rte_pktmbuf_mtod_offset(at.mbuf, const char *, at.offset), here);
		len -= here;
		at.mbuf = at.mbuf->next;
		at.offset = 0;
	}
}

static int attach(struct tcp_stack *stack, struct rte_mbuf *packet, struct send_position at,
		  uint32_t len)
{
	struct rte_mbuf *tail = packet;

	while (len > 0) {
		uint32_t here = at.mbuf->data_len - at.offset;
		struct rte_mbuf *piece = rte_pktmbuf_alloc(stack->config.indirect_pool);

		if (piece == NULL) {
			tcp_count(stack, drop_no_mbuf);
			return -ENOBUFS;
		}
		here = here < len ? here : len;
		rte_pktmbuf_attach(piece, at.mbuf);
		piece->data_off = (uint16_t)(piece->data_off + at.offset);
		piece->data_len = (uint16_t)here;
		piece->pkt_len = here;
		tail->next = piece;
		tail = piece;
		packet->nb_segs++;
		packet->pkt_len += here;
		len -= here;
		at.mbuf = at.mbuf->next;
		at.offset = 0;
	}
	return 0;
}

int payload_attach(struct tcp_conn *conn, struct rte_mbuf *packet, uint32_t seq, uint32_t len)
{
	struct send_position at = send_queue_find(&conn->send, seq);
	uint32_t room = rte_pktmbuf_tailroom(packet);

	if (len <= room && (len <= TCP_COPY_MAX || count_pieces(at, len) > PIECES_MAX)) {
		copy(packet, at, len);
		return 0;
	}
	return attach(conn->stack, packet, at, len);
}

uint32_t payload_reach(struct tcp_conn *conn, uint32_t seq, uint32_t len, uint32_t pieces)
{
	struct send_position at = send_queue_find(&conn->send, seq);
	uint32_t reach = 0;

	while (pieces-- > 0 && reach < len) {
		reach += at.mbuf->data_len - at.offset;
		at.mbuf = at.mbuf->next;
		at.offset = 0;
	}
	return reach < len ? reach : len;
}
