/*
 * Device: EAL, memory pools, the port and the layers below TCP, for one core.
 */
#ifndef GEN_DEVICE_H
#define GEN_DEVICE_H

#include "bench/gen/options.h"
#include "dataplane/net/net.h"
#include "dataplane/packets.h"
#include "dataplane/port.h"
#include "dataplane/transmit.h"

#define DEVICE_BURST 64u

struct device {
	struct config_port config;
	struct dp_port port;
	struct net_iface iface;
	struct net net;
	struct dp_transmit transmit;
	struct dp_counters counters;
	struct rte_mempool *rx_pool;
	struct rte_mempool *data_pool;  /* headers and small pieces of what is queued */
	struct rte_mempool *slice_pool; /* without a buffer: slices of shared payload */
	struct rte_mempool *indirect_pool;
};

/* 0 or -errno. */
int device_open(struct device *device, const struct gen_options *options)
	__attribute__((warn_unused_result));
void device_close(struct device *device);

/* TCP packets for us, at most DEVICE_BURST of them; `frames` counts what was received at all. */
uint16_t device_receive(struct device *device, struct rte_mbuf **packets, uint32_t *frames);

/* Room for packets of TCP. */
static inline bool device_has_room(const struct device *device)
{
	return net_room(&device->net) >= DEVICE_BURST;
}

#endif
