/*
 * vhost-tap SOCKET INTERFACE: what a hypervisor does between a guest and the kernel. Serves a
 * virtio port (vhost-user, at SOCKET) and joins it to a TAP interface that takes large packets and
 * unfinished checksums: the kernel cuts and finishes them. Says "ready", and when it ends what it
 * carried as JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_vhost.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define RX_QUEUE    0 /* of the guest */
#define TX_QUEUE    1
#define NO_GUEST    (-1)
#define BURST       32
#define PIECES      64
#define FRAME_MAX   2048
#define IDLE_US     50
#define HEADERS_MAX 200

struct bridge {
	int tap;
	struct rte_mempool *pool;
	_Atomic int guest;
	_Atomic uint64_t turns; /* of the loop: who has seen two more knows that nobody looks */
	uint64_t to_kernel;
	uint64_t to_guest;
	uint64_t large;
	uint64_t longest;
	uint64_t refused; /* by the kernel */
};

static struct bridge bridge = {.guest = NO_GUEST};
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static int guest_came(int guest)
{
	atomic_store(&bridge.guest, guest);
	return 0;
}

static void guest_left(int guest)
{
	uint64_t turns = atomic_load(&bridge.turns);

	(void)guest;
	atomic_store(&bridge.guest, NO_GUEST);
	while (!stopped && atomic_load(&bridge.turns) < turns + 2) {
		usleep(IDLE_US);
	}
}

static const struct rte_vhost_device_ops guest_ops = {
	.new_device = guest_came,
	.destroy_device = guest_left,
};

static int open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, (unsigned long)TUN_F_CSUM) < 0) {
		perror("vhost-tap: /dev/net/tun");
		return -1;
	}
	return fd;
}

static void describe(const struct rte_mbuf *frame, struct virtio_net_hdr *header)
{
	uint32_t start = frame->l2_len + frame->l3_len;

	*header = (struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_NONE};
	if ((frame->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM) {
		header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header->csum_start = (uint16_t)start;
		header->csum_offset = offsetof(struct rte_tcp_hdr, cksum);
	}
	if (frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		header->gso_type = frame->ol_flags & RTE_MBUF_F_TX_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4
									: VIRTIO_NET_HDR_GSO_TCPV6;
		header->gso_size = frame->tso_segsz;
		header->hdr_len = (uint16_t)(start + frame->l4_len);
	}
}

static void count(const struct rte_mbuf *frame)
{
	bridge.to_kernel++;
	bridge.large += (frame->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	bridge.longest = frame->pkt_len > bridge.longest ? frame->pkt_len : bridge.longest;
}

static void give_kernel(struct rte_mbuf *frame)
{
	struct virtio_net_hdr header;
	struct iovec pieces[PIECES] = {{.iov_base = &header, .iov_len = sizeof(header)}};
	int used = 1;

	describe(frame, &header);
	for (struct rte_mbuf *m = frame; m != NULL && used < PIECES; m = m->next) {
		pieces[used++] = (struct iovec){.iov_base = rte_pktmbuf_mtod(m, void *),
						.iov_len = m->data_len};
	}
	if (writev(bridge.tap, pieces, used) < 0) {
		bridge.refused++;
	} else {
		count(frame);
	}
	rte_pktmbuf_free(frame);
}

static uint32_t take_from_guest(int guest)
{
	struct rte_mbuf *frames[BURST];
	uint16_t got = rte_vhost_dequeue_burst(guest, TX_QUEUE, bridge.pool, frames, BURST);

	for (uint16_t i = 0; i < got; i++) {
		give_kernel(frames[i]);
	}
	return got;
}

/* A checksum that the kernel left to us is left to the guest. */
static void leave_checksum(struct rte_mbuf *frame, const struct virtio_net_hdr *header)
{
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    header->csum_offset == offsetof(struct rte_tcp_hdr, cksum) &&
	    header->csum_start < HEADERS_MAX) {
		frame->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		frame->l2_len = RTE_ETHER_HDR_LEN;
		frame->l3_len = (header->csum_start - RTE_ETHER_HDR_LEN) & 0x1ffu;
	}
}

/* False when there is nothing to read. */
static bool give_guest(int guest)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(bridge.pool);
	struct virtio_net_hdr header;

	if (frame == NULL) {
		return false;
	}
	struct iovec pieces[2] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = rte_pktmbuf_mtod(frame, void *), .iov_len = FRAME_MAX}};
	ssize_t got = readv(bridge.tap, pieces, 2);
	if (got > (ssize_t)sizeof(header)) {
		frame->data_len = (uint16_t)((size_t)got - sizeof(header));
		frame->pkt_len = frame->data_len;
		leave_checksum(frame, &header);
		if (guest != NO_GUEST) {
			bridge.to_guest += rte_vhost_enqueue_burst(guest, RX_QUEUE, &frame, 1);
		}
	}
	rte_pktmbuf_free(frame); /* the guest has its own copy */
	return got > 0;
}

static void carry(void)
{
	int guest = atomic_load(&bridge.guest);
	uint32_t work = 0;

	if (guest != NO_GUEST) {
		work = take_from_guest(guest);
	}
	for (uint32_t i = 0; i < BURST && give_guest(guest); i++) {
		work++;
	}
	if (work == 0) {
		usleep(IDLE_US);
	}
	atomic_fetch_add(&bridge.turns, 1);
}

static int start_eal(void)
{
	static char name[] = "vhost-tap", no_huge[] = "--no-huge", no_shconf[] = "--no-shconf";
	static char no_pci[] = "--no-pci", size[] = "-m", mib[] = "64", lcore[] = "--lcores=0@0";
	static char level[] = "--log-level=lib.*:error";
	char *argv[] = {name, no_huge, no_shconf, no_pci, size, mib, lcore, level, NULL};

	return rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv);
}

static int serve(const char *path)
{
	if (rte_vhost_driver_register(path, 0) != 0 ||
	    rte_vhost_driver_callback_register(path, &guest_ops) != 0 ||
	    rte_vhost_driver_start(path) != 0) {
		fprintf(stderr, "vhost-tap: cannot serve %s\n", path);
		return -1;
	}
	return 0;
}

int main(int argc, char *argv[])
{
	if (argc != 3) {
		fputs("usage: vhost-tap SOCKET INTERFACE\n", stderr);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	bridge.tap = open_tap(argv[2]);
	if (bridge.tap < 0 || start_eal() < 0) {
		return 1;
	}
	bridge.pool = rte_pktmbuf_pool_create("frames", 8191, 0, 0,
					      RTE_PKTMBUF_HEADROOM + FRAME_MAX, SOCKET_ID_ANY);
	if (bridge.pool == NULL || serve(argv[1]) != 0) {
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		carry();
	}
	printf("{\"to_kernel\": %" PRIu64 ", \"to_guest\": %" PRIu64 ", \"large\": %" PRIu64
	       ", \"longest\": %" PRIu64 ", \"refused\": %" PRIu64 "}\n",
	       bridge.to_kernel, bridge.to_guest, bridge.large, bridge.longest, bridge.refused);
	(void)rte_vhost_driver_unregister(argv[1]);
	return 0;
}
