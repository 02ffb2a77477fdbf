/*
 * What a worker is made of: memory on its own NUMA node, in the order of use.
 */
#include <errno.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "dataplane/ingest.h"
#include "dataplane/play_mesh.h"
#include "dataplane/port.h"
#include "dataplane/pub.h"
#include "dataplane/session.h"
#include "dataplane/worker.h"
#include "tcpstack/tcp.h"

/* One less than a power of two suits the ring in which a pool keeps them. */
#define HEADER_MBUFS   4095u
#define REPLY_MBUFS    8191u /* apart: who does not acknowledge replies must not cost ACKs */
#define INDIRECT_MBUFS 8191u
#define POOL_CACHE     256u
#define HEADER_ROOM    2048u

/* What a window begins with: as much as a SYN-ACK can say. */
#define WINDOW_INITIAL 65535u
#define HEADERS        52u    /* IPv4 and TCP with timestamps, of each packet */
#define OOO_SEGMENTS   16384u /* bounded by the window long before */

/*
 * Side records are for connections that lose packets at the moment: with 2 % of loss at 2.5 Mb/s
 * and a round trip of 50 ms that is one in five.
 */
#define SIDE_SHARE     4u
#define SIDE_MIN       256u

static struct rte_mempool *create_pool(const char *kind, const struct dp_worker_config *config,
				       uint32_t mbufs, uint32_t room)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	(void)snprintf(name, sizeof(name), "%s%u", kind, config->index);
	return rte_pktmbuf_pool_create(name, mbufs, POOL_CACHE, 0, (uint16_t)room,
				       config->numa_node);
}

/* Chains are put into one mbuf for ports that cannot send them: a header mbuf holds the MTU. */
static uint32_t header_room(const struct dp_worker_config *config)
{
	uint32_t frame = config->port->mtu + 64u;

	return RTE_PKTMBUF_HEADROOM + (frame > HEADER_ROOM ? frame : HEADER_ROOM);
}

static int create_pools(struct dp_worker *worker, const struct dp_worker_config *config)
{
	worker->headers = create_pool("headers", config, HEADER_MBUFS, header_room(config));
	if (worker->headers == NULL) {
		return -rte_errno;
	}
	worker->replies = create_pool("replies", config, REPLY_MBUFS, header_room(config));
	if (worker->replies == NULL) {
		return -rte_errno;
	}
	worker->indirect = create_pool("indirect", config, INDIRECT_MBUFS, 0);
	return worker->indirect != NULL ? 0 : -rte_errno;
}

static int open_eventfds(struct dp_worker_shared *shared)
{
	shared->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	shared->events_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	shared->commands_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return shared->news_fd < 0 || shared->events_fd < 0 || shared->commands_fd < 0 ? -errno : 0;
}

static void close_eventfds(struct dp_worker_shared *shared)
{
	int *fds[] = {&shared->news_fd, &shared->events_fd, &shared->commands_fd};

	for (int i = 0; i < 3; i++) {
		if (*fds[i] >= 0) {
			close(*fds[i]);
		}
		*fds[i] = -1;
	}
}

static int create_pub(const struct dp_worker_config *config, struct dp_worker_shared *shared)
{
	const struct dp_pub_config pub = {
		.worker = config->index,
		.cpu = config->cpu,
		.numa_node = config->numa_node,
		.generation = config->generation,
		.memory = &config->config->memory,
		.players = config->play != NULL ? config->play->players : 0,
		.region_flags = config->region_flags,
	};

	return dp_pub_create(&shared->pub, &pub);
}

static int create_ingest(struct dp_worker *worker, const struct dp_worker_config *config,
			 struct dp_worker_shared *shared)
{
	struct dp_ingest_config ingest = {
		.worker = config->index,
		.numa_node = config->numa_node,
		.rtmp = &config->config->rtmp,
		.discard_port = config->config->listen.discard,
		.memory = &config->config->memory,
		.admission = &config->config->admission,
		.mtu = config->port->mtu,
		.rx_descriptors = config->port->rx_descriptors,
		.packets = config->packets,
		.reply_pool = worker->replies,
		.pub = &shared->pub,
		.news_fd = shared->news_fd,
		.events_fd = shared->events_fd,
		.counters = &worker->counters,
		.play = config->play,
	};

