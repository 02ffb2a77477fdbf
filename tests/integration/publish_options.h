/*
 * Command line of penstock-publish.
 */
#ifndef INTEGRATION_PUBLISH_OPTIONS_H
#define INTEGRATION_PUBLISH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OUT_SIZE        (256u << 10) /* bytes a publisher has under way */
#define URL_PART        256u
#define CHUNK_SIZES_MAX 8u

struct options {
	char host[URL_PART];
	char port[16];
	char app[URL_PART];
	const char *url;
	const char *name;
	const char *file; /* FLV */
	const char *query;
	const char *status;
	uint32_t chunk_sizes[CHUNK_SIZES_MAX]; /* publisher i has number i % chunk_sizes_count */
	uint32_t chunk_sizes_count;
	uint32_t count;
	uint32_t timeout_s;
	uint32_t gop_ms;
	uint32_t kbps;
	bool pace;
	bool marks;     /* synthetic content instead of a file, always paced, without an end */
	bool reconnect; /* who loses its connection comes back */
	bool enhanced;  /* Enhanced RTMP is offered; who is asked to connect elsewhere leaves */
};

/* 0, or 2 after the usage was said on stderr. */
int options_parse(struct options *options, int argc, char **argv)
	__attribute__((warn_unused_result));

#endif
