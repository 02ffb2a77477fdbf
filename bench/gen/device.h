/*
 * Device: EAL, memory pools, the port and the layers below TCP, for one core.
 */
#ifndef GEN_DEVICE_H
#define GEN_DEVICE_H

#include "bench/gen/flood.h"
#include "bench/gen/impair.h"
#include "bench/gen/options.h"
#include "dataplane/net/net.h"
#include "dataplane/packets.h"
#include "dataplane/port.h"
#include "dataplane/transmit.h"

#define DEVICE_BURST   64u
#define DEVICE_PACKETS (2 * DEVICE_BURST + IMPAIR_HELD) /* of one burst, some of them twice */

struct device {
	struct config_port config;
	struct dp_port port;
	struct net_iface iface;
	struct net net;
	struct dp_transmit transmit;
	struct dp_counters counters;
	struct impair rx_impair;
	struct impair tx_impair;
	uint32_t impaired; /* frames that wait for the port and have passed tx_impair */
	struct flood flood;
	bool overflow; /* what the port has no room for is lost */
	uint64_t overflowed;
	struct rte_mempool *rx_pool;
	struct rte_mempool *data_pool;  /* headers and small pieces of what is queued */
	struct rte_mempool *slice_pool; /* without a buffer: slices of shared payload */
	struct rte_mempool *indirect_pool;
};

/* 0 or -errno. */
int device_open(struct device *device, const struct gen_options *options)
	__attribute__((warn_unused_result));
void device_close(struct device *device);

/* TCP packets for us, at most DEVICE_PACKETS; `frames` counts what was received at all. */
uint16_t device_receive(struct device *device, struct rte_mbuf **packets, uint32_t *frames,
			uint64_t now_us);

/* Adds the flood, if there is one, and sends what waits; returns how many frames left. */
uint32_t device_send(struct device *device, uint64_t now_us);

/* Room for packets of TCP. */
static inline bool device_has_room(const struct device *device)
{
	return net_room(&device->net) >= DEVICE_BURST;
}

#endif
