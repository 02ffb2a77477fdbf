/* tcp_icmp_error(): what routers and hosts say about segments of ours (RFC 5927). */
#include <rte_ip.h>
#include <rte_tcp.h>

#include "deliver.h"
#include "pmtu.h"
#include "seq.h"
#include "stack.h"

/* Of our segment that the error quotes: the wire is not read again afterwards. */
struct quoted {
	struct in6_addr source;
	struct tcp_key key;
	uint32_t seq;
};

/* The first eight bytes of TCP: all that RFC 792 promises. */
static bool read_tcp(const uint8_t *tcp, uint32_t len, struct quoted *quoted)
{
	uint16_t ports[2];

	if (len < 8) {
		return false;
	}
	memcpy(ports, tcp, sizeof(ports));
	memcpy(&quoted->seq, tcp + 4, sizeof(quoted->seq));
	quoted->key.local_port = rte_be_to_cpu_16(ports[0]);
	quoted->key.remote_port = rte_be_to_cpu_16(ports[1]);
	quoted->seq = rte_be_to_cpu_32(quoted->seq);
	return true;
}

static bool read_v4(const uint8_t *data, uint32_t len, struct quoted *quoted)
{
	struct rte_ipv4_hdr ip;

	if (len < sizeof(ip)) {
		return false;
	}
	memcpy(&ip, data, sizeof(ip));
	/* We send neither options nor fragments. */
	if (ip.version_ihl != RTE_IPV4_VHL_DEF || ip.next_proto_id != IPPROTO_TCP ||
	    ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) {
		return false;
	}
	quoted->source.s6_addr[10] = 0xff;
	quoted->source.s6_addr[11] = 0xff;
	memcpy(&quoted->source.s6_addr[12], &ip.src_addr, sizeof(ip.src_addr));
	quoted->key.remote = quoted->source;
	memcpy(&quoted->key.remote.s6_addr[12], &ip.dst_addr, sizeof(ip.dst_addr));
	return read_tcp(data + sizeof(ip), len - (uint32_t)sizeof(ip), quoted);
}

static bool read_v6(const uint8_t *data, uint32_t len, struct quoted *quoted)
{
	struct rte_ipv6_hdr ip;

	if (len < sizeof(ip)) {
		return false;
	}
	memcpy(&ip, data, sizeof(ip));
	if (ip.proto != IPPROTO_TCP) {
		return false;
	}
	memcpy(&quoted->source, ip.src_addr, sizeof(quoted->source));
	memcpy(&quoted->key.remote, ip.dst_addr, sizeof(quoted->key.remote));
	return read_tcp(data + sizeof(ip), len - (uint32_t)sizeof(ip), quoted);
}

static bool read_quoted(const struct tcp_icmp *error, struct quoted *quoted)
{
	if (error->quoted_len == 0) {
		return false;
	}
	return error->quoted[0] >> 4 == 6 ? read_v6(error->quoted, error->quoted_len, quoted)
					  : read_v4(error->quoted, error->quoted_len, quoted);
}

static struct tcp_conn *find(struct tcp_stack *stack, struct quoted *quoted)
{
	int local = stack_find_address(stack, &quoted->source);
	uint32_t ref;

	if (local < 0) {
		return NULL;
	}
	quoted->key.local = (uint16_t)local;
	ref = tcp_flow_table_find(&stack->flows, &quoted->key, stack_hash(stack, &quoted->key));
	/* Half-open and TIME_WAIT have timers of their own, and need not be told. */
	return flow_ref_kind(ref) == TCP_RECORD_CONNECTION ? &stack->conns[flow_ref_index(ref)]
							   : NULL;
}

/* RFC 1122 4.2.3.9: in SYN-SENT a hard error ends the attempt, a soft one must not. */
static void input_syn_sent(struct tcp_conn *conn, const struct tcp_icmp *error)
{
	if (error->kind == TCP_ICMP_HARD) {
		tcp_count(conn->stack, icmp_refused);
		conn_end(conn, TCP_EVENT_TIMEOUT, TCP_CLOSE_UNREACHABLE);
	} else {
		tcp_count(conn->stack, icmp_soft);
	}
}

static void input(struct tcp_conn *conn, const struct tcp_icmp *error, uint32_t seq)
{
	/* RFC 5927 section 4.1: what is not in flight was not quoted by a router on the path. */
	if (seq_lt(seq, conn->snd_una) || seq_ge(seq, conn->snd_max)) {
		tcp_count(conn->stack, icmp_bad_sequence);
		return;
	}
	if (conn->state == TCP_SYN_SENT_STATE) {
		input_syn_sent(conn, error);
	} else if (error->kind == TCP_ICMP_TOO_BIG && conn->state >= TCP_ESTABLISHED_STATE) {
		pmtu_too_big(conn, seq, error->mtu);
	} else {
		/* RFC 5927 section 5.2: hard errors are soft in synchronized states. */
		tcp_count(conn->stack, icmp_soft);
	}
}

bool tcp_icmp_error(struct tcp_stack *stack, const struct tcp_icmp *error, uint64_t now_us)
{
	struct quoted quoted = {0};
	struct tcp_conn *conn = read_quoted(error, &quoted) ? find(stack, &quoted) : NULL;

	stack_set_now(stack, now_us);
	if (conn == NULL) {
		tcp_count(stack, icmp_no_connection);
		return false;
	}
	stack_enter(stack);
	input(conn, error, quoted.seq);
	deliver_touched(stack);
	stack_leave(stack);
	return true;
}
