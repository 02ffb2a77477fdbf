/*
 * A received segment: headers checked and read, payload alone left in the chain. After parsing
 * nobody reads the wire again.
 */
#ifndef TCPSTACK_SEGMENT_H
#define TCPSTACK_SEGMENT_H

#include <stdint.h>

#include "chain.h"
#include "key.h"
#include "options.h"
#include "seq.h"

struct rte_mbuf;
struct tcp_stack;

enum tcp_segment_flags {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

struct tcp_segment {
	struct tcp_key key;
	uint32_t hash;
	uint32_t seq;
	uint32_t ack;
	uint32_t len;     /* of the payload */
	uint32_t largest; /* of the segments that it was merged from (gro.h) */
	uint16_t wnd;     /* unscaled */
	uint8_t flags;
	uint8_t ecn; /* enum ecn_codepoint */
	struct tcp_chain payload;
	struct tcp_options opt;
};

/* SEG.LEN of RFC 9293: SYN and FIN count. */
static inline uint32_t segment_span(const struct tcp_segment *seg)
{
	return seg->len + (seg->flags & TCP_SYN ? 1 : 0) + (seg->flags & TCP_FIN ? 1 : 0);
}

/*
 * `before` is the segment that came before in the burst, or NULL: most often of the same
 * connection, so that its hash serves.
 *
 * 0, or negative when the packet is not for TCP to see: then the drop is counted and the packet
 * still belongs to the caller. On success the payload's mbufs belong to the segment.
 */
int tcp_segment_parse(struct tcp_stack *stack, struct rte_mbuf *packet,
		      const struct tcp_segment *before, struct tcp_segment *seg)
	__attribute__((warn_unused_result));

#endif
