#include "bench/replay_src/rig.h"

#include <errno.h>
#include <numa.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/eal.h"

static int failed(int err, const char *what)
{
	if (err < 0) {
		(void)fprintf(stderr, "penstock-replay: %s: %s\n", what, strerror(-err));
	}
	return err;
}

/* As a configuration file, so that every other key has its default. */
static int write_config(int fd, const struct rig_config *config)
{
	int n = dprintf(fd, "dataplane:\n  power: performance\n  cores: [%u", config->cores[0]);

	for (uint32_t i = 1; i < config->workers; i++) {
		n = dprintf(fd, ", %u", config->cores[i]) < 0 ? -1 : n;
	}
	n = n < 0 ? n
		  : dprintf(fd,
			    "]\n  hugepages: %s\n"
			    "  memory: {packets: %u, connections: 2048, streams: 2048,"
			    " log_blocks: %u}\n"
			    "  admission: {bitrate_kbps: 100, gop_ms: 200}\n"
			    "  ports: [{device: net_null0, name: null0, addresses: [%s/24,"
			    " \"%s/64\"]}]\n"
			    "apps: [{name: live, open: true}]\n",
			    config->no_hugepages ? "off" : "auto", config->packets,
			    config->log_blocks, RIG_SERVER, RIG_SERVER6);
	return n < 0 ? -EIO : 0;
}

static int load_config(struct rig *rig, const struct rig_config *config)
{
	char path[32];
	struct config_error error;
	int fd = memfd_create("replay", MFD_CLOEXEC);

	if (fd < 0) {
		return failed(-errno, "memfd_create");
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int err = failed(write_config(fd, config), "configuration");
	if (err == 0 && config_load(path, &rig->config, &error) < 0) {
		(void)fprintf(stderr, "penstock-replay: %s\n", error.text);
		err = -EINVAL;
	}
	close(fd);
	return err;
}

static int start_eal(struct rig *rig)
{
	static struct dp_eal_args args;
	struct config_dataplane *config = &rig->config->dataplane;

	rig->hugepages = dp_eal_choose_hugepages(config, dp_eal_hugepages_free()) == 1;
	if (!rig->hugepages && config->hugepages != CONFIG_HUGEPAGES_OFF) {
		(void)fputs("penstock-replay: too few hugepages: ordinary pages, slower\n", stderr);
	}
	int err = failed(dp_eal_build(&args, config, rig->hugepages), "EAL arguments");
	if (err == 0 && rte_eal_init(args.argc, args.argv) < 0) {
		err = failed(-rte_errno, "EAL");
	}
	return err;
}

static int node_of(const struct rig *rig, uint32_t worker)
{
	return numa_available() < 0 ? 0
				    : numa_node_of_cpu((int)rig->config->dataplane.cores[worker]);
}

static unsigned int region_flags(const struct rig *rig)
{
	return rig->hugepages ? DP_REGION_HUGEPAGES : 0;
}

static int create_packets(struct rig *rig)
{
	const struct config_dataplane *config = &rig->config->dataplane;
	int err = 0;

	rig->packets.workers = rig->packets_of;
	for (uint32_t i = 0; err == 0 && i < rig->workers_count; i++) {
		err = dp_packets_create(&rig->packets_of[i], i, config->memory.packets,
					dp_eal_data_room(&config->ports[0]), node_of(rig, i),
					region_flags(rig));
		rig->packets.count += err == 0;
	}
	return failed(err, "packet memory");
}

static int open_port(struct rig *rig)
{
	const struct config_port *config = &rig->config->dataplane.ports[0];
	const struct dp_port_config port = {
		.port = config,
		.queues = (uint16_t)rig->workers_count,
		.packets = &rig->packets,
	};

	int err = failed(dp_port_open(&rig->port, &port), "null port");
	if (err == 0) {
		err = failed(net_iface_init(&rig->iface, config, &rig->port.mac), "addresses");
	}
	return err;
}

static int create_workers(struct rig *rig)
{
	int nodes[CONFIG_CORES_MAX] = {0};
	struct dp_worker_config config = {
		.generation = 1,
		.config = &rig->config->dataplane,
		.port = &rig->port,
		.iface = &rig->iface,
		.mesh = &rig->mesh,
		.packets = &rig->packets,
		.region_flags = region_flags(rig),
	};

	for (uint32_t i = 0; i < rig->workers_count; i++) {
		nodes[i] = node_of(rig, i);
	}
	int err = dp_forward_mesh_create(&rig->mesh, nodes, rig->workers_count);
	for (uint32_t i = 0; err == 0 && i < rig->workers_count; i++) {
		config.index = i;
		config.cpu = rig->config->dataplane.cores[i];
		config.numa_node = nodes[i];
		rig->workers[i] = dp_worker_create(&config, &rig->shared[i]);
		err = rig->workers[i] == NULL ? -errno : 0;
	}
	return failed(err, "workers");
}

int rig_init(struct rig *rig, const struct rig_config *config)
{
	int (*const steps[])(struct rig *) = {start_eal, create_packets, open_port, create_workers};

	*rig = (struct rig){.workers_count = config->workers};
	rig->port.id = RTE_MAX_ETHPORTS;
	int err = load_config(rig, config);
	for (size_t i = 0; err == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](rig);
	}
	if (err < 0) {
		(void)rig_fini(rig);
	}
	return err;
}

static uint64_t in_use(const struct rte_mempool *pool)
{
	return pool != NULL ? rte_mempool_in_use_count(pool) : 0;
}

uint64_t rig_fini(struct rig *rig)
{
	uint64_t leaked = 0;

	for (uint32_t i = 0; i < rig->workers_count; i++) {
		if (rig->workers[i] != NULL) {
			dp_worker_release(rig->workers[i]);
		}
	}
	dp_port_close(&rig->port);
	dp_forward_mesh_destroy(&rig->mesh);
	for (uint32_t i = 0; i < rig->packets.count; i++) {
		leaked += in_use(rig->packets_of[i].pool);
		if (rig->workers[i] != NULL) {
			leaked += in_use(rig->workers[i]->headers);
			leaked += in_use(rig->workers[i]->indirect);
		}
	}
	for (uint32_t i = 0; i < rig->workers_count; i++) {
		dp_worker_destroy(rig->workers[i], &rig->shared[i]);
	}
	for (uint32_t i = 0; i < rig->packets.count; i++) {
		dp_packets_destroy(&rig->packets_of[i]);
	}
	config_free(rig->config);
	return leaked;
}

int rig_launch(struct rig *rig, int (*function)(void *), void **args)
{
	for (uint32_t i = 0; i < rig->workers_count; i++) {
		int err = rte_eal_remote_launch(function, args[i], dp_eal_lcore(i));

		if (err < 0) {
			return failed(err, "worker thread");
		}
	}
	return 0;
}

void rig_wait(void)
{
	rte_eal_mp_wait_lcore();
}
