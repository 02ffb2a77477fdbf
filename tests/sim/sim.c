/*
 * sim: runs the stack against itself over a lossy network in virtual time.
 *   sim --seeds N [--first S] [--loss PERCENT] [--trace]
 * A failing seed is printed; `sim --seeds 1 --first SEED` with the same loss reproduces it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "world.h"

#define ROOM (RTE_PKTMBUF_HEADROOM + 2048)

struct options {
	uint64_t seeds;
	uint64_t first;
	uint32_t loss_pm;
	bool trace;
};

static int start_eal(void)
{
	static char words[][16] = {"sim", "--no-huge", "--no-shconf", "--no-pci",    "-m",
				   "256", "-l",        "0",           "--log-level", "3"};
	char *args[11] = {NULL};

	for (int i = 0; i < 10; i++) {
		args[i] = words[i];
	}
	return rte_eal_init(10, args);
}

static int create_pools(struct world_pools *pools)
{
	pools->rx = rte_pktmbuf_pool_create("rx", 8191, 0, 0, ROOM, SOCKET_ID_ANY);
	pools->payload = rte_pktmbuf_pool_create("payload", 16383, 0, 0, ROOM, SOCKET_ID_ANY);
	for (int i = 0; i < 3; i++) {
		static const char *const names[][2] = {{"header-0", "indirect-0"},
						       {"header-1", "indirect-1"},
						       {"header-tiny", "indirect-tiny"}};
		unsigned int size = i == WORLD_TINY ? 15 : 1023;

		pools->header[i] =
			rte_pktmbuf_pool_create(names[i][0], size, 0, 0, ROOM, SOCKET_ID_ANY);
		pools->indirect[i] =
			rte_pktmbuf_pool_create(names[i][1], size, 0, 0, 0, SOCKET_ID_ANY);
		if (pools->header[i] == NULL || pools->indirect[i] == NULL) {
			return -1;
		}
	}
	return pools->rx == NULL || pools->payload == NULL ? -1 : 0;
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"seeds", required_argument, NULL, 's'},
					      {"first", required_argument, NULL, 'f'},
					      {"loss", required_argument, NULL, 'l'},
					      {"trace", no_argument, NULL, 't'},
					      {NULL, 0, NULL, 0}};
	int name;

	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (name) {
		case 's':
			options->seeds = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			options->first = strtoull(optarg, NULL, 10);
			break;
		case 'l':
			options->loss_pm = (uint32_t)(strtod(optarg, NULL) * 10);
			break;
		case 't':
			options->trace = true;
			break;
		default:
			(void)fprintf(stderr,
				      "usage: sim --seeds N [--first S] [--loss PERCENT]\n");
			return -1;
		}
	}
	return 0;
}

/* Returns how many seeds failed. */
static uint64_t run_seeds(const struct options *options, struct world_pools *pools)
{
	static struct world world;
	uint64_t failed = 0;
	uint64_t bytes = 0;
	uint64_t packets = 0;
	uint64_t retransmits = 0;

	for (uint64_t i = 0; i < options->seeds; i++) {
		uint64_t seed = options->first + i;

		if (world_run(&world, pools, seed, options->loss_pm, options->trace) < 0) {
			failed++;
			(void)printf("sim: seed %llu failed: %s\n", (unsigned long long)seed,
				     world.failure);
			/* A leak would be counted again in every later seed. */
			break;
		}
		bytes += world.bytes;
		packets += world.net.carried;
		retransmits += world.retransmits;
	}
	(void)printf("sim: seeds=%llu failed=%llu bytes=%llu packets=%llu retransmits=%llu\n",
		     (unsigned long long)options->seeds, (unsigned long long)failed,
		     (unsigned long long)bytes, (unsigned long long)packets,
		     (unsigned long long)retransmits);
	return failed;
}

int main(int argc, char **argv)
{
	struct options options = {.seeds = 100, .first = 1, .loss_pm = 50};
	struct world_pools pools;
	uint64_t failed;

	if (parse_options(argc, argv, &options) < 0) {
		return EXIT_FAILURE;
	}
	if (start_eal() < 0 || create_pools(&pools) < 0) {
		(void)fprintf(stderr, "sim: cannot start EAL\n");
		return EXIT_FAILURE;
	}
	failed = run_seeds(&options, &pools);
	(void)rte_eal_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
