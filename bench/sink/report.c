#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Bytes of the UTF-8 sequence at `p` and its code point; 0 when it is not valid (RFC 3629). */
static unsigned int utf8_decode(const unsigned char *p, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned int len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4) {
		return 0;
	}
	*code = p[0] & (0xffu >> (len + 1));
	for (unsigned int i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) { /* the NUL at the end stops here, too */
			return 0;
		}
		*code = *code << 6 | (p[i] & 0x3f);
	}
	bool valid = *code >= least[len] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
	return valid ? len : 0;
}

static void print_code(FILE *out, uint32_t code)
{
	if (code >= 0x10000) {
		fprintf(out, "\\u%04x", 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + ((code - 0x10000) & 0x3ff);
	}
	fprintf(out, "\\u%04x", code);
}

void report_string(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	putc('"', out);
	while (*p != '\0') {
		uint32_t code = *p;
		unsigned int len = 1;
		if (*p >= 0x80) {
			len = utf8_decode(p, &code);
			code = len != 0 ? code : 0xfffd;
			len = len != 0 ? len : 1;
		}
		if (code >= ' ' && code < 0x7f && code != '"' && code != '\\') {
			putc((int)code, out);
		} else {
			print_code(out, code);
		}
		p += len;
	}
	putc('"', out);
}

static void print_counts(FILE *out, const struct record *r)
{
	const struct record_count *a = &r->counts[RECORD_AUDIO];
	const struct record_count *v = &r->counts[RECORD_VIDEO];
	const struct record_count *d = &r->counts[RECORD_DATA];

	fprintf(out,
		", \"audio_messages\": %" PRIu64 ", \"video_messages\": %" PRIu64
		", \"data_messages\": %" PRIu64 ", \"bytes\": %" PRIu64
		", \"audio_bytes\": %" PRIu64 ", \"video_bytes\": %" PRIu64
		", \"data_bytes\": %" PRIu64,
		a->messages, v->messages, d->messages, record_bytes(r), a->bytes, v->bytes,
		d->bytes);
	fprintf(out,
		", \"keyframes\": %" PRIu64 ", \"sequence_headers\": %" PRIu64
		", \"timestamp_backward\": %" PRIu64 ", \"timestamp_gaps\": %" PRIu64,
		r->keyframes, r->sequence_headers, a->backward + v->backward, a->gaps + v->gaps);
	fprintf(out, ", \"incomplete_messages\": %" PRIu64 ", \"other_messages\": %" PRIu64,
		r->incomplete_messages, r->other_messages);
}

static void print_record(FILE *out, const struct record *r)
{
	fprintf(out, "{\"stream\": %" PRIu64 ", \"app\": ", r->number);
	report_string(out, r->app);
	fputs(", \"name\": ", out);
	report_string(out, r->name);
	print_counts(out, r);
	if (r->checksum) {
		fprintf(out, ", \"crc32\": \"%08" PRIx32 "\"", r->crc32);
	} else {
		fputs(", \"crc32\": null", out);
	}
	fprintf(out,
		", \"first_timestamp\": %" PRIu32 ", \"last_timestamp\": %" PRIu32
		", \"duration_ms\": %" PRIu32 ", \"ended\": \"%s\", \"error\": ",
		r->first_timestamp, r->last_timestamp, record_duration_ms(r),
		record_ended_name(r->ended));
	if (r->error != NULL) {
		report_string(out, r->error);
	} else {
		fputs("null", out);
	}
	if (r->marked) {
		fputs(", \"marks\": ", out);
		marks_print_publish(out, &r->marks);
	}
	putc('}', out);
}

void report_print(FILE *out, const void *what)
{
	const struct record_list *records = what;
	const struct record *r;
	const char *separator = "\n";

	putc('[', out);
	TAILQ_FOREACH (r, records, link) {
		fputs(separator, out);
		print_record(out, r);
		separator = ",\n";
	}
	fputs("\n]\n", out);
}

int report_write(const char *path, void (*print)(FILE *out, const void *what), const void *what)
{
	char temporary[PATH_MAX];

	if (strcmp(path, "-") == 0) {
		print(stdout, what);
		return fflush(stdout) == 0 ? 0 : -errno;
	}
	int n = snprintf(temporary, sizeof(temporary), "%s.tmp%d", path, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(temporary)) {
		return -ENAMETOOLONG;
	}
	FILE *out = fopen(temporary, "we");
	if (out == NULL) {
		return -errno;
	}
	print(out, what);
	bool failed = ferror(out) != 0;
	failed |= fclose(out) != 0;
	if (failed || rename(temporary, path) != 0) {
		int rc = errno != 0 ? -errno : -EIO;
		unlink(temporary);
		return rc;
	}
	return 0;
}
