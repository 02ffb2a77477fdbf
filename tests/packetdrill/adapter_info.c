/*
 * Blocks of code in scripts look at the kernel's struct tcp_info, and packetdrill gets it from
 * getsockopt() of libc, past its own interface. As the shared object is preloaded, that is ours:
 * for descriptors of the stack it answers in Linux's layout. What Linux counts and we do not is
 * filled with a value that no script expects, so that nothing passes for want of an answer.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define tcp_info linux_tcp_info
#include <linux/tcp.h>
#undef tcp_info

#include "adapter.h"
#include "sender.h"
#include "stack.h"

#define UNKNOWN       0xee
#define MEMINFO_BYTES 36
#define INFINITE      0x7fffffffu

enum linux_ca_state {
	LINUX_CA_OPEN,
	LINUX_CA_DISORDER,
	LINUX_CA_CWR,
	LINUX_CA_RECOVERY,
	LINUX_CA_LOSS
};

static struct adapter *adapter_here;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc has its own */
__attribute__((visibility("default"))) int getsockopt(int fd, int level, int name, void *value,
						      socklen_t *len);

void adapter_info_set(struct adapter *adapter)
{
	adapter_here = adapter;
}

static uint8_t linux_state(enum tcp_state state)
{
	static const uint8_t numbers[TCP_STATE_COUNT] = {7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6};

	return numbers[state];
}

/* Linux counts segments. */
static uint32_t segments(const struct tcp_conn *conn, uint32_t bytes)
{
	return (bytes + conn->mss - 1) / conn->mss;
}

static void fill_sender(const struct tcp_conn *conn, struct linux_tcp_info *out)
{
	const struct tcp_sender *sender = conn->sender;

	out->tcpi_ca_state = LINUX_CA_OPEN;
	out->tcpi_sacked = 0;
	out->tcpi_lost = 0;
	out->tcpi_retrans = 0;
	if (sender == NULL || !sender->recording) {
		return;
	}
	out->tcpi_sacked = segments(conn, sender->board.sacked_bytes);
	/* Linux's count of the lost goes on when they have been sent again. */
	out->tcpi_retrans = segments(conn, sender->board.resent_bytes);
	out->tcpi_lost = segments(conn, sender->board.lost_bytes) + out->tcpi_retrans;
	if (sender->phase == TCP_SENDER_RECOVERY) {
		out->tcpi_ca_state = LINUX_CA_RECOVERY;
	} else if (sender->phase == TCP_SENDER_LOSS) {
		out->tcpi_ca_state = LINUX_CA_LOSS;
	} else if (out->tcpi_sacked > 0) {
		out->tcpi_ca_state = LINUX_CA_DISORDER;
	}
}

static void fill(const struct tcp_conn *conn, struct linux_tcp_info *out)
{
	struct tcp_info info;

	tcp_conn_info(conn, &info);
	memset(out, UNKNOWN, sizeof(*out));
	out->tcpi_state = linux_state(info.state);
	out->tcpi_backoff = info.backoff;
	out->tcpi_retransmits = info.backoff;
	out->tcpi_options =
		(uint8_t)((conn->flags & TCP_CONN_TIMESTAMPS ? TCPI_OPT_TIMESTAMPS : 0) |
			  (conn->flags & TCP_CONN_SACK ? TCPI_OPT_SACK : 0) |
			  (conn->flags & TCP_CONN_WSCALE ? TCPI_OPT_WSCALE : 0));
	out->tcpi_rto = info.rto_us;
	out->tcpi_snd_mss = info.mss;
	out->tcpi_rcv_mss = info.rcv_mss;
	out->tcpi_unacked = segments(conn, info.in_flight);
	out->tcpi_rtt = info.rtt_us;
	out->tcpi_rttvar = info.rttvar_us;
	out->tcpi_min_rtt = info.rtt_min_us;
	out->tcpi_reordering = DUP_THRESH; /* beyond, it is time and not a number of segments */
	out->tcpi_snd_cwnd = info.cwnd / conn->mss;
	out->tcpi_snd_ssthresh = info.ssthresh >= INFINITE ? INFINITE : info.ssthresh / conn->mss;
	out->tcpi_total_retrans = info.retransmits;
	fill_sender(conn, out);
}

/* -1 with errno. */
static int answer(const struct socket *socket, int level, int name, void *value, socklen_t *len)
{
	struct linux_tcp_info info;

	if (level == IPPROTO_TCP && name == TCP_INFO && socket->conn != NULL) {
		/* A newer Linux has more of it. */
		memset(value, UNKNOWN, *len);
		fill(socket->conn, &info);
		memcpy(value, &info, *len < sizeof(info) ? *len : sizeof(info));
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_CC_INFO) {
		*len = 0;
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_MEMINFO && *len >= MEMINFO_BYTES) {
		memset(value, UNKNOWN, MEMINFO_BYTES);
		*len = MEMINFO_BYTES;
		return 0;
	}
	errno = ENOPROTOOPT;
	return -1;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int (*next)(int fd, int level, int name, void *value, socklen_t *len);
	const struct socket *socket;
	int rc;

	if (adapter_here != NULL) {
		(void)pthread_mutex_lock(&adapter_here->lock);
		socket = sockets_find(&adapter_here->sockets, fd);
		rc = socket == NULL ? 0 : answer(socket, level, name, value, len);
		(void)pthread_mutex_unlock(&adapter_here->lock);
		if (socket != NULL) {
			return rc;
		}
	}
	*(void **)&next = dlsym(RTLD_NEXT, "getsockopt");
	return next(fd, level, name, value, len);
}
