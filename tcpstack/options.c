#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum option_kind {
	KIND_END = 0,
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_WSCALE = 3,
	KIND_SACK_PERMITTED = 4,
	KIND_SACK = 5,
	KIND_TIMESTAMPS = 8,
};

static uint32_t load32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return ntohl(value);
}

static uint8_t *store32(uint8_t *p, uint32_t value)
{
	value = htonl(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static bool parse_sack(const uint8_t *body, uint32_t len, struct tcp_options *out)
{
	if (len == 0 || len % 8 != 0 || len / 8 > TCP_SACK_BLOCKS) {
		return false;
	}
	out->sack_count = len / 8;
	for (uint32_t i = 0; i < out->sack_count; i++, body += 8) {
		out->sack[i].start = load32(body);
		out->sack[i].end = load32(body + 4);
	}
	return true;
}

static bool parse_timestamps(const uint8_t *body, uint32_t len, struct tcp_options *out)
{
	if (len != 8) {
		return false;
	}
	out->flags |= TCP_OPT_TIMESTAMPS;
	out->tsval = load32(body);
	out->tsecr = load32(body + 4);
	return true;
}

static bool parse_one(uint8_t kind, const uint8_t *body, uint32_t len, struct tcp_options *out)
{
	switch (kind) {
	case KIND_MSS:
		out->flags |= TCP_OPT_MSS;
		out->mss = len == 2 ? (uint16_t)(body[0] << 8 | body[1]) : 0;
		return len == 2;
	case KIND_WSCALE:
		out->flags |= TCP_OPT_WSCALE;
		/* RFC 7323 2.3: a larger shift is used as 14. */
		out->wscale = len == 1 && body[0] < TCP_WSCALE_MAX ? body[0] : TCP_WSCALE_MAX;
		return len == 1;
	case KIND_SACK_PERMITTED:
		out->flags |= TCP_OPT_SACK_PERMITTED;
		return len == 0;
	case KIND_SACK:
		return parse_sack(body, len, out);
	case KIND_TIMESTAMPS:
		return parse_timestamps(body, len, out);
	default:
		return true;
	}
}

int tcp_options_parse(const uint8_t *area, uint32_t len, struct tcp_options *out)
{
	out->flags = 0;
	out->sack_count = 0;
	while (len > 0 && area[0] != KIND_END) {
		uint32_t option_len = 1;

		if (area[0] != KIND_NOP) {
			if (len < 2 || area[1] < 2 || area[1] > len) {
				return -EINVAL;
			}
			option_len = area[1];
			if (!parse_one(area[0], area + 2, option_len - 2, out)) {
				return -EINVAL;
			}
		}
		area += option_len;
		len -= option_len;
	}
	return 0;
}

/* SACK-permitted stands where the padding of the timestamps would be, if there are any. */
uint32_t tcp_options_len(const struct tcp_options *opt)
{
	uint32_t sack_or_stamps = TCP_OPT_SACK_PERMITTED | TCP_OPT_TIMESTAMPS;
	uint32_t len = 0;

	len += opt->flags & TCP_OPT_MSS ? 4 : 0;
	len += opt->flags & sack_or_stamps ? 4 : 0;
	len += opt->flags & TCP_OPT_TIMESTAMPS ? 8 : 0;
	len += opt->flags & TCP_OPT_WSCALE ? 4 : 0;
	len += opt->sack_count > 0 ? 4 + 8 * opt->sack_count : 0;
	return len;
}

static uint8_t *write_stamps(const struct tcp_options *opt, uint8_t *area)
{
	bool sack_permitted = opt->flags & TCP_OPT_SACK_PERMITTED;
	uint32_t front = sack_permitted ? KIND_SACK_PERMITTED << 24 | 2 << 16
					: KIND_NOP << 24 | KIND_NOP << 16;

	if (opt->flags & TCP_OPT_TIMESTAMPS) {
		area = store32(area, front | KIND_TIMESTAMPS << 8 | 10);
		area = store32(area, opt->tsval);
		return store32(area, opt->tsecr);
	}
	if (sack_permitted) {
		area = store32(area,
			       KIND_NOP << 24 | KIND_NOP << 16 | KIND_SACK_PERMITTED << 8 | 2);
	}
	return area;
}

/*
 * Each group is padded to four bytes in front, so that its numbers are aligned. In the order in
 * which Linux has them: middleboxes have seen no other one as often.
 */
void tcp_options_write(const struct tcp_options *opt, uint8_t *area)
{
	if (opt->flags & TCP_OPT_MSS) {
		area = store32(area, KIND_MSS << 24 | 4 << 16 | opt->mss);
	}
	area = write_stamps(opt, area);
	if (opt->flags & TCP_OPT_WSCALE) {
		area = store32(area, KIND_NOP << 24 | KIND_WSCALE << 16 | 3 << 8 | opt->wscale);
	}
	if (opt->sack_count > 0) {
		area = store32(area, KIND_NOP << 24 | KIND_NOP << 16 | KIND_SACK << 8 |
					     (2 + 8 * opt->sack_count));
		for (uint32_t i = 0; i < opt->sack_count; i++) {
			area = store32(area, opt->sack[i].start);
			area = store32(area, opt->sack[i].end);
		}
	}
}
