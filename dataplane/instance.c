#include "dataplane/instance.h"

#include <dlfcn.h>
#include <errno.h>
#include <numa.h>
#include <pwd.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "dataplane/control_process.h"
#include "dataplane/diag.h"
#include "dataplane/eal.h"
#include "dataplane/link.h"
#include "dataplane/net/iface.h"
#include "dataplane/packets.h"
#include "dataplane/play_mesh.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"

struct dp_instance {
	const struct config *config;
	bool hugepages;
	bool started;
	uint32_t workers_count;
	uint64_t generation;
	struct dp_port port;
	struct dp_port_losses losses;
	struct dp_link_counts link_counts;
	time_t losses_read; /* CLOCK_MONOTONIC, seconds */
	struct net_iface iface;
	struct dp_forward_mesh mesh;
	struct play_mesh play; /* workers 0: nobody may play */
	struct dp_packets_table packets;
	struct dp_packets packets_of[CONFIG_CORES_MAX];
	struct dp_worker *workers[CONFIG_CORES_MAX];
	struct dp_worker_shared shared[CONFIG_CORES_MAX];
	struct dp_link *link;
};

static int failed(int err, const char *what)
{
	if (err < 0) {
		dp_diag_text(DP_DIAG_ERROR, "start_failed", "%s: %s", what, strerror(-err));
	}
	return err;
}

static int node_of(const struct config *config, uint32_t worker)
{
	return numa_available() < 0 ? 0 : numa_node_of_cpu((int)config->dataplane.cores[worker]);
}

static unsigned int region_flags(const struct dp_instance *instance)
{
	unsigned int flags = instance->hugepages ? DP_REGION_HUGEPAGES : 0;

	if (instance->config->dataplane.hugepages == CONFIG_HUGEPAGES_REQUIRED) {
		flags |= DP_REGION_REQUIRED;
	}
	return flags;
}

/* The installation lacks one of DPDK's drivers: everything works, slower. */
static void warn_of_ring(const struct dp_packets *packets)
{
	if (!packets->lifo) {
		dp_diag_text(DP_DIAG_WARN, "packet_pool",
			     "DPDK's mempool driver \"stack\" is not installed: packets are kept "
			     "in a ring, and come from memory that no cache holds any more");
	}
}

static int create_packets(struct dp_instance *instance)
{
	const struct config_dataplane *config = &instance->config->dataplane;
	uint16_t room = dp_eal_data_room(&config->ports[0]);
	int err = 0;

	instance->packets.workers = instance->packets_of;
	for (uint32_t i = 0; err == 0 && i < instance->workers_count; i++) {
		err = dp_packets_create(&instance->packets_of[i], i, config->memory.packets, room,
					node_of(instance->config, i), region_flags(instance));
		instance->packets.count += err == 0 ? 1 : 0;
	}
	if (err == 0) {
		warn_of_ring(&instance->packets_of[0]);
	}
	return failed(err, "packet memory");
}

static int open_port(struct dp_instance *instance)
{
	const struct config_port *config = &instance->config->dataplane.ports[0];
	const struct dp_port_config port = {
		.port = config,
		.queues = (uint16_t)instance->workers_count,
		.packets = &instance->packets,
	};

	int err = failed(dp_port_open(&instance->port, &port), config->device);
	if (err < 0) {
		return err;
	}
	if (instance->port.mtu < config->mtu) {
		dp_diag_text(DP_DIAG_WARN, "mtu", "%s cannot do an MTU of %u: it is %u",
			     config->device, config->mtu, instance->port.mtu);
	}
	err = failed(net_iface_init(&instance->iface, config, &instance->port.mac), "addresses");
	instance->iface.port_inserts_tag =
		instance->port.tx_offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	return err;
}

static int create_mesh(struct dp_instance *instance)
{
	int nodes[CONFIG_CORES_MAX];

	for (uint32_t i = 0; i < instance->workers_count; i++) {
		nodes[i] = node_of(instance->config, i);
	}
	return failed(dp_forward_mesh_create(&instance->mesh, nodes, instance->workers_count),
		      "rings between workers");
}

static int create_play(struct dp_instance *instance)
{
	const struct config_dataplane *config = &instance->config->dataplane;

	if (config->play.players == 0) {
		return 0;
	}
	return failed(play_mesh_create(&instance->play, &config->play, config->rtmp.chunk_size,
				       instance->workers_count),
		      "memory of players");
}

/* Tests preload a library that aborts when a worker allocates (tests/dataplane/malloc_guard.c). */
static void (*find_guard(void))(bool)
{
	void (*guard)(bool) = NULL;

	*(void **)(void *)&guard = dlsym(RTLD_DEFAULT, "dp_malloc_guard");
	return guard;
}

