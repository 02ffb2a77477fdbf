#include "bench/common/flv_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLV_HEADER   13u /* file header and the first PreviousTagSize */
#define FLV_TAG      11u
#define FLV_TRAILER  4u /* PreviousTagSize */
#define FLV_SCRIPT   18u
#define FLV_SIZE_MAX (256l << 20)

static const uint8_t set_data_frame[16] = "\x02\x00\x0d@setDataFrame";

static int read_all(const char *path, uint8_t **bytes, size_t *size)
{
	FILE *in = fopen(path, "rbe");
	long end;
	int error = -EINVAL;

	if (!in) {
		return -errno;
	}
	if (fseek(in, 0, SEEK_END) == 0 && (end = ftell(in)) > 0 && end < FLV_SIZE_MAX) {
		rewind(in);
		*size = (size_t)end;
		*bytes = malloc(*size);
		error = *bytes && fread(*bytes, 1, *size, in) == *size ? 0 : -EIO;
	}
	fclose(in);
	return error;
}

static uint32_t read_u24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* The tag at `at`; returns the offset of the next one, or 0 when there is no whole tag left. */
static size_t parse_tag(const uint8_t *bytes, size_t size, size_t at, struct flv_tag *tag)
{
	const uint8_t *p = bytes + at;

	if (size - at < FLV_TAG) {
		return 0;
	}
	tag->type = p[0] & 0x1f;
	tag->length = read_u24(p + 1);
	tag->timestamp = read_u24(p + 4) | (uint32_t)p[7] << 24;
	tag->data = p + FLV_TAG;
	if (size - at - FLV_TAG < (size_t)tag->length + FLV_TRAILER) {
		return 0;
	}
	return at + FLV_TAG + tag->length + FLV_TRAILER;
}

/* What encoders send: the command that names the data, then the data. */
static int prefix_script(struct flv_file *file, struct flv_tag *tag)
{
	file->script = malloc(sizeof(set_data_frame) + tag->length);
	if (!file->script) {
		return -ENOMEM;
	}
	memcpy(file->script, set_data_frame, sizeof(set_data_frame));
	memcpy(file->script + sizeof(set_data_frame), tag->data, tag->length);
	tag->data = file->script;
	tag->length += (uint32_t)sizeof(set_data_frame);
	return 0;
}

static int parse_tags(struct flv_file *file, size_t size)
{
	size_t at = FLV_HEADER;

	file->tags = calloc(size / (FLV_TAG + FLV_TRAILER) + 1, sizeof(*file->tags));
	if (!file->tags) {
		return -ENOMEM;
	}
	while (at < size) {
		struct flv_tag *tag = &file->tags[file->count];

		at = parse_tag(file->bytes, size, at, tag);
		if (at == 0) {
			return -EINVAL;
		}
		if (tag->type == FLV_SCRIPT && (file->script || prefix_script(file, tag) < 0)) {
			continue;
		}
		file->count++;
	}
	return file->count > 0 ? 0 : -EINVAL;
}

int flv_file_open(struct flv_file *file, const char *path)
{
	size_t size = 0;
	int error;

	memset(file, 0, sizeof(*file));
	error = read_all(path, &file->bytes, &size);
	if (error == 0) {
		error = size > FLV_HEADER && memcmp(file->bytes, "FLV", 3) == 0
				? parse_tags(file, size)
				: -EINVAL;
	}
	if (error < 0) {
		flv_file_close(file);
	}
	return error;
}

void flv_file_close(struct flv_file *file)
{
	free(file->tags);
	free(file->script);
	free(file->bytes);
	memset(file, 0, sizeof(*file));
}
