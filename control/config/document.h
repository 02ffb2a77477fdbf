/*
 * The text of the file and its YAML nodes: where each value stands.
 *
 * libcyaml does not keep the lines of what it loaded, and names the line before an unknown key; so
 * the document is parsed once more, by libyaml alone, and errors look their line up by key path.
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include "config/config.h"

#include <stddef.h>
#include <yaml.h>

#define CONFIG_FILE_MAX (4u << 20) /* bytes */

struct document {
	const char *file; /* for error texts */
	unsigned char *text;
	size_t len;
	yaml_document_t yaml;
};

/* Reads and parses the file: 0, or -1 with `error` filled and nothing left to close. */
int document_open(struct document *doc, const char *path, struct config_error *error)
	__attribute__((warn_unused_result));
void document_close(struct document *doc);

/*
 * Line (from 1) of the value at `path` ("apps[0].origins[1].url"; "" is the whole document). When
 * part of the path does not exist: line of the deepest part that does.
 */
size_t document_line(struct document *doc, const char *path);

/* Line of the last occurrence of `key` in the mapping at `path`; that of the mapping if none. */
size_t document_key_line(struct document *doc, const char *path, const char *key);

#endif
