/* rte_dev_dma_map(): there is no other way to tell a device of memory that EAL did not allocate. */
#define ALLOW_EXPERIMENTAL_API

#include "dataplane/port.h"

#include <errno.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/eal.h"
#include "dataplane/packets.h"

#define DESCRIPTORS     1024
/* The tap PMD keeps an mbuf waiting for every descriptor but reads one packet at a time. */
#define TAP_DESCRIPTORS 64

#define TSO_PIECES      39 /* of payload: with the headers what the common NICs take */

#define WANTED_RX       (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define WANTED_TX                                                       \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
	 RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define WANTED_RSS                                                            \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | \
	 RTE_ETH_RSS_NONFRAG_IPV6_TCP)

static bool is_driver(const struct dp_port *port, const char *name)
{
	return strcmp(port->driver, name) == 0;
}

/*
 * The tap PMD's MAC is the kernel interface's own, which is the other end of the wire for us. Ours
 * is derived from it: another locally administered address (IEEE 802 8.4).
 */
static void choose_mac(struct dp_port *port, const struct config_port *config)
{
	if (config->has_mac) {
		memcpy(port->mac.addr_bytes, config->mac, sizeof(config->mac));
		return;
	}
	(void)rte_eth_macaddr_get(port->id, &port->mac);
	if (is_driver(port, "net_tap")) {
		port->mac.addr_bytes[0] |= RTE_ETHER_LOCAL_ADMIN_ADDR;
		port->mac.addr_bytes[0] &= (uint8_t)~RTE_ETHER_GROUP_ADDR;
		port->mac.addr_bytes[5] ^= 0x80;
	}
}

/*
 * True receive-side scaling keeps the packets of a flow on one queue. The tap PMD has none, but the
 * kernel's tun driver sends a flow to the queue on which we answered it last, and picks the first
 * one by a hash of the flow: that keeps it together as well, but not behind a VLAN tag (tried: a
 * flow's second packet came to another queue). Everything else (af_packet with rollover, memif,
 * ring) leaves the choice to somebody else.
 */
static bool needs_spread(const struct dp_port *port, const struct config_port *config,
			 const struct rte_eth_dev_info *info)
{
	if (port->queues == 1) {
		return false;
	}
	if (is_driver(port, "net_tap")) {
		return config->vlan != 0;
	}
	return info->flow_type_rss_offloads == 0;
}

static uint16_t longest_mtu(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu) {
		overhead = info->max_rx_pktlen - info->max_mtu;
	}
	uint32_t longest = info->max_rx_pktlen - overhead;
	return (uint16_t)(longest < UINT16_MAX ? longest : UINT16_MAX);
}

static void fill_conf(struct rte_eth_conf *conf, struct dp_port *port,
		      const struct rte_eth_dev_info *info, bool rx_interrupts)
{
	*conf = (struct rte_eth_conf){
		.rxmode = {.mtu = RTE_MIN(port->mtu, port->device_mtu),
			   .offloads = port->rx_offloads},
		.txmode = {.offloads = port->tx_offloads},
		.intr_conf = {.rxq = rx_interrupts},
	};
	if (port->queues > 1 && !is_driver(port, "net_tap")) {
		conf->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & WANTED_RSS;
		conf->rxmode.mq_mode = conf->rx_adv_conf.rss_conf.rss_hf != 0 ? RTE_ETH_MQ_RX_RSS
									      : RTE_ETH_MQ_RX_NONE;
	}
}

/*
 * Asks for interrupts first and does without where the device refuses them. Only the tap PMD's
 * descriptor is the queue itself, so that poll() on it tells the truth without re-arming.
 */
static int configure(struct dp_port *port, const struct rte_eth_dev_info *info, bool rx_interrupts)
{
	struct rte_eth_conf conf;
	int err = -ENOTSUP;

	if (rx_interrupts) {
		fill_conf(&conf, port, info, true);
		err = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
		port->rx_interrupts = err == 0;
	}
	if (err < 0) {
		fill_conf(&conf, port, info, false);
		err = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
	}
	return err;
}

