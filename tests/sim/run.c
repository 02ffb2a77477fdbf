#include "run.h"

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "world.h"

#define ROOM         (RTE_PKTMBUF_HEADROOM + 2048)
#define FAILURES_MAX 10 /* then it goes on to no other world */

struct totals {
	uint64_t seeds;
	uint64_t failed;
	uint64_t connections;
	uint64_t gave_up;
	uint64_t bytes;
	uint64_t packets;
	uint64_t retransmits;
	double virtual_s;
};

static int start_eal(void)
{
	static char words[][16] = {"sim", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
				   "-m",  "256",       "--log-level", "3"};
	char *args[sizeof(words) / sizeof(words[0]) + 1] = {NULL};
	int count = sizeof(words) / sizeof(words[0]);

	for (int i = 0; i < count; i++) {
		args[i] = words[i];
	}
	return rte_eal_init(count, args);
}

static int create_pools(struct world_pools *pools)
{
	static const char *const names[][2] = {{"header-0", "indirect-0"},
					       {"header-1", "indirect-1"},
					       {"header-tiny", "indirect-tiny"}};

	pools->rx = rte_pktmbuf_pool_create("rx", 16383, 0, 0, ROOM, SOCKET_ID_ANY);
	pools->payload = rte_pktmbuf_pool_create("payload", 32767, 0, 0, ROOM, SOCKET_ID_ANY);
	for (int i = 0; i <= WORLD_TINY; i++) {
		bool tiny = i == WORLD_TINY;

		pools->header[i] = rte_pktmbuf_pool_create(names[i][0], tiny ? 15 : 2047, 0, 0,
							   ROOM, SOCKET_ID_ANY);
		/* A segment of pieces as small as they come fits. */
		pools->indirect[i] = rte_pktmbuf_pool_create(names[i][1], tiny ? 127 : 2047, 0, 0,
							     0, SOCKET_ID_ANY);
		if (pools->header[i] == NULL || pools->indirect[i] == NULL) {
			return -1;
		}
	}
	return pools->rx == NULL || pools->payload == NULL ? -1 : 0;
}

static void add(struct totals *totals, const struct world *world)
{
	totals->connections += world->connections;
	totals->gave_up += world->gave_up;
	totals->bytes += world->bytes;
	totals->packets += world->packets;
	totals->retransmits += world->retransmits;
	totals->virtual_s += (double)(world->now_us - world->start_us) / 1e6;
}

/* A world that failed may have left buffers behind: pools are made anew. */
static void free_pools(struct world_pools *pools)
{
	rte_mempool_free(pools->rx);
	rte_mempool_free(pools->payload);
	for (int i = 0; i <= WORLD_TINY; i++) {
		rte_mempool_free(pools->header[i]);
		rte_mempool_free(pools->indirect[i]);
	}
}

/* Every jobs-th seed, from the job-th on. */
static int run_job(const struct run_options *options, uint32_t job, struct totals *totals)
{
	static struct world world;
	struct world_pools pools;

	if (start_eal() < 0 || create_pools(&pools) < 0) {
		(void)fprintf(stderr, "sim: cannot start EAL\n");
		return -1;
	}
	for (uint64_t i = job; i < options->seeds && totals->failed < FAILURES_MAX;
	     i += options->jobs) {
		uint64_t seed = options->first + i;

		totals->seeds++;
		if (world_run(&world, &pools, seed, options->loss_pm, options->trace) < 0) {
			totals->failed++;
			(void)printf("sim: seed %llu failed: %s\n", (unsigned long long)seed,
				     world.failure);
			(void)fflush(stdout);
			free_pools(&pools);
			if (create_pools(&pools) < 0) {
				return -1;
			}
		}
		add(totals, &world);
	}
	(void)rte_eal_cleanup();
	return 0;
}

static int child(const struct run_options *options, uint32_t job, int fd)
{
	struct totals totals = {0};

	if (run_job(options, job, &totals) < 0 ||
	    write(fd, &totals, sizeof(totals)) != (ssize_t)sizeof(totals)) {
		return 1;
	}
	(void)fflush(stdout);
	return 0;
}

static int collect(int fd, uint32_t jobs, struct totals *sum)
{
	uint32_t heard = 0;
	struct totals totals;

	while (read(fd, &totals, sizeof(totals)) == (ssize_t)sizeof(totals)) {
		heard++;
		sum->seeds += totals.seeds;
		sum->failed += totals.failed;
		sum->connections += totals.connections;
		sum->gave_up += totals.gave_up;
		sum->bytes += totals.bytes;
		sum->packets += totals.packets;
		sum->retransmits += totals.retransmits;
		sum->virtual_s += totals.virtual_s;
	}
	while (wait(NULL) > 0) {
	}
	return heard == jobs ? 0 : -1;
}

static void print(const struct totals *t, double seconds)
{
	(void)printf(
		"sim: seeds=%llu failed=%llu connections=%llu gave_up=%llu bytes=%llu packets=%llu "
		"retransmits=%llu virtual_hours=%.0f seconds=%.1f\n",
		(unsigned long long)t->seeds, (unsigned long long)t->failed,
		(unsigned long long)t->connections, (unsigned long long)t->gave_up,
		(unsigned long long)t->bytes, (unsigned long long)t->packets,
		(unsigned long long)t->retransmits, t->virtual_s / 3600, seconds);
}

static double clock_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int run_all(const struct run_options *options)
{
	struct totals sum = {0};
	double begun = clock_s();
	int fds[2];

	if (pipe(fds) < 0) {
		return -1;
	}
	for (uint32_t job = 0; job < options->jobs; job++) {
		pid_t pid = fork();

		if (pid < 0) {
			return -1;
		}
		if (pid == 0) {
			(void)close(fds[0]);
			_exit(child(options, job, fds[1]));
		}
	}
	(void)close(fds[1]);
	if (collect(fds[0], options->jobs, &sum) < 0) {
		(void)fprintf(stderr, "sim: a process died; run its seeds with --jobs 1\n");
		return -1;
	}
	print(&sum, clock_s() - begun);
	return sum.failed > 0 ? (int)sum.failed : 0;
}
