/*
 * bridge: two interfaces as one link, with loss, delay and the rest in both directions (see
 * direction.h). Runs until SIGTERM, then prints what it did as JSON.
 *
 * It sleeps until the next frame is due or comes; how late frames left is measured, because that is
 * what a crowded machine spoils first.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/common/histogram.h"
#include "bench/common/option.h"
#include "tests/goodput/clock.h"
#include "tests/goodput/direction.h"

#define BURST     32u
#define SPIN_NS   UINT64_C(20000) /* what a sleep costs at least: not worth one */
#define SOCK_BUF  (8 << 20)
#define FRAMES    16384u
#define RT_BRIDGE 10

struct bridge_options {
	const char *ends[2];
	uint32_t frames;
	uint64_t rate_bps;
	uint64_t delay_us;
	uint64_t queue_bytes;
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t corrupt_ppm;
	uint32_t reorder_ppm;
	uint32_t reorder_us;
	uint64_t seed;
};

struct bridge {
	int fds[2];
	struct direction ways[2]; /* ways[i] begins at fds[i] */
	struct histogram late_us;
};

static volatile sig_atomic_t stopped;

#define AT(member) offsetof(struct bridge_options, member)

static const struct option_entry entries[] = {
	{.name = "a",
	 .argument = "IF",
	 .kind = OPTION_TEXT,
	 .offset = AT(ends[0]),
	 .help = "one end"},
	{.name = "b",
	 .argument = "IF",
	 .kind = OPTION_TEXT,
	 .offset = AT(ends[1]),
	 .help = "the other"},
	{.name = "rate",
	 .argument = "BITS",
	 .kind = OPTION_LONG,
	 .offset = AT(rate_bps),
	 .max = UINT64_C(1) << 40,
	 .help = "a second, each way; 0: not limited"},
	{.name = "delay-us",
	 .argument = "US",
	 .kind = OPTION_LONG,
	 .offset = AT(delay_us),
	 .max = UINT64_C(1) << 40,
	 .help = "one way"},
	{.name = "queue",
	 .argument = "BYTES",
	 .kind = OPTION_LONG,
	 .offset = AT(queue_bytes),
	 .max = UINT64_C(1) << 40,
	 .help = "in front of the link"},
	{.name = "loss",
	 .argument = "PPM",
	 .kind = OPTION_NUMBER,
	 .offset = AT(loss_ppm),
	 .max = 1000000,
	 .help = "frames lost, of a million"},
	{.name = "duplicate",
	 .argument = "PPM",
	 .kind = OPTION_NUMBER,
	 .offset = AT(duplicate_ppm),
	 .max = 1000000,
	 .help = "that come twice"},
	{.name = "corrupt",
	 .argument = "PPM",
	 .kind = OPTION_NUMBER,
	 .offset = AT(corrupt_ppm),
	 .max = 1000000,
	 .help = "with one bit turned"},
	{.name = "reorder",
	 .argument = "PPM",
	 .kind = OPTION_NUMBER,
	 .offset = AT(reorder_ppm),
	 .max = 1000000,
	 .help = "that come late"},
	{.name = "reorder-us",
	 .argument = "US",
	 .kind = OPTION_NUMBER,
	 .offset = AT(reorder_us),
	 .min = 1,
	 .max = 10000000,
	 .help = "how late at most"},
	{.name = "frames",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(frames),
	 .min = 64,
	 .max = 1 << 20,
	 .help = "that may be under way each way"},
	{.name = "seed",
	 .argument = "N",
	 .kind = OPTION_LONG,
	 .offset = AT(seed),
	 .max = UINT64_C(1) << 40,
	 .help = "of all chance"},
};

static const struct option_program program = {
	.name = "goodput-bridge",
	.synopsis = "--a IF --b IF [options]",
	.purpose = "Joins two interfaces by a link that delays and loses.",
	.entries = entries,
	.count = sizeof(entries) / sizeof(entries[0]),
};

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* Frames as they come from the wire: nobody else's, and none that we sent. */
static int open_end(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int one = 1, buffer = SOCK_BUF;
	int fd = address.sll_ifindex != 0 ? socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0) : -1;

	if (fd < 0) {
		return -1;
	}
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Returns how many it took; what finds no frame is read all the same, and counted. */
static uint32_t receive(int fd, struct direction *way)
{
	static uint8_t nowhere[DIRECTION_FRAME_MAX];
	uint32_t count = 0;

	for (; count < BURST; count++) {
		struct direction_frame *frame = direction_get(way);
		ssize_t len = recv(fd, frame != NULL ? frame->bytes : nowhere, DIRECTION_FRAME_MAX,
				   MSG_DONTWAIT);

		if (frame == NULL) {
			way->counts.no_frame += len > 0;
		} else if (len <= 0) {
			direction_free(way, frame);
		} else {
			frame->len = (uint32_t)len;
			direction_put(way, frame, clock_ns());
		}
		if (len <= 0) {
			break;
		}
	}
	return count;
}

