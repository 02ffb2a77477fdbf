/*
 * TCP options (RFC 9293 3.1): MSS, window scale and timestamps (RFC 7323), SACK (RFC 2018).
 * Parsing reads only within the option area; writing yields a length that is a multiple of 4.
 */
#ifndef TCPSTACK_OPTIONS_H
#define TCPSTACK_OPTIONS_H

#include <stdint.h>

#define TCP_OPTIONS_MAX   40
#define TCP_SACK_BLOCKS   4
#define TCP_WSCALE_MAX    14 /* RFC 7323 2.3 */
#define TCP_TIMESTAMP_LEN 12 /* with its two NOPs */

enum tcp_option_flags {
	TCP_OPT_MSS = 1 << 0,
	TCP_OPT_WSCALE = 1 << 1,
	TCP_OPT_SACK_PERMITTED = 1 << 2,
	TCP_OPT_TIMESTAMPS = 1 << 3,
};

struct tcp_sack_block {
	uint32_t start;
	uint32_t end; /* first byte after the block */
};

struct tcp_options {
	uint8_t flags; /* enum tcp_option_flags: which of the fields below are there */
	uint8_t wscale;
	uint16_t mss;
	uint32_t tsval;
	uint32_t tsecr;
	uint32_t sack_count;
	struct tcp_sack_block sack[TCP_SACK_BLOCKS];
};

/* 0, or -EINVAL for a malformed area. Unknown options are skipped (RFC 9293 MUST-6). */
int tcp_options_parse(const uint8_t *area, uint32_t len, struct tcp_options *out)
	__attribute__((warn_unused_result));

/* Bytes that tcp_options_write() will need. */
uint32_t tcp_options_len(const struct tcp_options *opt);
void tcp_options_write(const struct tcp_options *opt, uint8_t *area);

#endif
