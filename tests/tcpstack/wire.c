#include "wire.h"

#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <stdlib.h>
#include <string.h>

#define ROOM     (RTE_PKTMBUF_HEADROOM + 2048)
#define HEADERS  40u
#define STACK_IP RTE_IPV4(192U, 0, 2, 1)
#define OTHER_IP RTE_IPV4(192U, 0, 2, 2)

static struct {
	struct rte_mempool *rx;
	struct rte_mempool *payload;
	struct rte_mempool *header;
	struct rte_mempool *indirect;
} pools;

static struct rte_mempool *create_pool(const char *name, unsigned int mbufs, uint16_t room)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, mbufs, 0, 0, room, SOCKET_ID_ANY);

	if (pool == NULL) {
		abort();
	}
	return pool;
}

void wire_start(void)
{
	const char *argv[] = {
		"test", "--no-huge",   "--no-shconf", "--no-pci",       "-m", "128", "-l",
		"0",    "--log-level", "error",       "--no-telemetry",
	};

	if (rte_eal_init((int)RTE_DIM(argv), (char **)(uintptr_t)argv) < 0) {
		abort();
	}
	pools.rx = create_pool("rx", 4095, ROOM);
	pools.payload = create_pool("payload", 4095, ROOM);
	pools.header = create_pool("header", 1023, ROOM);
	pools.indirect = create_pool("indirect", 1023, 0);
}

struct rte_mempool *wire_rx_pool(void)
{
	return pools.rx;
}

struct rte_mempool *wire_payload_pool(void)
{
	return pools.payload;
}

unsigned int wire_in_use(void)
{
	return rte_mempool_in_use_count(pools.rx) + rte_mempool_in_use_count(pools.payload) +
	       rte_mempool_in_use_count(pools.header) + rte_mempool_in_use_count(pools.indirect);
}

struct tcp_config wire_config(const struct tcp_ops *ops, void *app)
{
	struct tcp_config config = {
		.name = "test",
		.numa_node = -1,
		.connections = 64,
		.syn_received = 16,
		.time_wait = 4,
		.side_records = 8,
		.segment_truesize = WIRE_TRUESIZE,
		.receive_budget = 64 * WIRE_TRUESIZE,
		.send_budget = 65536,
		.ooo_segments = 32,
		.mtu = 1500,
		.time_wait_ms = 60000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 60000,
		.header_pool = pools.header,
		.indirect_pool = pools.indirect,
		.ops = ops,
		.app = app,
	};

	memset(config.secret, 0x5a, sizeof(config.secret));
	return config;
}

struct tcp_stack *wire_create_stack(const struct tcp_config *config)
{
	struct tcp_stack *stack = tcp_stack_create(config);
	struct in6_addr ours;

	(void)inet_pton(AF_INET6, "::ffff:192.0.2.1", &ours);
	if (stack != NULL &&
	    (tcp_add_address(stack, &ours) < 0 || tcp_listen(stack, WIRE_LISTEN) < 0)) {
		tcp_stack_destroy(stack);
		return NULL;
	}
	return stack;
}

static void fill_ip(struct rte_ipv4_hdr *ip, uint32_t len)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)len),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(OTHER_IP),
		.dst_addr = rte_cpu_to_be_32(STACK_IP),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

struct rte_mbuf *wire_build(const struct wire_segment *segment, const uint8_t *payload,
			    uint32_t len)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(pools.rx);
	uint32_t headers = HEADERS + segment->options_len;

	if (packet == NULL) {
		return NULL;
	}
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)rte_pktmbuf_append(
		packet, (uint16_t)(headers + len));
	if (ip == NULL) {
		abort();
	}
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(segment->port),
		.dst_port = rte_cpu_to_be_16(WIRE_LISTEN),
		.sent_seq = rte_cpu_to_be_32(segment->seq),
		.recv_ack = rte_cpu_to_be_32(segment->ack),
		.data_off = (uint8_t)((5 + segment->options_len / 4) << 4),
		.tcp_flags = segment->flags,
		.rx_win = rte_cpu_to_be_16(segment->wnd),
	};
	if (segment->options_len != 0) {
		memcpy(tcp + 1, segment->options, segment->options_len);
	}
	if (len != 0) {
		memcpy((uint8_t *)ip + headers, payload, len);
	}
	fill_ip(ip, headers + len);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	return packet;
}

const uint8_t *wire_read(const struct rte_mbuf *packet, struct wire_segment *segment, uint32_t *len,
			 uint8_t copy[4096])
{
	const uint8_t *data = rte_pktmbuf_read(packet, 0, packet->pkt_len, copy);
	const struct rte_tcp_hdr *tcp = (const void *)(data + sizeof(struct rte_ipv4_hdr));
	uint32_t header = (uint32_t)(tcp->data_off >> 4) * 4;

	*segment = (struct wire_segment){
		.seq = rte_be_to_cpu_32(tcp->sent_seq),
		.ack = rte_be_to_cpu_32(tcp->recv_ack),
		.port = rte_be_to_cpu_16(tcp->dst_port),
		.wnd = rte_be_to_cpu_16(tcp->rx_win),
		.flags = tcp->tcp_flags,
		.options = data + HEADERS,
		.options_len = header - 20,
	};
	*len = packet->pkt_len - 20 - header;
	return data + 20 + header;
}
