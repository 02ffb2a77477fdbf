/*
 * The port: one DPDK ethernet device with a receive and a transmit queue per worker.
 *
 * What the device cannot do is masked and done in software by whoever needs it; nothing fails
 * because an offload is missing. Set up and torn down by the main thread, constant in between.
 */
#ifndef DP_PORT_H
#define DP_PORT_H

#include <rte_ether.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/tap.h"

struct dp_packets_table;
struct rte_mempool;

struct dp_port {
	uint16_t id;
	uint16_t queues;
	uint16_t mtu;              /* in use */
	uint16_t rx_descriptors;   /* of each queue */
	uint16_t device_mtu;       /* what the driver admits */
	int numa_node;             /* -1: unknown or none */
	uint64_t rx_offloads;      /* RTE_ETH_RX_OFFLOAD_* in use */
	uint64_t tx_offloads;      /* RTE_ETH_TX_OFFLOAD_* in use */
	uint32_t tso_pieces;       /* mbufs of payload in a packet that it cuts into segments */
	struct rte_ether_addr mac; /* what our stack answers to: see port.c */
	bool spread; /* queues do not keep a flow together: workers forward in software */
	bool rx_interrupts;
	bool started;
	struct dp_tap tap;
	char driver[32];
};

/* What the device itself lost; read by the main thread, shown by the first worker. */
struct dp_port_losses {
	_Atomic uint64_t missed;
	_Atomic uint64_t no_mbuf;
	_Atomic uint64_t errors;
};

struct dp_port_config {
	const struct config_port *port;
	uint16_t queues;
	const struct dp_packets_table *packets; /* [queues] receive pools */
};

/* 0 or -errno. The port is started; -ENODEV when EAL probed none. */
int dp_port_open(struct dp_port *port, const struct dp_port_config *config)
	__attribute__((warn_unused_result));
/* Ports still to be opened by name are closed too: EAL probed exactly one. */
void dp_port_close(struct dp_port *port);

/* Reads the device's counters: may take long, not for workers. */
void dp_port_read_losses(const struct dp_port *port, struct dp_port_losses *losses);

/* RTE_MBUF_F_TX_* flags that the TCP stack may set on packets for this port. */
uint64_t dp_port_tcp_offloads(const struct dp_port *port);

/* Descriptor that polls readable when the queue has packets, -1 when there is none. */
int dp_port_rx_fd(const struct dp_port *port, uint16_t queue);

#endif