	if (getrandom(&ingest.seed, sizeof(ingest.seed), 0) != sizeof(ingest.seed)) {
		return -EIO;
	}
	worker->ingest = dp_ingest_create(&ingest);
	return worker->ingest != NULL ? 0 : -errno;
}

static int listen_on(struct dp_worker *worker, const struct dp_worker_config *config)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < config->iface->addresses_count; i++) {
		err = tcp_add_address(worker->tcp, &config->iface->addresses[i]);
	}
	for (uint32_t i = 0; err == 0 && i < config->config->rtmp.listen_count; i++) {
		err = tcp_listen(worker->tcp, config->config->rtmp.listen[i]);
	}
	if (err == 0 && config->config->listen.discard != 0) {
		err = tcp_listen(worker->tcp, config->config->listen.discard);
	}
	return err;
}

/* Of large packets a peer may send fewer, smaller ones: there is room for some of each. */
static uint32_t initial_mbufs(const struct dp_worker_config *config)
{
	uint32_t mbufs = WINDOW_INITIAL / (config->port->mtu - HEADERS) + 1;

	return mbufs > 32 ? mbufs : 32;
}

static void set_windows(struct tcp_config *tcp, const struct dp_worker_config *config)
{
	const struct config_memory *memory = &config->config->memory;
	uint64_t packets = (uint64_t)memory->packets * tcp->segment_truesize;

	tcp->receive_budget = memory->window_max_kib << 10;
	tcp->receive_initial = initial_mbufs(config) * tcp->segment_truesize;
	tcp->receive_slack = SESSION_HOLD_MAX;
	tcp->receive_total =
		memory->windows_mib > 0 ? (uint64_t)memory->windows_mib << 20 : packets / 2;
}

static int create_tcp(struct dp_worker *worker, const struct dp_worker_config *config,
		      const struct dp_worker_shared *shared)
{
	char name[32];
	uint32_t connections = config->config->memory.connections;
	uint32_t sides = connections / SIDE_SHARE + SIDE_MIN;
	struct tcp_config tcp = {
		.name = name,
		.numa_node = config->numa_node,
		.connections = connections,
		.per_source = {.connections = config->config->per_source.connections,
			       .half_open = config->config->per_source.half_open,
			       .rate = config->config->per_source.rate},
		.syn_received = connections < 1024 ? 1024 : connections,
		.time_wait = connections,
		.side_records = sides < connections ? sides : connections,
		.segment_truesize = config->packets->workers[config->index].truesize,
		.send_budget = SESSION_SEND_MAX,
		.ooo_segments = OOO_SEGMENTS,
		.mtu = config->port->mtu,
		.ecn = config->config->ports[0].ecn ? TCP_ECN_ACCEPT : TCP_ECN_OFF,
		.offload_tx = dp_port_tcp_offloads(config->port),
		.tso_pieces = config->port->tso_pieces,
		.trace = (void *)(shared->pub.base + dp_pub(&shared->pub)->trace_offset),
		.trace_records = dp_pub(&shared->pub)->trace_records,
		.keepalive_s = 60,
		.time_wait_ms = 60000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 60000,
		.header_pool = worker->headers,
		.indirect_pool = worker->indirect,
		.ops = &dp_ingest_tcp_ops,
		.app = worker->ingest,
	};

	set_windows(&tcp, config);
	(void)snprintf(name, sizeof(name), "tcp%u", config->index);
	if (getrandom(tcp.secret, sizeof(tcp.secret), 0) != sizeof(tcp.secret)) {
		return -EIO;
	}
	worker->tcp = tcp_stack_create(&tcp);
	if (worker->tcp == NULL) {
		return -errno;
	}
	dp_inspect_init(&worker->inspect, dp_pub(&shared->pub), worker->tcp);
	return listen_on(worker, config);
}

static bool on_icmp_error(void *app, const struct tcp_icmp *error)
{
	struct dp_worker *worker = app;

	return tcp_icmp_error(worker->tcp, error, worker->net.now_us);
}

