/*
 * Command line of penstock-gen.
 */
#ifndef GEN_OPTIONS_H
#define GEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/endpoint.h"
#include "bench/gen/flood.h"
#include "config/config.h"

#define GEN_ADDRESSES_MAX  64u
#define GEN_PUBLISHERS_MAX 100000u
#define GEN_NAME_MAX       200u

struct gen_options {
	/* Transport: the kernel's sockets, or a DPDK port. */
	bool kernel;
	bool no_hugepages;
	bool video_only;
	const char *device; /* EAL --vdev string or PCI address */
	struct config_prefix addresses[GEN_ADDRESSES_MAX];
	struct in6_addr binds[GEN_ADDRESSES_MAX];
	uint32_t addresses_count;
	uint32_t binds_count;
	uint32_t core; /* UINT32_MAX: not said */
	struct endpoint server;
	bool has_server;

	/* Who publishes, and when. */
	const char *app;
	const char *name; /* arrival i publishes NAMEi */
	uint32_t publishers;
	uint32_t ramp; /* starts a second; 0: as fast as the server answers */
	uint32_t seconds;
	uint32_t churn_s;          /* mean lifetime; 0: all stay */
	uint32_t churn_publishers; /* who comes and goes; 0: all of them */
	bool rate_publishes;
	uint64_t seed;

	/* What. */
	bool silent;
	const char *flv;
	uint32_t bitrate_kbps; /* of each publisher; 0: as fast as TCP takes it */
	uint32_t fps;
	uint32_t gop_s;
	uint32_t message; /* bytes of an inter frame; 0: not said */
	uint32_t chunk_size;
	uint32_t burst_ms;
	uint32_t slow; /* publishers that send a byte a segment */

	/* What our end of a DPDK link does to it. */
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t reorder_ppm;
	bool overflow;
	enum flood_kind flood;
	bool flood_live;
	bool has_flood_from;
	struct config_prefix flood_from;
	bool has_flood_target;
	struct in6_addr flood_target;
	uint32_t flood_pps;

	const char *json;
};

/* 0, 1 when help or version was printed, -1 when the arguments are wrong (said on stderr). */
int gen_options_parse(struct gen_options *options, int argc, char *argv[])
	__attribute__((warn_unused_result));

#endif
