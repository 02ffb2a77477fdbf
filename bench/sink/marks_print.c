#include "marks.h"
#include "report.h"

#include <inttypes.h>

static void print_counts(FILE *out, const struct marks_counts *c)
{
	fprintf(out,
		"\"messages\": %" PRIu64 ", \"headers\": %" PRIu64 ", \"repeated\": %" PRIu64
		", \"repeated_gops\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"backward\": %" PRIu64
		", \"foreign_messages\": %" PRIu64 ", \"foreign_bytes\": %" PRIu64,
		c->messages, c->headers, c->repeated, c->repeated_gops, c->skipped, c->backward,
		c->foreign_messages, c->foreign_bytes);
}

static void print_stream(FILE *out, const struct marks_stream *s)
{
	fputs("{\"name\": ", out);
	report_string(out, s->name);
	fprintf(out, ", \"incarnation\": %u, \"publishes\": %u, ", s->incarnation, s->publishes);
	print_counts(out, &s->counts);
	fprintf(out,
		", \"repeated_max\": %" PRIu64 ", \"last\": %" PRIu64
		", \"last_keyframe\": %" PRIu64 ", \"seen\": [",
		s->counts.repeated_max, s->last, s->last_keyframe);
	for (uint32_t i = 0; i < s->seen.count && i < RANGES_MAX; i++) {
		fprintf(out, "%s[%" PRIu64 ", %" PRIu64 "]", i > 0 ? ", " : "",
			s->seen.range[i].from, s->seen.range[i].to);
	}
	fprintf(out, "], \"no_room\": %u}", s->seen.lost);
}

void marks_print(FILE *out, const struct marks *marks)
{
	fprintf(out, "{\"lost\": %" PRIu64 ", \"streams\": [", marks->lost);
	for (uint32_t i = 0; i < MARKS_STREAMS && marks->streams[i].name[0] != '\0'; i++) {
		fputs(i > 0 ? ",\n" : "\n", out);
		print_stream(out, &marks->streams[i]);
	}
	fputs("\n]}\n", out);
}

void marks_print_publish(FILE *out, const struct marks_publish *p)
{
	fputs("{\"incarnation\": ", out);
	if (p->started) {
		fprintf(out, "%u, \"first\": %" PRIu64 ", \"last\": %" PRIu64 ", ",
			p->stream->incarnation, p->first, p->next - 1);
	} else {
		fputs("null, \"first\": null, \"last\": null, ", out);
	}
	print_counts(out, &p->counts);
	putc('}', out);
}
