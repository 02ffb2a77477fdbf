#include "bench/replay_src/flow.h"
#include "rtmp/heap_buffers.h"

#include <rte_mbuf.h>
#include <rte_memcpy.h>
#include <stdio.h>
#include <string.h>

#define ISS       1000u
#define WSCALE    7u
#define SYN_ROOM  20u /* MSS, SACK permitted, timestamps, window scale */
#define PEER_PORT 1935u

static void fill_headers(struct flow_headers *h, const struct flow_config *config)
{
	*h = (struct flow_headers){
		.ether = {.dst_addr = config->server_mac,
			  .src_addr = config->client_mac,
			  .ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4)},
		.ip = {.version_ihl = RTE_IPV4_VHL_DEF,
		       .total_length =
			       rte_cpu_to_be_16(sizeof(*h) - sizeof(h->ether) + FLOW_SEGMENT),
		       .fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		       .time_to_live = 64,
		       .next_proto_id = IPPROTO_TCP,
		       .src_addr = config->client,
		       .dst_addr = config->server},
		.tcp = {.src_port = rte_cpu_to_be_16(config->port),
			.dst_port = RTE_BE16(PEER_PORT),
			.data_off = 8 << 4,
			.rx_win = RTE_BE16(UINT16_MAX)},
		.nops = {1, 1},
		.kind = 8,
		.length = 10,
	};
	h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
}

void flow_init(struct flow *flow, const struct flow_config *config)
{
	memset(flow, 0, offsetof(struct flow, bytes));
	flow->snd_una = flow->snd_nxt = ISS;
	fill_headers(&flow->headers, config);
	flow->checksums = config->checksums;
	(void)snprintf(flow->name, sizeof(flow->name), "replay%u", config->number);
	flow->out = (struct rtmp_out){.data = flow->bytes, .cap = sizeof(flow->bytes)};
	flow->config = (struct rtmp_client_config){
		.buffers = &rtmp_heap_buffers,
		.app = "live",
		.tc_url = "rtmp://replay/live",
		.name = flow->name,
		.flash_ver = "FMLE/3.0 (compatible; Penstock)",
		.chunk_size = config->chunk_size,
	};
	rtmp_client_init(&flow->client, &flow->config, config->number + 1);
}

void flow_init_free_running(struct flow *flow, const struct flow_config *config)
{
	flow_init(flow, config);
	flow->state = FLOW_PUBLISHING;
	flow->free_running = true;
	flow->snd_wnd = UINT32_MAX / 2;
}

/* Numbers, and the flags of a NIC that verified both checksums. */
static struct flow_headers *put_headers(struct flow *flow, struct rte_mbuf *m, uint8_t flags,
					uint32_t tsval)
{
	struct flow_headers *h = rte_pktmbuf_mtod(m, struct flow_headers *);

	*h = flow->headers;
	h->tcp.sent_seq = rte_cpu_to_be_32(flow->snd_nxt);
	h->tcp.recv_ack = rte_cpu_to_be_32(flow->rcv_nxt);
	h->tcp.tcp_flags = flags;
	h->tsval = rte_cpu_to_be_32(tsval);
	h->tsecr = flow->tsecr;
	if (!flow->checksums) {
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	}
	return h;
}

/* The payload stands behind the headers. */
static void finish(const struct flow *flow, struct rte_mbuf *m, struct flow_headers *h,
		   uint32_t payload)
{
	m->data_len = (uint16_t)(sizeof(*h) + payload);
	m->pkt_len = m->data_len;
	if (payload != FLOW_SEGMENT) {
		h->ip.total_length = rte_cpu_to_be_16((uint16_t)(m->data_len - sizeof(h->ether)));
		h->ip.hdr_checksum = 0;
		h->ip.hdr_checksum = rte_ipv4_cksum(&h->ip);
	}
	if (flow->checksums) {
		h->tcp.cksum = 0;
		h->tcp.cksum = rte_ipv4_udptcp_cksum(&h->ip, &h->tcp);
	}
}

