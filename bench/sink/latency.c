#include "latency.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "bench/common/mark.h"

void latency_init(struct latency *l)
{
	memset(l, 0, sizeof(*l));
	histogram_init(&l->us);
}

void latency_arrived(struct latency *l)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	l->now_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void latency_message(struct latency *l, uint8_t type, const uint8_t *data, uint32_t len)
{
	uint32_t offset = mark_offset(type, len);
	struct mark mark;

	if (offset == UINT32_MAX || !mark_read(&mark, data + offset, len - offset) ||
	    mark.sent_ns == 0) {
		l->untimed++;
	} else if (mark.sent_ns > l->now_ns) {
		l->early++;
	} else if (mark.number != MARK_NO_NUMBER) { /* those are repeated at any time */
		histogram_add(&l->us, (l->now_ns - mark.sent_ns) / 1000);
	}
}

void latency_print(FILE *out, const void *latency)
{
	const struct latency *l = latency;

	fprintf(out,
		"{\"messages\": %" PRIu64 ", \"untimed\": %" PRIu64 ", \"early\": %" PRIu64
		", \"latency_us_min\": %" PRIu64 ", \"latency_us_p50\": %" PRIu64
		", \"latency_us_p90\": %" PRIu64 ", \"latency_us_p99\": %" PRIu64
		", \"latency_us_p999\": %" PRIu64 ", \"latency_us_max\": %" PRIu64 "}\n",
		l->us.count, l->untimed, l->early, l->us.count > 0 ? l->us.min : 0,
		histogram_quantile(&l->us, 500), histogram_quantile(&l->us, 900),
		histogram_quantile(&l->us, 990), histogram_quantile(&l->us, 999), l->us.max);
}
