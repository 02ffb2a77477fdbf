#include "bench/gen/device.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RX_MBUFS     16383u
#define DATA_ROOM    2048u
#define POOL_LEAST   32767u
#define CORE_DEFAULT 1u
#define LINK_WAIT_US 10000u
#define LINK_TRIES   300

/* Pools, and what TCP keeps of a publisher. */
static uint32_t memory_mib(const struct gen_options *o)
{
	return 384 + o->publishers / 64;
}

static int start_eal(const struct gen_options *o)
{
	bool pci = strncmp(o->device, "net_", 4) != 0;
	char core[16], prefix[48], device[512], memory[16];
	static char name[] = "penstock-gen", cores[] = "-l", level[] = "--log-level=lib.eal:error";
	static char no_huge[] = "--no-huge", no_shconf[] = "--no-shconf", size[] = "-m";
	static char in_memory[] = "--in-memory", allow[] = "-a", no_pci[] = "--no-pci";
	char *argv[16];
	int argc = 0;

	snprintf(core, sizeof(core), "%u", o->core == UINT32_MAX ? CORE_DEFAULT : o->core);
	snprintf(prefix, sizeof(prefix), "--file-prefix=penstock-gen-%d", (int)getpid());
	snprintf(device, sizeof(device), pci ? "%s" : "--vdev=%s", o->device);
	snprintf(memory, sizeof(memory), "%u", memory_mib(o));
	argv[argc++] = name;
	argv[argc++] = cores;
	argv[argc++] = core;
	argv[argc++] = level;
	argv[argc++] = prefix;
	if (o->no_hugepages) { /* excludes --in-memory */
		argv[argc++] = no_huge;
		argv[argc++] = no_shconf;
		argv[argc++] = size;
		argv[argc++] = memory;
	} else {
		argv[argc++] = in_memory;
	}
	argv[argc++] = pci ? allow : no_pci;
	argv[argc++] = device;
	argv[argc] = NULL;
	return rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
}

/* What publishers have in flight: a frame each when there are many, much each when few. */
static int create_pools(struct device *d, const struct gen_options *o)
{
	uint32_t many = o->publishers * 2 > POOL_LEAST ? o->publishers * 2 : POOL_LEAST;

	d->rx_pool = rte_pktmbuf_pool_create("gen-rx", RX_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					     SOCKET_ID_ANY);
	d->data_pool = rte_pktmbuf_pool_create("gen-data", many, 256, 0,
					       RTE_PKTMBUF_HEADROOM + DATA_ROOM, SOCKET_ID_ANY);
	d->slice_pool =
		rte_pktmbuf_pool_create("gen-slice", 2 * many + 1, 256, 0, 0, SOCKET_ID_ANY);
	d->indirect_pool =
		rte_pktmbuf_pool_create("gen-indirect", 2 * many + 1, 256, 0, 0, SOCKET_ID_ANY);
	return d->rx_pool != NULL && d->data_pool != NULL && d->slice_pool != NULL &&
			       d->indirect_pool != NULL
		       ? 0
		       : -ENOMEM;
}

/* A frame sent before the link is up is lost, and a lost SYN costs a second. */
static void wait_for_link(const struct device *d)
{
	struct rte_eth_link link = {0};

	for (int i = 0; i < LINK_TRIES; i++) {
		if (rte_eth_link_get_nowait(d->port.id, &link) == 0 && link.link_status != 0) {
			return;
		}
		rte_delay_us_sleep(LINK_WAIT_US);
	}
	fprintf(stderr, "penstock-gen: the link does not come up\n");
}

static void init_mischief(struct device *d, const struct gen_options *o)
{
	struct impair_config config = {
		.loss_ppm = o->loss_ppm,
		.duplicate_ppm = o->duplicate_ppm,
		.reorder_ppm = o->reorder_ppm,
		.seed = o->seed,
	};

	impair_init(&d->tx_impair, &config, d->rx_pool);
	config.seed = ~o->seed;
	impair_init(&d->rx_impair, &config, d->rx_pool);
	d->overflow = o->overflow;
	d->flood = (struct flood){
		.kind = o->flood,
		.live = o->flood_live,
		.rate_pps = o->flood_pps,
		.pool = d->rx_pool,
		.from = o->has_flood_from ? o->flood_from.addr : o->addresses[0].addr,
		.from_bits = o->has_flood_from ? o->flood_from.length : 0,
		.to = o->server,
		.target = o->has_flood_target ? o->flood_target : o->server.addr,
		.random = o->seed,
		.intruders = {.kind = flood_intruder_kind(o->flood),
			      .pool = d->rx_pool,
			      .from.addr = o->addresses[0].addr,
			      .to = o->server,
			      .random = ~o->seed},
	};
}

