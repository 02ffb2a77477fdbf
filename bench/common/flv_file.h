/*
 * FLV file as a list of RTMP messages (FLV specification version 10.1, annex E.3 and E.4).
 *
 * The whole file is held in memory, read once and shared by all publishers. Script data gets the
 * "@setDataFrame" in front that encoders send, everything else is the tag's body as it stands.
 */
#ifndef BENCH_FLV_FILE_H
#define BENCH_FLV_FILE_H

#include <stddef.h>
#include <stdint.h>

struct flv_tag {
	const uint8_t *data;
	uint32_t length;    /* bytes */
	uint32_t timestamp; /* ms */
	uint8_t type;       /* 8, 9 or 18: the same numbers as enum rtmp_type */
};

struct flv_file {
	uint8_t *bytes;
	uint8_t *script; /* "@setDataFrame" and the first script tag */
	struct flv_tag *tags;
	size_t count;
};

/* 0 or -errno; -EINVAL when it is not an FLV file. */
int flv_file_open(struct flv_file *file, const char *path) __attribute__((warn_unused_result));
void flv_file_close(struct flv_file *file);

#endif
