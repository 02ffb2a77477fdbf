#include "edge.h"

#include <stdio.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "options.h"
#include "world.h"

/* A packet, taken apart. */
struct view {
	const struct rte_tcp_hdr *tcp;
	uint32_t headers;
	uint32_t seq;
	uint32_t end; /* after payload and FIN */
	uint32_t len;
	uint32_t ack;
	uint8_t flags;
	struct tcp_options opt;
};

static bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static bool take_apart(const struct rte_mbuf *packet, struct view *view)
{
	uint32_t ip_len = *rte_pktmbuf_mtod(packet, uint8_t *) >> 4 == 6 ? 40 : 20;
	const struct rte_tcp_hdr *tcp =
		rte_pktmbuf_mtod_offset(packet, const struct rte_tcp_hdr *, ip_len);
	uint32_t tcp_len = (uint32_t)(tcp->data_off >> 4) * 4;

	*view = (struct view){.tcp = tcp,
			      .headers = ip_len + tcp_len,
			      .seq = rte_be_to_cpu_32(tcp->sent_seq),
			      .ack = rte_be_to_cpu_32(tcp->recv_ack),
			      .flags = tcp->tcp_flags};
	view->len = packet->pkt_len - view->headers;
	view->end = view->seq + view->len + ((view->flags & RTE_TCP_FIN_FLAG) != 0);
	return tcp_options_parse((const uint8_t *)(tcp + 1), tcp_len - 20, &view->opt) == 0;
}

static void trace(const struct host *host, const struct view *view)
{
	uint64_t us = host->world->now_us - host->world->start_us;
	uint8_t flags = view->flags;

	(void)printf("%llu.%06llu %s %u>%u %s%s%s%s%s seq=%u len=%u ack=%u wnd=%u",
		     (unsigned long long)us / 1000000, (unsigned long long)us % 1000000,
		     host->index == 0 ? "0->1" : "1->0", rte_be_to_cpu_16(view->tcp->src_port),
		     rte_be_to_cpu_16(view->tcp->dst_port), flags & RTE_TCP_SYN_FLAG ? "S" : "",
		     flags & RTE_TCP_FIN_FLAG ? "F" : "", flags & RTE_TCP_RST_FLAG ? "R" : "",
		     flags & RTE_TCP_PSH_FLAG ? "P" : "", flags & RTE_TCP_ACK_FLAG ? "." : "",
		     view->seq, view->len, view->ack, rte_be_to_cpu_16(view->tcp->rx_win));
	for (uint32_t i = 0; i < view->opt.sack_count; i++) {
		(void)printf(" [%u,%u)", view->opt.sack[i].start, view->opt.sack[i].end);
	}
	(void)putchar('\n');
}

static const char *check_payload(const struct endpoint *end, const struct edge *edge,
				 const struct rte_mbuf *packet, const struct view *view)
{
	uint32_t at = view->seq - edge->iss - 1;
	uint32_t skip = view->headers;

	if (at + view->len > end->sent) {
		return "sent more than the application gave";
	}
	for (const struct rte_mbuf *seg = packet; seg != NULL; seg = seg->next) {
		const uint8_t *data = rte_pktmbuf_mtod(seg, const uint8_t *);

		for (uint32_t i = skip; i < seg->data_len; i++, at++) {
			if (data[i] != app_pattern(end->salt, at)) {
				return "sent a wrong byte";
			}
		}
		skip -= skip < seg->data_len ? skip : seg->data_len;
	}
	return NULL;
}

/* A probe of a closed window is one byte, or the FIN (RFC 9293 3.8.6.1). */
static const char *check_window(const struct edge *peer, const struct view *view)
{
	uint32_t span = view->end - view->seq;
	uint32_t right = peer->right + (span == 1);

	if (peer->acked && span > 0 && after(view->end, right)) {
		return "sent beyond the window";
	}
	return NULL;
}

static const char *check_sack(const struct edge *peer, const struct view *view)
{
	for (uint32_t i = 0; i < view->opt.sack_count; i++) {
		uint32_t start = view->opt.sack[i].start;
		uint32_t end = view->opt.sack[i].end;

		if (!after(end, start) || after(end, peer->snd_max)) {
			return "a SACK block of what was never sent";
		}
		if (!after(start, view->ack) && (i > 0 || after(end, view->ack))) {
			return "a SACK block below the acknowledgement";
		}
	}
	return NULL;
}

static const char *check_ack(const struct edge *edge, const struct edge *peer,
			     const struct view *view)
{
	if (after(view->ack, peer->snd_max)) {
		return "acknowledged what was never sent";
	}
	if (edge->acked && after(edge->ack, view->ack)) {
		return "took an acknowledgement back";
	}
	return check_sack(peer, view);
}

static const char *check_fin(const struct edge *edge, const struct view *view)
{
	bool fin = (view->flags & RTE_TCP_FIN_FLAG) != 0;

	if (edge->fin &&
	    (fin ? view->end - 1 != edge->fin_seq : after(view->end, edge->fin_seq + 1))) {
		return "sent after its FIN";
	}
	return NULL;
}

static const char *check_right(const struct edge *edge, uint32_t right)
{
	return edge->acked && after(edge->right, right) ? "took window back" : NULL;
}

