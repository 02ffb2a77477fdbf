/*
 * Bit reader over a parameter set or a configuration record: most significant bit first, with an
 * error that sticks. With `escaped` it leaves out emulation prevention bytes (ITU-T H.264 7.3.1,
 * H.265 7.3.1.1): a 3 after two zero bytes.
 *
 * One bit after the other: it is for what a stream sends once.
 */
#ifndef RTMP_BITS_H
#define RTMP_BITS_H

#include <stdbool.h>
#include <stdint.h>

struct rtmp_bits {
	const uint8_t *data;
	uint32_t len;
	uint32_t at;    /* byte */
	uint32_t zeros; /* bytes of 0 in front of it, as far as they count */
	uint8_t bit;    /* in the byte, from 0 */
	bool escaped;
	bool error; /* sticks: every read after it returns 0 */
};

void rtmp_bits_init(struct rtmp_bits *b, const uint8_t *data, uint32_t len, bool escaped);

/* At most 32 bits. */
uint32_t rtmp_bits_get(struct rtmp_bits *b, uint32_t count);
void rtmp_bits_skip(struct rtmp_bits *b, uint32_t count);

/* Exp-Golomb, unsigned and signed (ITU-T H.264 9.1). */
uint32_t rtmp_bits_ue(struct rtmp_bits *b);
int32_t rtmp_bits_se(struct rtmp_bits *b);

/* The next byte boundary. */
void rtmp_bits_align(struct rtmp_bits *b);

static inline bool rtmp_bits_flag(struct rtmp_bits *b)
{
	return rtmp_bits_get(b, 1) != 0;
}

#endif