static void put_segment(struct flow *flow, struct rte_mbuf *m, const uint8_t *payload,
			uint32_t length, uint8_t flags, uint32_t tsval)
{
	struct flow_headers *h = put_headers(flow, m, flags, tsval);

	rte_memcpy(h + 1, payload, length);
	finish(flow, m, h, length);
	flow->snd_nxt += length;
	flow->ack_due = false;
}

static void put_syn(struct flow *flow, struct rte_mbuf *m, uint32_t tsval)
{
	struct flow_headers *h = put_headers(flow, m, RTE_TCP_SYN_FLAG, tsval);
	const uint32_t ts = h->tsval;
	uint8_t options[SYN_ROOM] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10};

	memcpy(options + 8, &ts, sizeof(ts));
	memcpy(options + 16, (const uint8_t[]){1, 3, 3, WSCALE}, 4);
	memcpy((uint8_t *)h + offsetof(struct flow_headers, nops), options, sizeof(options));
	h->tcp.data_off = (20 + SYN_ROOM) / 4 << 4;
	finish(flow, m, h, SYN_ROOM - 12);
	flow->snd_nxt++;
	flow->state = FLOW_SYN_SENT;
}

static uint16_t put_out(struct flow *flow, struct rte_mbuf **frames, uint16_t max, uint32_t tsval)
{
	uint16_t count = 0;

	while (count < max && flow->out_sent < flow->out.len) {
		uint32_t left = (uint32_t)flow->out.len - flow->out_sent;
		uint32_t length = left < FLOW_SEGMENT ? left : FLOW_SEGMENT;

		put_segment(flow, frames[count++], flow->bytes + flow->out_sent, length,
			    RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, tsval);
		flow->out_sent += length;
	}
	if (flow->out_sent == flow->out.len) {
		flow->out_sent = 0;
		flow->out.len = 0;
	}
	return count;
}

uint16_t flow_put_setup(struct flow *flow, struct rte_mbuf **frames, uint16_t max,
			const struct flow_time *time)
{
	uint16_t count = 0;

	if (flow->state == FLOW_CLOSED) {
		put_syn(flow, frames[0], time->tsval);
		return 1;
	}
	if (flow->reset_due) {
		flow->reset_due = false;
		put_segment(flow, frames[0], flow->bytes, 0, RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG,
			    time->tsval);
		return 1;
	}
	if (flow->state == FLOW_SETUP || flow->state == FLOW_PUBLISHING) {
		count = put_out(flow, frames, max, time->tsval);
	}
	if (flow->ack_due && count < max) {
		put_segment(flow, frames[count++], flow->bytes, 0, RTE_TCP_ACK_FLAG, time->tsval);
	}
	return count;
}

static void go_back(struct flow *flow, const struct flow_time *time)
{
	flow->position = flow_acknowledged(flow);
	flow->snd_nxt = flow->snd_una;
	flow->progress_tsc = time->tsc;
	flow->rewinds++;
}

uint16_t flow_put_media(struct flow *flow, const struct stream *stream, struct rte_mbuf **frames,
			uint16_t max, const struct flow_time *time)
{
	uint16_t count = 0;

	if (flow->free_running || flow->snd_nxt == flow->snd_una) {
		flow->snd_una = flow->snd_nxt;
		flow->progress_tsc = time->tsc;
	} else if (time->tsc - flow->progress_tsc > time->timeout_tsc) {
		go_back(flow, time);
	}
	while (count < max) {
		uint32_t length;
		const uint8_t *payload = stream_at(stream, flow->position, &length);
		bool last = count + 1u == max;

		if (flow->snd_nxt + length - flow->snd_una > flow->snd_wnd) {
			break;
		}
		put_segment(flow, frames[count++], payload, length,
			    last ? RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG : RTE_TCP_ACK_FLAG,
			    time->tsval);
		flow->position += length;
	}
	return count;
}

