/*
 * Command line of penstock-replay.
 */
#ifndef REPLAY_OPTIONS_H
#define REPLAY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct options {
	uint32_t cores[CONFIG_CORES_MAX];
	uint32_t cores_count;
	uint32_t workers;
	uint32_t publishers; /* of each worker */
	uint32_t chunk_size;
	uint32_t message;
	uint32_t train;
	uint32_t seconds;
	uint32_t packets;
	uint32_t log_blocks;
	uint32_t hold;
	bool checksums; /* verified by the worker */
	bool consume;   /* a control that reads; else workers are their own consumers */
	bool rx_only;   /* nothing but the baseline */
};

/* 0, 1 when everything is said already (--help), or -1 with a line on stderr. */
int options_parse(struct options *options, int argc, char **argv)
	__attribute__((warn_unused_result));

#endif