static int setup_queues(struct dp_port *port, const struct rte_eth_dev_info *info,
			const struct dp_packets_table *packets)
{
	uint16_t rx = is_driver(port, "net_tap") ? TAP_DESCRIPTORS : DESCRIPTORS;
	uint16_t tx = rx;
	struct rte_eth_txconf txconf = info->default_txconf;

	/* FAST_FREE would ignore reference counts, which retransmission and the log rely on. */
	txconf.offloads = port->tx_offloads;
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);
	port->rx_descriptors = rx;
	for (uint16_t i = 0; err == 0 && i < port->queues; i++) {
		unsigned int socket = (unsigned int)rte_eth_dev_socket_id(port->id);

		err = rte_eth_rx_queue_setup(port->id, i, rx, socket, NULL,
					     packets->workers[i].pool);
		if (err == 0) {
			err = rte_eth_tx_queue_setup(port->id, i, tx, socket, &txconf);
		}
	}
	return err;
}

/*
 * The MTU becomes what the device can do, but for af_packet: it says 1500 and carries what fits its
 * frames, which eal.c sizes.
 */
static void set_mtu(struct dp_port *port)
{
	if (port->mtu > port->device_mtu && !is_driver(port, "net_af_packet")) {
		port->mtu = port->device_mtu;
	}
	if (port->mtu <= port->device_mtu) {
		(void)rte_eth_dev_set_mtu(port->id, port->mtu);
	}
}

/* Not every device knows these. */
static void set_optional(struct dp_port *port)
{
	set_mtu(port);
	/* A tap gets every frame of its kernel interface anyway. */
	if (!is_driver(port, "net_tap")) {
		(void)rte_eth_promiscuous_enable(port->id);
	}
	(void)rte_eth_dev_set_link_up(port->id);
}

/*
 * Packet memory is not EAL's own, so that a device has to be told of it. A driver that finds out by
 * itself (mlx5) or needs no mapping refuses with ENOTSUP.
 */
static int map_memory(const struct rte_eth_dev_info *info, const struct dp_region *region)
{
	size_t pages = region->size / region->page_size;

	if (rte_extmem_register(region->base, region->size, NULL, (unsigned int)pages,
				region->page_size) < 0) {
		return -rte_errno;
	}
	if (rte_dev_dma_map(info->device, region->base, (uint64_t)(uintptr_t)region->base,
			    region->size) < 0 &&
	    rte_errno != ENOTSUP) {
		return -rte_errno;
	}
	return 0;
}

static int map_packets(const struct rte_eth_dev_info *info, const struct dp_port_config *config)
{
	int err = 0;

	if (dp_eal_device(config->port->device) != DP_EAL_PCI) {
		return 0;
	}
	for (uint32_t i = 0; err == 0 && i < config->packets->count; i++) {
		err = map_memory(info, &config->packets->workers[i].region);
	}
	return err;
}

static int find(struct dp_port *port, struct rte_eth_dev_info *info)
{
	uint16_t id = (uint16_t)rte_eth_find_next(0);

	if (id >= RTE_MAX_ETHPORTS) {
		return -ENODEV;
	}
	port->id = id;
	int err = rte_eth_dev_info_get(id, info);
	if (err < 0) {
		return err;
	}
	(void)snprintf(port->driver, sizeof(port->driver), "%s",
		       info->driver_name != NULL ? info->driver_name : "");
	port->numa_node = rte_eth_dev_socket_id(id);
	port->device_mtu = longest_mtu(info);
	if (port->queues > info->max_rx_queues || port->queues > info->max_tx_queues) {
		return -ENOSPC;
	}
	return 0;
}

/*
 * Segmentation needs chains and checksums. virtio knows none of IPv4, but whoever cuts its large
 * packets writes new IPv4 headers (virtio 1.2 5.1.6.2). The tap PMD's is software, knows no IPv6,
 * and refuses segments of the full MTU (22.11: it counts the link-layer header); ours is as good.
 */