void flow_put_fin(struct flow *flow, struct rte_mbuf *frame, const struct flow_time *time)
{
	put_segment(flow, frame, flow->bytes, 0, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, time->tsval);
	flow->snd_nxt++;
}

void flow_put_last_ack(struct flow *flow, struct rte_mbuf *frame, const struct flow_time *time)
{
	flow->rcv_nxt++;
	put_segment(flow, frame, flow->bytes, 0, RTE_TCP_ACK_FLAG, time->tsval);
}

static uint8_t find_wscale(const struct rte_tcp_hdr *tcp)
{
	const uint8_t *at = (const uint8_t *)(tcp + 1);
	const uint8_t *end = (const uint8_t *)tcp + (size_t)(tcp->data_off >> 4) * 4;

	while (at + 2 < end && *at != 0) {
		if (*at == 3) {
			return at[2];
		}
		at += *at == 1 || at[1] < 2 ? 1 : at[1];
	}
	return 0;
}

static void start_rtmp(struct flow *flow, const struct rte_tcp_hdr *tcp)
{
	flow->wscale = find_wscale(tcp);
	flow->rcv_nxt = rte_be_to_cpu_32(tcp->sent_seq) + 1;
	flow->ack_due = true;
	flow->state = rtmp_client_start(&flow->client, &flow->out) == 0 ? FLOW_SETUP : FLOW_FAILED;
}

/* What comes once media flows (Acknowledgements) is of no interest. */
static void take_payload(struct flow *flow, uint8_t *payload, uint32_t length)
{
	struct rtmp_span span = {.data = payload, .len = length};
	struct rtmp_client_event event;

	flow->rcv_nxt += length;
	flow->ack_due = true;
	if (flow->state != FLOW_SETUP) {
		return;
	}
	do {
		if (rtmp_client_next(&flow->client, &span, &flow->out, &event) < 0 ||
		    event.type == RTMP_CLIENT_REFUSED) {
			flow->state = FLOW_FAILED;
			return;
		}
		if (event.type == RTMP_CLIENT_PUBLISHING) {
			flow->state = FLOW_PUBLISHING;
		}
	} while (event.type != RTMP_CLIENT_MORE);
}

static void take_ack(struct flow *flow, const struct rte_tcp_hdr *tcp, const struct flow_time *time)
{
	uint32_t ack = rte_be_to_cpu_32(tcp->recv_ack);

	if (ack - flow->snd_una <= flow->snd_nxt - flow->snd_una) {
		if (ack != flow->snd_una) {
			flow->progress_tsc = time->tsc;
		}
		flow->snd_una = ack;
		flow->snd_wnd = (uint32_t)rte_be_to_cpu_16(tcp->rx_win)
				<< (tcp->tcp_flags & RTE_TCP_SYN_FLAG ? 0 : flow->wscale);
	}
	if (tcp->data_off == 8 << 4) {
		memcpy(&flow->tsecr, (const uint8_t *)(tcp + 1) + 4, sizeof(flow->tsecr));
	}
}

void flow_take(struct flow *flow, const struct rte_tcp_hdr *tcp, uint8_t *payload, uint32_t length,
	       const struct flow_time *time)
{
	if (tcp->tcp_flags & (RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG)) {
		flow->reset_due = !(tcp->tcp_flags & RTE_TCP_RST_FLAG);
		flow->state = FLOW_FAILED;
		return;
	}
	take_ack(flow, tcp, time);
	if (tcp->tcp_flags & RTE_TCP_SYN_FLAG) {
		if (flow->state == FLOW_SYN_SENT) {
			start_rtmp(flow, tcp);
		}
	} else if (length != 0 && rte_be_to_cpu_32(tcp->sent_seq) == flow->rcv_nxt) {
		take_payload(flow, payload, length);
	}
}
