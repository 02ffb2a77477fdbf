#include "document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail_errno(const char *path, struct config_error *error)
{
	snprintf(error->text, sizeof(error->text), "%s: %s", path, strerror(errno));
	return -1;
}

static int read_text(struct document *doc, const char *path, struct config_error *error)
{
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		return fail_errno(path, error);
	}
	doc->text = malloc(CONFIG_FILE_MAX + 1);
	if (doc->text == NULL) {
		fclose(f);
		return fail_errno(path, error);
	}
	errno = 0;
	doc->len = fread(doc->text, 1, CONFIG_FILE_MAX + 1, f);
	bool broken = ferror(f) != 0;
	fclose(f);
	if (broken) {
		free(doc->text);
		return fail_errno(path, error);
	}
	if (doc->len > CONFIG_FILE_MAX) {
		free(doc->text);
		snprintf(error->text, sizeof(error->text), "%s: file is longer than %u bytes", path,
			 CONFIG_FILE_MAX);
		return -1;
	}
	return 0;
}

static void fail_syntax(const struct document *doc, const yaml_parser_t *parser,
			struct config_error *error)
{
	const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";

	snprintf(error->text, sizeof(error->text), "%s:%zu: not valid YAML: %s", doc->file,
		 parser->problem_mark.line + 1, problem);
}

/* A file is one document: what stands in a second one would be ignored in silence. */
static int expect_end(struct document *doc, yaml_parser_t *parser, struct config_error *error)
{
	yaml_document_t more;

	if (yaml_parser_load(parser, &more) == 0) {
		fail_syntax(doc, parser, error);
		return -1;
	}
	yaml_node_t *root = yaml_document_get_root_node(&more);
	size_t line = root != NULL ? root->start_mark.line + 1 : 0;
	yaml_document_delete(&more);
	if (line != 0) {
		snprintf(error->text, sizeof(error->text), "%s:%zu: a second YAML document",
			 doc->file, line);
		return -1;
	}
	return 0;
}

static int parse(struct document *doc, struct config_error *error)
{
	yaml_parser_t parser;

	if (yaml_parser_initialize(&parser) == 0) {
		snprintf(error->text, sizeof(error->text), "%s: out of memory", doc->file);
		return -1;
	}
	yaml_parser_set_input_string(&parser, doc->text, doc->len);
	int rc = -1;
	if (yaml_parser_load(&parser, &doc->yaml) == 0) {
		fail_syntax(doc, &parser, error);
		goto out;
	}
	if (yaml_document_get_root_node(&doc->yaml) == NULL) {
		snprintf(error->text, sizeof(error->text), "%s: file is empty", doc->file);
		goto out_document;
	}
	rc = expect_end(doc, &parser, error);
	if (rc == 0) {
		goto out;
	}
out_document:
	yaml_document_delete(&doc->yaml);
out:
	yaml_parser_delete(&parser);
	return rc;
}

int document_open(struct document *doc, const char *path, struct config_error *error)
{
	memset(doc, 0, sizeof(*doc));
	doc->file = path;
	if (read_text(doc, path, error) != 0) {
		return -1;
	}
	if (parse(doc, error) != 0) {
		free(doc->text);
		return -1;
	}
	return 0;
}

void document_close(struct document *doc)
{
	yaml_document_delete(&doc->yaml);
	free(doc->text);
	doc->text = NULL;
}

static bool scalar_is(const yaml_node_t *node, const char *text, size_t len)
{
	return node != NULL && node->type == YAML_SCALAR_NODE && node->data.scalar.length == len &&
	       memcmp(node->data.scalar.value, text, len) == 0;
}

/* The pair with this key in a mapping: the last one, or NULL. */
static yaml_node_pair_t *find_pair(struct document *doc, const yaml_node_t *node, const char *key,
				   size_t len)
{
	yaml_node_pair_t *found = NULL;

	if (node->type != YAML_MAPPING_NODE) {
		return NULL;
	}
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		if (scalar_is(yaml_document_get_node(&doc->yaml, p->key), key, len)) {
			found = p;
		}
	}
	return found;
}

static yaml_node_t *step_index(struct document *doc, const yaml_node_t *node, size_t index)
{
	if (node->type != YAML_SEQUENCE_NODE) {
		return NULL;
	}
	size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (index >= count) {
		return NULL;
	}
	return yaml_document_get_node(&doc->yaml, node->data.sequence.items.start[index]);
}

static yaml_node_t *step_key(struct document *doc, const yaml_node_t *node, const char *key,
			     size_t len)
{
	yaml_node_pair_t *pair = find_pair(doc, node, key, len);

	return pair != NULL ? yaml_document_get_node(&doc->yaml, pair->value) : NULL;
}

/* The deepest node on the path. */
static yaml_node_t *find_node(struct document *doc, const char *path)
{
	yaml_node_t *node = yaml_document_get_root_node(&doc->yaml);

	while (*path != '\0') {
		yaml_node_t *next = NULL;
		if (*path == '[') {
			char *end;
			next = step_index(doc, node, strtoul(path + 1, &end, 10));
			path = *end == ']' ? end + 1 : end;
		} else {
			path += *path == '.';
			size_t len = strcspn(path, ".[");
			next = step_key(doc, node, path, len);
			path += len;
		}
		if (next == NULL) {
			break;
		}
		node = next;
	}
	return node;
}

size_t document_line(struct document *doc, const char *path)
{
	return find_node(doc, path)->start_mark.line + 1;
}

size_t document_key_line(struct document *doc, const char *path, const char *key)
{
	yaml_node_t *node = find_node(doc, path);
	yaml_node_pair_t *pair = find_pair(doc, node, key, strlen(key));

	if (pair != NULL) {
		node = yaml_document_get_node(&doc->yaml, pair->key);
	}
	return node->start_mark.line + 1;
}
