/*
 * One scripted publisher: the client's side of a TCP connection and of RTMP, without a TCP stack.
 *
 * Everything that it sends follows from a position: frames are put together in the caller's mbufs
 * when the port is asked for them. It obeys the window, and goes back to what was acknowledged when
 * that stands still for 100 ms; there is no congestion control and no reordering.
 */
#ifndef REPLAY_FLOW_H
#define REPLAY_FLOW_H

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/replay_src/stream.h"
#include "rtmp/client.h"

#define FLOW_SEGMENT 1448u /* MTU 1500, RFC 7323 timestamps */

struct rte_mbuf;

enum flow_state {
	FLOW_CLOSED = 0,
	FLOW_SYN_SENT,
	FLOW_SETUP,      /* handshake, connect, publish */
	FLOW_PUBLISHING, /* accepted: media may be sent */
	FLOW_FAILED,
};

struct flow_headers {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t nops[2]; /* RFC 7323 appendix A */
	uint8_t kind;
	uint8_t length;
	uint32_t tsval;
	uint32_t tsecr;
} __attribute__((packed, aligned(2)));

struct flow {
	enum flow_state state;
	bool free_running; /* nobody answers: the window is endless */
	bool checksums;    /* the receiver has to verify them: the port says nothing of them */
	bool ack_due;
	bool reset_due;
	uint8_t wscale;
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t snd_wnd;
	uint32_t rcv_nxt;
	uint32_t tsecr;
	uint64_t position; /* in the media stream, of snd_nxt */
	uint64_t progress_tsc;
	uint64_t rewinds;
	struct flow_headers headers; /* of a full-sized segment */
	uint32_t out_sent;
	struct rtmp_out out; /* what setting up has to say */
	struct rtmp_client_config config;
	struct rtmp_client client;
	char name[32];
	uint8_t bytes[8192];
};

struct flow_config {
	struct rte_ether_addr server_mac;
	struct rte_ether_addr client_mac;
	uint32_t server; /* IPv4 in network byte order */
	uint32_t client;
	uint16_t port; /* of the client, host byte order */
	uint32_t chunk_size;
	uint32_t number; /* names the stream */
	bool checksums;
};

void flow_init(struct flow *flow, const struct flow_config *config);
/* In the middle of its media, for a receiver that never answers. */
void flow_init_free_running(struct flow *flow, const struct flow_config *config);

struct flow_time {
	uint64_t tsc;
	uint64_t timeout_tsc; /* cycles without progress after which it goes back */
	uint32_t tsval;
};

/* Whatever it has to say but media; frames filled, at most `max`. */
uint16_t flow_put_setup(struct flow *flow, struct rte_mbuf **frames, uint16_t max,
			const struct flow_time *time);
/* As many full segments of media as the window allows, at most `max`. */
uint16_t flow_put_media(struct flow *flow, const struct stream *stream, struct rte_mbuf **frames,
			uint16_t max, const struct flow_time *time);

/* The end of a connection that has nothing on its way: FIN, and the ACK of the server's FIN. */
void flow_put_fin(struct flow *flow, struct rte_mbuf *frame, const struct flow_time *time);
void flow_put_last_ack(struct flow *flow, struct rte_mbuf *frame, const struct flow_time *time);

/* A frame of the server's for this flow, TCP header at `tcp`, payload behind it. */
void flow_take(struct flow *flow, const struct rte_tcp_hdr *tcp, uint8_t *payload, uint32_t length,
	       const struct flow_time *time);

/* Position in the media that the server acknowledged. */
static inline uint64_t flow_acknowledged(const struct flow *flow)
{
	uint32_t flying = flow->snd_nxt - flow->snd_una;

	return flow->position > flying ? flow->position - flying : 0;
}

#endif
