#include "dataplane/diag.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = {
	[DP_DIAG_ERROR] = "error",
	[DP_DIAG_WARN] = "warn",
	[DP_DIAG_INFO] = "info",
};

/* Appends all of `text` or nothing; two bytes stay free for the end of the line. */
static void append(struct dp_diag *diag, const char *text)
{
	size_t length = strlen(text);

	if (diag->used + length + 3 <= sizeof(diag->text)) {
		memcpy(diag->text + diag->used, text, length);
		diag->used += length;
	}
}

/* RFC 8259 7: quote, backslash and control characters must be escaped. */
static void escape(char *out, size_t size, const char *in)
{
	size_t used = 0;

	for (; *in != '\0' && used + 7 < size; in++) {
		unsigned char c = (unsigned char)*in;

		if (c == '"' || c == '\\') {
			out[used++] = '\\';
			out[used++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			used += (size_t)snprintf(out + used, size - used, "\\u%04x", c);
		} else {
			out[used++] = (char)c;
		}
	}
	out[used] = '\0';
}

void dp_diag_begin(struct dp_diag *diag, enum dp_diag_level level, const char *event)
{
	char text[160];
	char when[32];
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	diag->used = 0;
	(void)snprintf(text, sizeof(text),
		       "{\"ts\":\"%s.%03ldZ\",\"level\":\"%s\",\"event\":\"%s\"", when,
		       now.tv_nsec / 1000000, level_names[level], event);
	append(diag, text);
}

void dp_diag_str(struct dp_diag *diag, const char *key, const char *value)
{
	char escaped[512];
	char text[640];

	escape(escaped, sizeof(escaped), value);
	(void)snprintf(text, sizeof(text), ",\"%s\":\"%s\"", key, escaped);
	append(diag, text);
}

void dp_diag_int(struct dp_diag *diag, const char *key, int64_t value)
{
	char text[128];

	(void)snprintf(text, sizeof(text), ",\"%s\":%" PRId64, key, value);
	append(diag, text);
}

void dp_diag_bool(struct dp_diag *diag, const char *key, bool value)
{
	char text[128];

	(void)snprintf(text, sizeof(text), ",\"%s\":%s", key, value ? "true" : "false");
	append(diag, text);
}

void dp_diag_end(struct dp_diag *diag, FILE *file)
{
	diag->text[diag->used++] = '}';
	diag->text[diag->used++] = '\n';
	(void)fwrite(diag->text, 1, diag->used, file);
	(void)fflush(file);
}

void dp_diag_text(enum dp_diag_level level, const char *event, const char *format, ...)
{
	struct dp_diag diag;
	char text[400];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dp_diag_begin(&diag, level, event);
	dp_diag_str(&diag, "text", text);
	dp_diag_end(&diag, stderr);
}
