#include "bench/common/crc32.h"

#include <string.h>

/* table[k][b]: what byte b does to the register when k more bytes of zeros follow it. */
static uint32_t table[8][256];

void sink_crc32_init(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;
		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ (UINT32_C(0xedb88320) & -(crc & 1));
		}
		table[0][b] = crc;
	}
	for (uint32_t b = 0; b < 256; b++) {
		for (int k = 1; k < 8; k++) {
			table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 0xff];
		}
	}
}

/* Eight bytes at a time: eight independent look-ups instead of a chain of eight. Little-endian. */
uint32_t sink_crc32(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint32_t low;
		uint32_t high;
		memcpy(&low, p, 4);
		memcpy(&high, p + 4, 4);
		low ^= crc;
		crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^
		      table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^ table[3][high & 0xff] ^
		      table[2][high >> 8 & 0xff] ^ table[1][high >> 16 & 0xff] ^
		      table[0][high >> 24];
	}
	for (; len > 0; len--, p++) {
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
	}
	return ~crc;
}
