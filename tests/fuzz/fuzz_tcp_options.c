/*
 * TCP options: what is parsed, written and parsed again says the same. The area is copied to where
 * the sanitizer sees each byte that is read beyond it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct tcp_options *a, const struct tcp_options *b)
{
	return a->flags == b->flags && (!(a->flags & TCP_OPT_MSS) || a->mss == b->mss) &&
	       (!(a->flags & TCP_OPT_WSCALE) || a->wscale == b->wscale) &&
	       (!(a->flags & TCP_OPT_TIMESTAMPS) ||
		(a->tsval == b->tsval && a->tsecr == b->tsecr)) &&
	       a->sack_count == b->sack_count &&
	       memcmp(a->sack, b->sack, a->sack_count * sizeof(a->sack[0])) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = size < TCP_OPTIONS_MAX ? (uint32_t)size : TCP_OPTIONS_MAX;
	uint8_t *area = malloc(len > 0 ? len : 1);
	uint8_t written[TCP_OPTIONS_MAX + 8 * TCP_SACK_BLOCKS];
	struct tcp_options first = {0};
	struct tcp_options second = {0};

	if (area == NULL) {
		abort();
	}
	memcpy(area, data, len);
	if (tcp_options_parse(area, len, &first) == 0) {
		uint32_t need = tcp_options_len(&first);

		if (need % 4 != 0 || need > sizeof(written) || first.wscale > TCP_WSCALE_MAX) {
			abort();
		}
		tcp_options_write(&first, written);
		if (tcp_options_parse(written, need, &second) != 0 || !same(&first, &second)) {
			abort();
		}
	}
	free(area);
	return 0;
}
