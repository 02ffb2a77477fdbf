#include "bits.h"

void rtmp_bits_init(struct rtmp_bits *b, const uint8_t *data, uint32_t len, bool escaped)
{
	*b = (struct rtmp_bits){.data = data, .len = len, .escaped = escaped};
}

static void next_byte(struct rtmp_bits *b)
{
	b->zeros = b->data[b->at] == 0 ? b->zeros + 1 : 0;
	b->at++;
	b->bit = 0;
	if (b->escaped && b->zeros >= 2 && b->at < b->len && b->data[b->at] == 3) {
		b->zeros = 0;
		b->at++;
	}
}

static uint32_t get_bit(struct rtmp_bits *b)
{
	uint32_t bit;

	if (b->error || b->at >= b->len) {
		b->error = true;
		return 0;
	}
	bit = (b->data[b->at] >> (7 - b->bit)) & 1;
	if (++b->bit == 8) {
		next_byte(b);
	}
	return bit;
}

uint32_t rtmp_bits_get(struct rtmp_bits *b, uint32_t count)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < count; i++) {
		value = value << 1 | get_bit(b);
	}
	return b->error ? 0 : value;
}

void rtmp_bits_skip(struct rtmp_bits *b, uint32_t count)
{
	for (uint32_t i = 0; i < count && !b->error; i++) {
		(void)get_bit(b);
	}
}

uint32_t rtmp_bits_ue(struct rtmp_bits *b)
{
	uint32_t zeros = 0;

	while (!b->error && get_bit(b) == 0) {
		zeros++;
	}
	if (zeros > 31) {
		b->error = true; /* no syntax element is that long */
	}
	return b->error ? 0 : (1u << zeros) - 1 + rtmp_bits_get(b, zeros);
}

int32_t rtmp_bits_se(struct rtmp_bits *b)
{
	int64_t k = rtmp_bits_ue(b);

	return (int32_t)(k & 1 ? (k + 1) / 2 : -(k / 2));
}

void rtmp_bits_align(struct rtmp_bits *b)
{
	if (b->bit != 0) {
		rtmp_bits_skip(b, 8u - b->bit);
	}
}