int device_open(struct device *d, const struct gen_options *o)
{
	struct dp_packets packets = {0};
	struct dp_packets_table table = {.count = 1, .workers = &packets};
	int rc = start_eal(o);

	if (rc == 0) {
		rc = create_pools(d, o);
	}
	if (rc != 0) {
		return rc;
	}
	packets.pool = d->rx_pool;
	d->config = (struct config_port){
		.device = (char *)(uintptr_t)o->device,
		.addresses = (struct config_prefix *)(uintptr_t)o->addresses,
		.addresses_count = o->addresses_count,
		.mtu = 1500,
	};
	rc = dp_port_open(&d->port, &(struct dp_port_config){
					    .port = &d->config,
					    .queues = 1,
					    .packets = &table,
				    });
	if (rc == 0) {
		rc = net_iface_init(&d->iface, &d->config, &d->port.mac);
	}
	if (rc == 0) {
		d->transmit.port = &d->port;
		rc = net_init(&d->net, &d->iface, d->rx_pool, &d->counters, SOCKET_ID_ANY, 1);
	}
	if (rc == 0) {
		init_mischief(d, o);
		wait_for_link(d);
	}
	return rc;
}

void device_close(struct device *d)
{
	impair_fini(&d->rx_impair);
	impair_fini(&d->tx_impair);
	dp_port_close(&d->port);
	rte_eal_cleanup();
}

/* Received frames after what our end of the link does to them. */
static uint32_t poll_port(struct device *d, struct rte_mbuf **frames, uint64_t now_us)
{
	uint32_t count = rte_eth_rx_burst(d->port.id, 0, frames, DEVICE_BURST);

	if (impair_is_active(&d->rx_impair)) {
		count = impair_pass(&d->rx_impair, frames, count, DEVICE_PACKETS, now_us);
	}
	return count;
}

uint16_t device_receive(struct device *d, struct rte_mbuf **packets, uint32_t *frames,
			uint64_t now_us)
{
	struct rte_mbuf *received[DEVICE_PACKETS];
	uint32_t count = poll_port(d, received, now_us);
	uint16_t tcp = 0;

	for (uint32_t i = 0; i < count; i++) {
		switch (net_input(&d->net, received[i])) {
		case NET_TCP:
			if (flood_is_answer(&d->flood, received[i])) {
				rte_pktmbuf_free(received[i]);
			} else {
				packets[tcp++] = received[i];
			}
			break;
		case NET_TEACH: /* there is no other worker */
			rte_pktmbuf_free(received[i]);
			break;
		case NET_DONE:
			break;
		}
	}
	*frames = count;
	return tcp;
}

/*
 * What the port has no room for now is lost, as it is in the ring of a port at the end of a wire.
 * Some ports take a few at a time, room or not. Returns how many still left.
 */
static uint32_t lose_waiting(struct device *d)
{
	uint32_t sent = 0, last = 1;

	while (d->net.frames_count > 0 && last > 0) {
		last = dp_transmit_flush(&d->transmit, &d->net);
		sent += last;
	}
	d->overflowed += d->net.frames_count;
	rte_pktmbuf_free_bulk(d->net.frames, d->net.frames_count);
	d->net.frames_count = 0;
	return sent;
}

static void send_flood(struct device *d, uint64_t now_us)
{
	struct rte_mbuf *packets[DEVICE_BURST];
	uint32_t room = net_room(&d->net);
	uint32_t count =
		flood_make(&d->flood, packets, room < DEVICE_BURST ? room : DEVICE_BURST, now_us);

	if (!flood_is_frames(&d->flood)) {
		net_output(&d->net, packets, count);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		net_send_frame(&d->net, packets[i]);
	}
}

uint32_t device_send(struct device *d, uint64_t now_us)
{
	uint32_t sent;

	send_flood(d, now_us);
	if (impair_is_active(&d->tx_impair)) {
		uint32_t fresh = d->net.frames_count - d->impaired;

		fresh = impair_pass(&d->tx_impair, d->net.frames + d->impaired, fresh,
				    NET_FRAMES - d->impaired, now_us);
		d->net.frames_count = d->impaired + fresh;
	}
	sent = dp_transmit_flush(&d->transmit, &d->net);
	if (d->overflow) {
		sent += lose_waiting(d);
	}
	d->impaired = d->net.frames_count;
	return sent;
}