static int create_net(struct dp_worker *worker, const struct dp_worker_config *config)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
		return -EIO;
	}
	int err = net_init(&worker->net, config->iface, worker->headers, &worker->counters,
			   config->numa_node, seed);
	worker->net.icmp_error = on_icmp_error;
	worker->net.app = worker;
	return err;
}

static bool is_pending(const void *app)
{
	const struct dp_worker *worker = app;

	return dp_forward_pending(&worker->forward) || dp_ingest_commanded(worker->ingest) ||
	       dp_inspect_pending(&worker->inspect, dp_ingest_sub(worker->ingest));
}

static void fill(struct dp_worker *worker, const struct dp_worker_config *config,
		 const struct dp_worker_shared *shared)
{
	worker->index = config->index;
	worker->cpu = config->cpu;
	worker->numa_node = config->numa_node;
	worker->port = config->port;
	worker->losses = config->losses;
	worker->link_counts = config->link_counts;
	worker->rtmp = &config->config->rtmp;
	worker->discard_port = config->config->listen.discard;
	worker->guard = config->guard;
	worker->packets_table = config->packets;
	worker->port_mbufs = config->port_mbufs;
	worker->packets = config->packets->workers[config->index].pool;
	worker->pub = dp_pub(&shared->pub);
	worker->wake.sleeping = &worker->pub->sleeping;
	worker->wake.fd = shared->commands_fd;
	worker->transmit.port = config->port;
	worker->transmit.queue = (uint16_t)config->index;
	worker->forward.mesh = config->mesh;
	worker->forward.self = config->index;
	worker->forward.counters = &worker->counters;
	worker->forward.pool = worker->headers;
	dp_idle_init(&worker->idle, config->config->power == CONFIG_POWER_ADAPTIVE,
		     dp_port_rx_fd(config->port, (uint16_t)config->index), &worker->wake);
	worker->idle.pending = is_pending;
	worker->idle.app = worker;
	config->mesh->wakes[config->index] = &worker->wake;
	if (config->play != NULL) {
		config->play->wakes[config->index] = &worker->wake;
	}
}

static int build(struct dp_worker *worker, const struct dp_worker_config *config,
		 struct dp_worker_shared *shared)
{
	int err = open_eventfds(shared);

	if (err == 0) {
		err = create_pools(worker, config);
	}
	if (err == 0) {
		err = create_pub(config, shared);
	}
	if (err == 0) {
		fill(worker, config, shared);
		err = create_net(worker, config);
	}
	if (err == 0) {
		err = create_ingest(worker, config, shared);
	}
	return err == 0 ? create_tcp(worker, config, shared) : err;
}

struct dp_worker *dp_worker_create(const struct dp_worker_config *config,
				   struct dp_worker_shared *shared)
{
	struct dp_worker *worker =
		rte_zmalloc_socket("worker", sizeof(*worker), 128, config->numa_node);

	*shared = (struct dp_worker_shared){
		.pub = {.fd = -1},
		.news_fd = -1,
		.events_fd = -1,
		.commands_fd = -1,
	};
	if (worker == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	int err = build(worker, config, shared);
	if (err < 0) {
		dp_worker_destroy(worker, shared);
		errno = -err;
		return NULL;
	}
	return worker;
}

void dp_worker_release(struct dp_worker *worker)
{
	/* dp_worker_run() ended every connection: neither of the two refers to the other any more.
	 */
	if (worker->ingest != NULL) {
		dp_ingest_destroy(worker->ingest);
		worker->ingest = NULL;
	}
	if (worker->tcp != NULL) {
		tcp_stack_destroy(worker->tcp);
		worker->tcp = NULL;
	}
	net_fini(&worker->net);
}

void dp_worker_destroy(struct dp_worker *worker, struct dp_worker_shared *shared)
{
	if (worker == NULL) {
		return;
	}
	dp_worker_release(worker);
	dp_region_destroy(&shared->pub);
	close_eventfds(shared);
	rte_mempool_free(worker->headers);
	rte_mempool_free(worker->replies);
	rte_mempool_free(worker->indirect);
	rte_free(worker);
}