/* Its window is not scaled: when it is sent again, later ones may have said more. */
static bool is_old_syn(const struct edge *edge, const struct view *view)
{
	return view->flags & RTE_TCP_SYN_FLAG && edge->acked;
}

static bool in_range(uint32_t number, uint32_t first, uint32_t last)
{
	return number - first <= last - first;
}

/*
 * A SYN that the peer never sent but somebody else did is told by the answer, even when that
 * acknowledges what the peer sent since. A late copy of the peer's own finds the port listening
 * again, and new sequence numbers, when the connection has ended.
 */
static bool is_stray_syn_ack(const struct flow *flow, uint32_t side, const struct view *view)
{
	const struct edge *peer = &flow->edge[1 - side];

	if (!peer->valid || view->ack != peer->iss + 1) {
		return flow->world->attacker.sent[side] > 0;
	}
	return flow->end[side].closed && view->seq != flow->edge[side].iss;
}

/* Told by the sequence number of the half-open record that sends it. */
static bool is_stray_ack(const struct flow *flow, uint32_t side, const struct view *view)
{
	const struct edge *edge = &flow->edge[side];

	if (flow->world->attacker.sent[side] == 0 && !flow->end[side].closed) {
		return false;
	}
	return !in_range(view->seq, edge->iss + 1, edge->snd_max) ||
	       (edge->stray && view->seq == edge->stray_iss + 1);
}

/* From a half-open record that is not of this connection: no endpoint yet, or one no more. */
static bool is_stray(struct flow *flow, uint32_t side, const struct view *view)
{
	struct edge *edge = &flow->edge[side];

	if (flow->end[side].conn != NULL || !(view->flags & RTE_TCP_ACK_FLAG)) {
		return false;
	}
	if (!(view->flags & RTE_TCP_SYN_FLAG)) {
		return edge->valid && is_stray_ack(flow, side, view);
	}
	if (!is_stray_syn_ack(flow, side, view)) {
		return false;
	}
	edge->stray = true;
	edge->stray_iss = view->seq;
	return true;
}

static void take_syn(struct edge *edge, const struct view *view)
{
	/* A half-open record that was forgotten and comes again begins anew. */
	if (!edge->valid || edge->iss != view->seq) {
		*edge = (struct edge){.valid = true, .iss = view->seq, .snd_max = view->seq + 1};
	}
	edge->scaled = (view->opt.flags & TCP_OPT_WSCALE) != 0;
	edge->wscale = view->opt.wscale;
}

static uint32_t right_of(const struct edge *edge, const struct edge *peer, const struct view *view)
{
	uint32_t window = rte_be_to_cpu_16(view->tcp->rx_win);
	bool scaled = edge->scaled && peer->scaled && !(view->flags & RTE_TCP_SYN_FLAG);

	return view->ack + (scaled ? window << edge->wscale : window);
}

static const char *check(struct edge *edge, const struct edge *peer, const struct endpoint *end,
			 const struct rte_mbuf *packet, const struct view *view)
{
	uint32_t right = right_of(edge, peer, view);
	const char *wrong = view->len > 0 ? check_payload(end, edge, packet, view) : NULL;

	wrong = wrong != NULL ? wrong : check_window(peer, view);
	wrong = wrong != NULL ? wrong : check_ack(edge, peer, view);
	wrong = wrong != NULL ? wrong : check_fin(edge, view);
	if (!is_old_syn(edge, view)) {
		wrong = wrong != NULL ? wrong : check_right(edge, right);
	}
	if (is_old_syn(edge, view)) {
		return wrong;
	}
	edge->acked = true;
	edge->ack = view->ack;
	edge->right = right;
	edge->snd_max = after(view->end, edge->snd_max) ? view->end : edge->snd_max;
	if (view->flags & RTE_TCP_FIN_FLAG) {
		edge->fin = true;
		edge->fin_seq = view->end - 1;
	}
	return wrong;
}

void edge_check(struct host *host, const struct rte_mbuf *packet)
{
	struct world *world = host->world;
	uint32_t side = host->index;
	const char *wrong = NULL;
	struct flow *flow;
	struct view view;

	if (!take_apart(packet, &view)) {
		world_fail(world, "host %u sent malformed options", side);
		return;
	}
	if (world->trace) {
		trace(host, &view);
	}
	if (packet->pkt_len > host->mtu && !(packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
		world_fail(world, "host %u sent %u bytes, MTU %u", side, packet->pkt_len,
			   host->mtu);
	}
	flow = world_find_flow(world, side, rte_be_to_cpu_16(view.tcp->src_port),
			       rte_be_to_cpu_16(view.tcp->dst_port));
	if (flow == NULL || view.flags & RTE_TCP_RST_FLAG) {
		return;
	}
	if (is_stray(flow, side, &view)) {
		return;
	}
	if (view.flags & RTE_TCP_SYN_FLAG) {
		take_syn(&flow->edge[side], &view);
	}
	if (view.flags & RTE_TCP_ACK_FLAG && flow->edge[side].valid && flow->edge[1 - side].valid) {
		wrong = check(&flow->edge[side], &flow->edge[1 - side], &flow->end[side], packet,
			      &view);
	}
	if (wrong != NULL) {
		world_fail(world, "flow %u: host %u %s", flow->id, side, wrong);
	}
}