static bool can_cut(const struct dp_port *port, const struct rte_eth_dev_info *info)
{
	uint64_t needed = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
			  RTE_ETH_TX_OFFLOAD_TCP_CKSUM;

	if (!is_driver(port, "net_virtio") && !is_driver(port, "net_virtio_user")) {
		needed |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	}
	return (info->tx_offload_capa & needed) == needed && !is_driver(port, "net_tap");
}

/* mbufs of payload in a packet that the device cuts; drivers that know no limit say 0 or the most.
 */
static uint32_t pieces_max(const struct rte_eth_dev_info *info)
{
	uint32_t segments = info->tx_desc_lim.nb_seg_max;

	return segments > 1 && segments <= TSO_PIECES ? segments - 1 : TSO_PIECES;
}

/* What the device cannot do is done in software. */
static void choose_offloads(struct dp_port *port, const struct config_port *config,
			    const struct rte_eth_dev_info *info)
{
	uint64_t rx = WANTED_RX;
	uint64_t tx = WANTED_TX;

	if (config->vlan != 0) {
		rx |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
		tx |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	}
	if (is_driver(port, "net_tap")) {
		/* Software, and wrong (22.11) for chains with a part of odd length. */
		tx &= ~RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	}
	if (can_cut(port, info)) {
		tx |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
		port->tso_pieces = pieces_max(info);
	}
	port->rx_offloads = info->rx_offload_capa & rx;
	port->tx_offloads = info->tx_offload_capa & tx;
}

int dp_port_open(struct dp_port *port, const struct dp_port_config *config)
{
	struct rte_eth_dev_info info;

	*port = (struct dp_port){
		.id = RTE_MAX_ETHPORTS,
		.queues = config->queues,
		.mtu = (uint16_t)config->port->mtu,
	};
	int err = find(port, &info);
	if (err < 0) {
		return err;
	}
	choose_offloads(port, config->port, &info);
	port->spread = needs_spread(port, config->port, &info);
	choose_mac(port, config->port);
	err = map_packets(&info, config);
	if (err == 0) {
		err = configure(port, &info, is_driver(port, "net_tap"));
	}
	if (err == 0) {
		err = setup_queues(port, &info, config->packets);
	}
	if (err == 0) {
		err = rte_eth_dev_start(port->id);
	}
	if (err < 0) {
		dp_port_close(port);
		return err;
	}
	port->started = true;
	if (port->rx_interrupts) {
		dp_tap_init(&port->tap, config->port->name, port->id, port->queues);
	}
	set_optional(port);
	return 0;
}

void dp_port_close(struct dp_port *port)
{
	if (port->id >= RTE_MAX_ETHPORTS) {
		return;
	}
	if (port->started) {
		(void)rte_eth_dev_stop(port->id);
	}
	(void)rte_eth_dev_close(port->id);
	port->id = RTE_MAX_ETHPORTS;
	port->started = false;
}

void dp_port_read_losses(const struct dp_port *port, struct dp_port_losses *losses)
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(port->id, &stats) != 0) {
		return;
	}
	atomic_store_explicit(&losses->missed, stats.imissed, memory_order_relaxed);
	atomic_store_explicit(&losses->no_mbuf, stats.rx_nombuf, memory_order_relaxed);
	atomic_store_explicit(&losses->errors, stats.ierrors, memory_order_relaxed);
}

uint64_t dp_port_tcp_offloads(const struct dp_port *port)
{
	uint64_t flags = 0;

	if (port->tx_offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) {
		flags |= RTE_MBUF_F_TX_IP_CKSUM;
	}
	if (port->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) {
		flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	}
	if (port->tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) {
		flags |= RTE_MBUF_F_TX_TCP_SEG;
	}
	return flags;
}

int dp_port_rx_fd(const struct dp_port *port, uint16_t queue)
{
	return port->rx_interrupts ? rte_eth_dev_rx_intr_ctl_q_get_fd(port->id, queue) : -1;
}
