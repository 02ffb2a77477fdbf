/*
 * Sequence-number arithmetic (RFC 9293 3.4): comparisons modulo 2^32 hold while two numbers are
 * less than 2^31 apart, which window scaling guarantees (RFC 7323 2.3).
 */
#ifndef TCPSTACK_SEQ_H
#define TCPSTACK_SEQ_H

#include <stdbool.h>
#include <stdint.h>

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_ge(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

/* Bytes from `a` up to `b`, 0 when `b` is not after `a`. */
static inline uint32_t seq_span(uint32_t a, uint32_t b)
{
	return seq_gt(b, a) ? b - a : 0;
}

#endif