static int create_workers(struct dp_instance *instance)
{
	struct dp_worker_config config = {
		.generation = instance->generation,
		.config = &instance->config->dataplane,
		.port = &instance->port,
		.iface = &instance->iface,
		.mesh = &instance->mesh,
		.packets = &instance->packets,
		.play = instance->play.workers > 0 ? &instance->play : NULL,
		.region_flags = region_flags(instance),
		.guard = find_guard(),
	};

	for (uint32_t i = 0; i < instance->workers_count; i++) {
		config.index = i;
		config.losses = i == 0 ? &instance->losses : NULL;
		config.link_counts = i == 0 ? &instance->link_counts : NULL;
		/* Nobody else has touched the pools yet. A queue gives back what it takes: the
		 * number stays, but for the few that a driver refills late. */
		config.port_mbufs = rte_mempool_in_use_count(instance->packets_of[i].pool);
		config.cpu = instance->config->dataplane.cores[i];
		config.numa_node = node_of(instance->config, i);
		instance->workers[i] = dp_worker_create(&config, &instance->shared[i]);
		if (instance->workers[i] == NULL) {
			return failed(-errno, "worker");
		}
	}
	return 0;
}

static int create_link(struct dp_instance *instance)
{
	struct dp_link_worker workers[CONFIG_CORES_MAX];
	const struct passwd *user = getpwnam(instance->config->control.user);

	if (user == NULL) {
		return failed(-ENOENT, instance->config->control.user);
	}
	for (uint32_t i = 0; i < instance->workers_count; i++) {
		workers[i] = (struct dp_link_worker){
			.ingest = instance->workers[i]->ingest,
			.packets = &instance->packets_of[i].region,
			.pub = &instance->shared[i].pub,
			.streams = instance->config->dataplane.memory.streams,
			.numa_node = instance->workers[i]->numa_node,
			.news_fd = instance->shared[i].news_fd,
			.events_fd = instance->shared[i].events_fd,
			.commands_fd = instance->shared[i].commands_fd,
		};
	}
	const struct dp_link_config config = {
		.run_dir = instance->config->run_dir,
		.uid = user->pw_uid,
		.gid = user->pw_gid,
		.generation = instance->generation,
		.control_timeout_us =
			instance->config->dataplane.control_timeout_ms * UINT64_C(1000),
		.counts = &instance->link_counts,
		.workers = workers,
		.workers_count = instance->workers_count,
	};
	if (!control_process_supported()) {
		dp_diag_text(DP_DIAG_WARN, "pidfd",
			     "the kernel has no pidfd: a control that hangs is not ended");
	}
	instance->link = dp_link_create(&config);
	return instance->link != NULL ? 0 : failed(-errno, instance->config->run_dir);
}

/* In this order each part finds what it is built on. */
static int build(struct dp_instance *instance)
{
	int (*const steps[])(struct dp_instance *) = {
		create_packets, open_port, create_mesh, create_play, create_workers, create_link,
	};
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](instance);
	}
	return err;
}

struct dp_instance *dp_instance_create(const struct config *config, bool hugepages)
{
	struct dp_instance *instance = calloc(1, sizeof(*instance));

	if (instance == NULL) {
		return NULL;
	}
	instance->config = config;
	instance->hugepages = hugepages;
	instance->workers_count = config->dataplane.cores_count;
	instance->port.id = RTE_MAX_ETHPORTS;
	if (getrandom(&instance->generation, sizeof(instance->generation), 0) < 0 ||
	    instance->generation == 0) {
		instance->generation = 1;
	}
	int err = build(instance);
	if (err < 0) {
		(void)dp_instance_destroy(instance);
		errno = -err;
		return NULL;
	}
	return instance;
}

static void say_started(const struct dp_instance *instance)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	const struct config_port *config = &instance->config->dataplane.ports[0];
	struct dp_diag diag;

	rte_ether_format_addr(mac, sizeof(mac), &instance->port.mac);
	dp_diag_begin(&diag, DP_DIAG_INFO, "started");
	dp_diag_str(&diag, "device", config->device);
	dp_diag_str(&diag, "interface", config->name != NULL ? config->name : "");
	dp_diag_str(&diag, "driver", instance->port.driver);
	dp_diag_str(&diag, "mac", mac);
	dp_diag_int(&diag, "mtu", instance->port.mtu);
	dp_diag_int(&diag, "workers", instance->workers_count);
	dp_diag_bool(&diag, "hugepages", instance->packets_of[0].region.page_size > 4096);
	dp_diag_bool(&diag, "spread", instance->port.spread);
	dp_diag_bool(&diag, "rx_interrupts", instance->port.rx_interrupts);
	dp_diag_int(&diag, "numa_node", instance->port.numa_node);
	dp_diag_str(&diag, "run_dir", instance->config->run_dir);
	dp_diag_end(&diag, stderr);
}

