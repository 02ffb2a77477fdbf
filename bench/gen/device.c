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
		wait_for_link(d);
	}
	return rc;
}

void device_close(struct device *d)
{
	dp_port_close(&d->port);
	rte_eal_cleanup();
}

uint16_t device_receive(struct device *d, struct rte_mbuf **packets, uint32_t *frames)
{
	struct rte_mbuf *received[DEVICE_BURST];
	uint16_t count = rte_eth_rx_burst(d->port.id, 0, received, DEVICE_BURST);
	uint16_t tcp = 0;

	for (uint16_t i = 0; i < count; i++) {
		switch (net_input(&d->net, received[i])) {
		case NET_TCP:
			packets[tcp++] = received[i];
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
