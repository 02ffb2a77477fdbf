#include "bench/gen/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void take_bytes(struct report *r, const struct fleet *f)
{
	uint64_t *bytes = calloc(f->started + 1u, sizeof(*bytes));
	uint32_t count = 0;

	for (uint32_t i = 0; bytes != NULL && i < f->started; i++) {
		if (f->publishers[i].state == PUBLISHER_PUBLISHING) {
			bytes[count++] = f->publishers[i].sent_bytes;
		}
	}
	if (count > 0) {
		qsort(bytes, count, sizeof(*bytes), compare);
		r->publisher_bytes_min = bytes[0];
		r->publisher_bytes_median = bytes[count / 2];
	}
	free(bytes);
}

void report_take(struct report *r, const struct fleet *f)
{
	bool again = f->options->churn_s != 0 || f->options->rate_publishes;
	double time = again ? r->seconds : r->ramp_seconds;

	take_bytes(r, f);
	r->counts = f->counts;
	r->publishes_per_second = time > 0 ? (double)r->counts.publishes / time : 0;
	f->transport->ops->usage(f->transport, &r->usage);
	r->cpu_seconds = r->usage.busy_percent / 100 * r->seconds;
}

static double gbps(const struct report *r)
{
	return r->seconds > 0 ? (double)r->counts.payload_bytes * 8 / r->seconds / 1e9 : 0;
}

static void print_errors(FILE *out, const struct report *r)
{
	const char *separator = "";

	fputs("\"errors\": {", out);
	for (int i = GEN_END_NORMAL + 1; i < GEN_END_COUNT; i++) {
		if (r->counts.errors[i] > 0) {
			fprintf(out, "%s\"%s\": %" PRIu64, separator, gen_end_key((enum gen_end)i),
				r->counts.errors[i]);
			separator = ", ";
		}
	}
	fputs("}", out);
}

static void print_json(FILE *out, const struct report *r, const struct fleet *f)
{
	fprintf(out,
		"{\"publishers\": %u, \"published\": %u, \"refused\": %" PRIu64
		", \"lost\": %" PRIu64 ", \"publishes\": %" PRIu64
		", \"publishes_per_second\": %.1f, \"messages\": %" PRIu64
		", \"payload_bytes\": %" PRIu64 ", \"seconds\": %.3f, \"ramp_seconds\": %.3f"
		", \"gbps\": %.4f, ",
		r->publishers, r->published, r->counts.refused, r->counts.lost, r->counts.publishes,
		r->publishes_per_second, r->counts.messages, r->counts.payload_bytes, r->seconds,
		r->ramp_seconds, gbps(r));
	fprintf(out,
		"\"publisher_bytes_min\": %" PRIu64 ", \"publisher_bytes_median\": %" PRIu64
		", \"setup_latency_us_p50\": %" PRIu64 ", \"setup_latency_us_p99\": %" PRIu64
		", \"setup_latency_us_p999\": %" PRIu64 ", \"setup_latency_us_max\": %" PRIu64 ", ",
		r->publisher_bytes_min, r->publisher_bytes_median,
		histogram_quantile(&f->setup_us, 500), histogram_quantile(&f->setup_us, 990),
		histogram_quantile(&f->setup_us, 999), f->setup_us.max);
	fprintf(out,
		"\"send_lag_us_p50\": %" PRIu64 ", \"send_lag_us_p99\": %" PRIu64
		", \"send_lag_us_max\": %" PRIu64 ", \"tx_segments\": %" PRIu64
		", \"retransmits\": %" PRIu64 ", \"busy_percent\": %.1f, \"cpu_seconds\": %.3f, ",
		histogram_quantile(&f->lag_us, 500), histogram_quantile(&f->lag_us, 990),
		f->lag_us.max, r->usage.tx_segments, r->usage.retransmits, r->usage.busy_percent,
		r->cpu_seconds);
	fprintf(out,
		"\"link_lost\": %" PRIu64 ", \"link_duplicated\": %" PRIu64
		", \"link_reordered\": %" PRIu64 ", \"flood_packets\": %" PRIu64
		", \"flood_opened\": %" PRIu64 ", ",
		r->usage.link_lost, r->usage.link_duplicated, r->usage.link_reordered,
		r->usage.flood_packets, r->usage.flood_opened);
	print_errors(out, r);
	fputs("}\n", out);
}

static void print_text(FILE *out, const struct report *r, const struct fleet *f)
{
	fprintf(out, "publishers %u, published %u, refused %" PRIu64 ", lost %" PRIu64 "\n",
		r->publishers, r->published, r->counts.refused, r->counts.lost);
	fprintf(out,
		"publishes %" PRIu64 ", %.1f/s; set up in us: p50 %" PRIu64 ", p99 %" PRIu64
		", p99.9 %" PRIu64 ", max %" PRIu64 "\n",
		r->counts.publishes, r->publishes_per_second, histogram_quantile(&f->setup_us, 500),
		histogram_quantile(&f->setup_us, 990), histogram_quantile(&f->setup_us, 999),
		f->setup_us.max);
	fprintf(out,
		"payload %" PRIu64 " bytes in %.1f s, %.3f Gb/s; of a publisher: least %" PRIu64
		", median %" PRIu64 " bytes\n",
		r->counts.payload_bytes, r->seconds, gbps(r), r->publisher_bytes_min,
		r->publisher_bytes_median);
	if (f->lag_us.count > 0) {
		fprintf(out, "sent late by us: p50 %" PRIu64 ", p99 %" PRIu64 ", max %" PRIu64 "\n",
			histogram_quantile(&f->lag_us, 500), histogram_quantile(&f->lag_us, 990),
			f->lag_us.max);
	}
	fprintf(out, "core busy %.1f %%", r->usage.busy_percent);
	if (r->usage.tx_segments > 0) {
		fprintf(out, "; %" PRIu64 " segments, %" PRIu64 " retransmitted",
			r->usage.tx_segments, r->usage.retransmits);
	}
	fputc('\n', out);
	for (int i = GEN_END_NORMAL + 1; i < GEN_END_COUNT; i++) {
		if (r->counts.errors[i] > 0) {
			fprintf(out, "%s: %" PRIu64 "\n", gen_end_key((enum gen_end)i),
				r->counts.errors[i]);
		}
	}
}

int report_write(const struct report *r, const struct fleet *f, const char *json)
{
	FILE *out;

	if (json == NULL || strcmp(json, "-") != 0) {
		print_text(stdout, r, f);
	}
	if (json == NULL) {
		return 0;
	}
	out = strcmp(json, "-") == 0 ? stdout : fopen(json, "we");
	if (out == NULL) {
		return -errno;
	}
	print_json(out, r, f);
	bool failed = ferror(out) != 0;
	failed |= (out == stdout ? fflush(out) : fclose(out)) != 0;
	return failed ? -EIO : 0;
}
