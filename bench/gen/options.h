/*
 * Command line of penstock-gen.
 */
#ifndef GEN_OPTIONS_H
#define GEN_OPTIONS_H

#include <stdint.h>

#include "config/config.h"
#include "tcpstack/tcp.h"

struct gen_options {
	const char *device;  /* EAL --vdev string or PCI address */
	const char *address; /* ours, with prefix */
	const char *server;  /* "198.18.0.2:1935", "[fd00:198:18::2]:1935" */
	const char *app;
	const char *name; /* publisher i publishes NAMEi */
	uint32_t publishers;
	uint32_t chunk_size;
	uint32_t message;      /* bytes of an inter frame */
	uint32_t bitrate_kbps; /* of each publisher; 0: as fast as TCP takes it */
	uint32_t seconds;
	uint32_t core;
	struct config_prefix prefix; /* parsed address */
	struct tcp_endpoint remote;  /* parsed server */
};

/* 0, 1 when help or version was printed, -1 when the arguments are wrong (said on stderr). */
int gen_options_parse(struct gen_options *options, int argc, char *argv[])
	__attribute__((warn_unused_result));

#endif
