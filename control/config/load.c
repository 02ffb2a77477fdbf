#include "load.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * libcyaml reports through its log: first a message, then a backtrace from the innermost place
 * outwards, one call for each line. We keep the message and make a key path of the rest.
 */
struct report {
	char message[160];
	char path[256];
	char innermost[64]; /* mapping field that the backtrace begins with; "" if it does not */
	size_t frames;
};

/* Puts "part" in front of the path: "origins" + "[0].url" is "origins[0].url". */
static void prepend(struct report *r, const char *part)
{
	char joined[sizeof(r->path)];
	const char *dot = r->path[0] != '\0' && r->path[0] != '[' ? "." : "";

	int n = snprintf(joined, sizeof(joined), "%s%s%s", part, dot, r->path);
	if (n > 0 && (size_t)n < sizeof(joined)) {
		memcpy(r->path, joined, (size_t)n + 1);
	}
}

static void add_frame(struct report *r, const char *line)
{
	char part[64];
	unsigned long entry;

	if (sscanf(line, " in mapping field '%63[^']'", part) == 1) {
		if (r->frames == 0) {
			snprintf(r->innermost, sizeof(r->innermost), "%s", part);
		}
		prepend(r, part);
	} else if (sscanf(line, " in sequence entry '%lu'", &entry) == 1) { /* counts from 1 */
		snprintf(part, sizeof(part), "[%lu]", entry - 1);
		prepend(r, part);
	}
	r->frames++;
}

__attribute__((format(printf, 3, 0))) static void on_log(cyaml_log_t level, void *context,
							 const char *format, va_list args)
{
	static const char prefix[] = "Load: ";
	struct report *r = context;
	char line[256];

	(void)level;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "  in ", 5) == 0) {
		add_frame(r, line);
	} else if (r->message[0] == '\0' && strstr(line, "Backtrace") == NULL) {
		size_t skip =
			strncmp(line, prefix, sizeof(prefix) - 1) == 0 ? sizeof(prefix) - 1 : 0;
		snprintf(r->message, sizeof(r->message), "%.150s", line + skip);
	}
}

/* What stands behind the last ": " of the message: the key that it is about. */
static const char *subject(const struct report *r)
{
	const char *colon = strstr(r->message, ": ");

	return colon != NULL ? colon + 2 : "";
}

/* Errors about a key of a mapping, where the backtrace may begin with the field before it. */
static void fail_key(struct document *doc, struct report *r, const char *what,
		     struct config_error *error)
{
	size_t len = strlen(r->path);
	size_t inner = strlen(r->innermost);

	if (inner > 0 && len >= inner) {
		len -= inner;
		r->path[len > 0 && r->path[len - 1] == '.' ? len - 1 : len] = '\0';
	}
	snprintf(error->text, sizeof(error->text), "%s:%zu: %s \"%s\" in %s", doc->file,
		 document_key_line(doc, r->path, subject(r)), what, subject(r),
		 r->path[0] != '\0' ? r->path : "the file");
}

static void fail_value(struct document *doc, const struct report *r, const char *sentence,
		       struct config_error *error)
{
	snprintf(error->text, sizeof(error->text), "%s:%zu: %s%s%s", doc->file,
		 document_line(doc, r->path), r->path, r->path[0] != '\0' ? ": " : "", sentence);
}

/* About a sequence: the backtrace begins with its last entry, which is not to blame. */
static void fail_count(struct document *doc, struct report *r, struct config_error *error)
{
	char *index = strrchr(r->path, '[');

	if (index != NULL) {
		*index = '\0';
	}
	r->message[0] = (char)tolower((unsigned char)r->message[0]);
	r->message[strcspn(r->message, ".")] = '\0'; /* the full stop */
	fail_value(doc, r, r->message, error);
}

/* libcyaml's messages about strings quote the string, which may be a stream key: we do not. */
static void fail(struct document *doc, struct report *r, cyaml_err_t code,
		 struct config_error *error)
{
	switch (code) {
	case CYAML_ERR_INVALID_KEY:
		fail_key(doc, r, "unknown key", error);
		break;
	case CYAML_ERR_MAPPING_FIELD_MISSING:
		fail_key(doc, r, "missing key", error);
		break;
	case CYAML_ERR_UNEXPECTED_EVENT:
		fail_key(doc, r, "second", error);
		break;
	case CYAML_ERR_ALIAS:
		fail_value(doc, r, "YAML aliases are not supported", error);
		break;
	case CYAML_ERR_SEQUENCE_ENTRIES_MIN:
	case CYAML_ERR_SEQUENCE_ENTRIES_MAX:
		fail_count(doc, r, error);
		break;
	case CYAML_ERR_STRING_LENGTH_MIN:
		fail_value(doc, r, "is empty", error);
		break;
	case CYAML_ERR_STRING_LENGTH_MAX:
		fail_value(doc, r, "is longer than 512 bytes", error);
		break;
	default:
		r->message[0] = (char)tolower((unsigned char)r->message[0]);
		fail_value(doc, r, r->message[0] != '\0' ? r->message : cyaml_strerror(code),
			   error);
		break;
	}
}

/*
 * Keys and words of the file come back in error texts: keep a terminal safe from them. What stands
 * before them is the file's name, as the caller gave it.
 */
static void keep_printable(const struct document *doc, struct config_error *error)
{
	size_t skip = strlen(doc->file);

	for (size_t i = skip; i < sizeof(error->text) && error->text[i] != '\0'; i++) {
		if (error->text[i] < ' ' || error->text[i] > '~') {
			error->text[i] = '?';
		}
	}
}

static cyaml_config_t cyaml_settings(struct report *r)
{
	return (cyaml_config_t){
		.log_fn = on_log,
		.log_ctx = r,
		.log_level = CYAML_LOG_WARNING,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_NO_ALIAS,
	};
}

int load_file(struct document *doc, struct file **file, struct config_error *error)
{
	struct report report = {.frames = 0};
	cyaml_config_t settings = cyaml_settings(&report);
	cyaml_data_t *data = NULL;

	cyaml_err_t code =
		cyaml_load_data(doc->text, doc->len, &settings, &config_schema, &data, NULL);
	if (code != CYAML_OK) {
		fail(doc, &report, code, error);
		keep_printable(doc, error);
		return -1;
	}
	*file = data;
	return 0;
}

void unload_file(struct file *file)
{
	struct report report = {.frames = 0};
	cyaml_config_t settings = cyaml_settings(&report);

	cyaml_free(&settings, &config_schema, file, 0);
}