static uint32_t transmit(int fd, struct direction *way, struct histogram *late_us)
{
	uint64_t now_ns = clock_ns();
	struct direction_frame *frame;
	uint32_t count = 0;

	while (count < BURST && (frame = direction_take(way, now_ns)) != NULL) {
		histogram_add(late_us, (now_ns - frame->due_ns) / 1000);
		if (send(fd, frame->bytes, frame->len, MSG_DONTWAIT) < 0) {
			way->counts.no_frame++;
		}
		direction_free(way, frame);
		count++;
	}
	return count;
}

static void wait_for_work(struct bridge *b)
{
	uint64_t first = direction_due_ns(&b->ways[0]), second = direction_due_ns(&b->ways[1]);
	uint64_t due_ns = first < second ? first : second;
	uint64_t now_ns = clock_ns();
	uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
	struct pollfd fds[2] = {{.fd = b->fds[0], .events = POLLIN},
				{.fd = b->fds[1], .events = POLLIN}};
	struct timespec timeout = {.tv_nsec = 100000000};

	if (wait_ns < SPIN_NS) {
		return;
	}
	if (wait_ns < (uint64_t)timeout.tv_nsec) {
		timeout.tv_nsec = (long)wait_ns;
	}
	(void)ppoll(fds, 2, &timeout, NULL);
}

static void run(struct bridge *b)
{
	while (!stopped) {
		uint32_t work = 0;

		for (int i = 0; i < 2; i++) {
			work += receive(b->fds[i], &b->ways[i]);
			work += transmit(b->fds[1 - i], &b->ways[i], &b->late_us);
		}
		if (work == 0) {
			wait_for_work(b);
		}
	}
}

static void report_way(const char *name, const struct direction_counts *c)
{
	printf("\"%s\": {\"passed\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"queue_full\": %" PRIu64
	       ", \"no_frame\": %" PRIu64 ", \"duplicated\": %" PRIu64 ", \"corrupted\": %" PRIu64
	       ", \"reordered\": %" PRIu64 "}, ",
	       name, c->passed, c->lost, c->queue_full, c->no_frame, c->duplicated, c->corrupted,
	       c->reordered);
}

/* Frames that came and that the socket had no room for: the machine is too slow for the link. */
static uint32_t missed(int fd)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	(void)getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len);
	return stats.tp_drops;
}

static void report(const struct bridge *b)
{
	printf("{\"missed\": %u, ", missed(b->fds[0]) + missed(b->fds[1]));
	report_way("a", &b->ways[0].counts);
	report_way("b", &b->ways[1].counts);
	printf("\"late_us_p50\": %" PRIu64 ", \"late_us_p99\": %" PRIu64
	       ", \"late_us_max\": %" PRIu64 "}\n",
	       histogram_quantile(&b->late_us, 500), histogram_quantile(&b->late_us, 990),
	       b->late_us.max);
}

static int open_bridge(struct bridge *b, const struct bridge_options *o)
{
	struct direction_config config = {
		.rate_bps = o->rate_bps,
		.delay_us = o->delay_us,
		.queue_bytes = o->queue_bytes,
		.loss_ppm = o->loss_ppm,
		.duplicate_ppm = o->duplicate_ppm,
		.corrupt_ppm = o->corrupt_ppm,
		.reorder_ppm = o->reorder_ppm,
		.reorder_us = o->reorder_us,
		.frames = o->frames,
	};

	for (int i = 0; i < 2; i++) {
		config.seed = o->seed * 2 + (uint64_t)i;
		if (direction_init(&b->ways[i], &config) != 0) {
			fprintf(stderr, "goodput-bridge: no memory\n");
			return -1;
		}
		b->fds[i] = open_end(o->ends[i]);
		if (b->fds[i] < 0) {
			fprintf(stderr, "goodput-bridge: %s: %s\n", o->ends[i], strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* As little as possible between the time of a frame and its leaving; best effort. */
static void hurry(void)
{
	struct sched_param param = {.sched_priority = RT_BRIDGE};

	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	(void)sched_setscheduler(0, SCHED_FIFO, &param);
}

int main(int argc, char *argv[])
{
	static struct bridge bridge;
	struct bridge_options o = {.queue_bytes = 1 << 20, .reorder_us = 1000, .frames = FRAMES};
	int rc = option_parse(&program, &o, argc, argv);

	if (rc == 0 && (o.ends[0] == NULL || o.ends[1] == NULL)) {
		rc = option_complain(&program, "--a and --b name the two ends");
	}
	if (rc != 0) {
		return rc < 0 ? 2 : 0;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (open_bridge(&bridge, &o) != 0) {
		return 1;
	}
	histogram_init(&bridge.late_us);
	hurry();
	puts("ready");
	fflush(stdout);
	run(&bridge);
	report(&bridge);
	direction_fini(&bridge.ways[0]);
	direction_fini(&bridge.ways[1]);
	return 0;
}