static void warn_about_nodes(const struct dp_instance *instance)
{
	for (uint32_t i = 0; i < instance->workers_count; i++) {
		const struct dp_worker *worker = instance->workers[i];

		if (instance->port.numa_node >= 0 &&
		    instance->port.numa_node != worker->numa_node) {
			dp_diag_text(DP_DIAG_WARN, "numa",
				     "worker %u on CPU %u is on node %d, the port on node %d", i,
				     worker->cpu, worker->numa_node, instance->port.numa_node);
		}
	}
}

int dp_instance_start(struct dp_instance *instance)
{
	for (uint32_t i = 0; i < instance->workers_count; i++) {
		int err =
			rte_eal_remote_launch(dp_worker_run, instance->workers[i], dp_eal_lcore(i));

		if (err < 0) {
			return failed(err, "worker thread");
		}
		instance->started = true;
	}
	warn_about_nodes(instance);
	say_started(instance);
	return 0;
}

int dp_instance_fd(const struct dp_instance *instance)
{
	return dp_link_fd(instance->link);
}

static void read_losses_once_a_second(struct dp_instance *instance)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != instance->losses_read) {
		instance->losses_read = now.tv_sec;
		dp_port_read_losses(&instance->port, &instance->losses);
	}
}

void dp_instance_poll(struct dp_instance *instance)
{
	dp_link_poll(instance->link);
	read_losses_once_a_second(instance);
}

void dp_instance_stop(struct dp_instance *instance)
{
	if (instance->link != NULL) {
		dp_link_farewell(instance->link);
	}
	for (uint32_t i = 0; i < instance->workers_count; i++) {
		dp_worker_stop(instance->workers[i]);
	}
}

bool dp_instance_stopped(const struct dp_instance *instance)
{
	for (uint32_t i = 0; instance->started && i < instance->workers_count; i++) {
		if (rte_eal_get_lcore_state(dp_eal_lcore(i)) == RUNNING) {
			return false;
		}
	}
	return true;
}

static uint64_t in_use(struct dp_diag *diag, const struct rte_mempool *pool)
{
	if (pool == NULL) {
		return 0;
	}
	uint64_t count = rte_mempool_in_use_count(pool);
	dp_diag_int(diag, pool->name, (int64_t)count);
	return count;
}

/* By pool, so that a leak names who took the mbufs. */
static uint64_t say_stopped(const struct dp_instance *instance)
{
	struct dp_diag diag;
	uint64_t leaked = 0;

	dp_diag_begin(&diag, DP_DIAG_INFO, "stopped");
	for (uint32_t i = 0; i < instance->workers_count; i++) {
		leaked += in_use(&diag, instance->packets_of[i].pool);
		if (instance->workers[i] != NULL) {
			leaked += in_use(&diag, instance->workers[i]->headers);
			leaked += in_use(&diag, instance->workers[i]->replies);
			leaked += in_use(&diag, instance->workers[i]->indirect);
		}
	}
	leaked += in_use(&diag, instance->play.pool);
	dp_diag_int(&diag, "leaked", (int64_t)leaked);
	dp_diag_end(&diag, stderr);
	return leaked;
}

uint64_t dp_instance_destroy(struct dp_instance *instance)
{
	if (instance->started) {
		/* Also when only some of them could be started. */
		dp_instance_stop(instance);
		rte_eal_mp_wait_lcore();
	}
	if (instance->link != NULL) {
		dp_link_destroy(instance->link);
	}
	for (uint32_t i = 0; i < instance->workers_count; i++) {
		if (instance->workers[i] != NULL) {
			dp_worker_release(instance->workers[i]);
		}
	}
	dp_port_close(&instance->port);
	dp_forward_mesh_destroy(&instance->mesh);
	uint64_t leaked = say_stopped(instance);
	for (uint32_t i = 0; i < instance->workers_count; i++) {
		dp_worker_destroy(instance->workers[i], &instance->shared[i]);
	}
	play_mesh_destroy(&instance->play);
	for (uint32_t i = 0; i < instance->packets.count; i++) {
		dp_packets_destroy(&instance->packets_of[i]);
	}
	free(instance);
	return leaked;
}
