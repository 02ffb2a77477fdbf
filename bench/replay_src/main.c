/*
 * penstock-replay: what workers of the dataplane do when frames cost (almost) nothing to get.
 *
 * The main thread puts everything together, accepts the publishes, tells the sources when to send
 * media, and reads counters at both ends of the measurement.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/pub.h"
#include "bench/replay_src/acceptor.h"
#include "bench/replay_src/options.h"
#include "bench/replay_src/rig.h"
#include "bench/replay_src/rx_only.h"
#include "bench/replay_src/source.h"

#define SETUP_MS  10000u
#define WARM_MS   500u
#define SETTLE_MS 200u

struct replay {
	struct options options;
	struct rig rig;
	struct stream stream;
	struct acceptor acceptor;
	bool attached;
	struct source *sources[CONFIG_CORES_MAX];
	struct rx_only rx_only[CONFIG_CORES_MAX];
};

/* Sums over all workers. */
struct sample {
	uint64_t tsc;
	double cpu; /* seconds that their threads ran */
	uint64_t frames;
	uint64_t bytes;
	uint64_t source_cycles;
	uint64_t returned;
	uint64_t busy_cycles;
	uint64_t total_cycles;
};

static uint64_t get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static double cpu_seconds(const struct source_counts *counts)
{
	struct timespec time = {0};

	(void)clock_gettime(atomic_load(&counts->cpu_clock), &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void take_sample(const struct replay *r, struct sample *s)
{
	*s = (struct sample){.tsc = rte_rdtsc()};
	for (uint32_t i = 0; i < r->options.workers; i++) {
		const struct source_counts *counts = &r->sources[i]->counts;
		const struct abi_pub *pub = r->rig.workers[i]->pub;

		s->cpu += cpu_seconds(counts);
		s->frames += get(&counts->frames);
		s->bytes += get(&counts->bytes);
		s->source_cycles += get(&counts->cycles);
		s->returned += get(&counts->returned);
		s->busy_cycles += get(&pub->busy_cycles);
		s->total_cycles += get(&pub->total_cycles);
	}
}

static uint64_t sum(const struct replay *r, size_t offset)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < r->options.workers; i++) {
		const uint8_t *counts = (const uint8_t *)&r->sources[i]->counts;

		total += atomic_load((const _Atomic uint32_t *)(const void *)(counts + offset));
	}
	return total;
}

#define SUM(replay, field) sum(replay, offsetof(struct source_counts, field))

static void wait_ms(struct replay *r, uint32_t ms)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (uint32_t i = 0; i < ms; i++) {
		(void)nanosleep(&pause, NULL);
		if (r->attached) {
			acceptor_poll(&r->acceptor, r->options.consume);
		}
	}
}

static void set_mode(struct replay *r, enum source_mode mode)
{
	for (uint32_t i = 0; i < r->options.workers; i++) {
		source_set_mode(r->sources[i], mode);
	}
}

static int create_sources(struct replay *r)
{
	struct source_config config = {
		.port = r->rig.port.id,
		.server_mac = r->rig.port.mac,
		.server = inet_addr(RIG_SERVER),
		.stream = &r->stream,
		.flows = r->options.publishers,
		.train = r->options.train,
		.chunk_size = r->options.chunk_size,
		.free_running = r->options.rx_only,
		.checksums = r->options.checksums,
	};

	for (uint32_t i = 0; i < r->options.workers; i++) {
		config.queue = (uint16_t)i;
		config.client = htonl(0xc612000a + i); /* 198.18.0.10 */
		r->sources[i] = source_create(&config);
		if (r->sources[i] == NULL) {
			perror("penstock-replay: source");
			return -errno;
		}
	}
	return 0;
}

static int start_workers(struct replay *r)
{
	void *args[CONFIG_CORES_MAX];

	for (uint32_t i = 0; i < r->options.workers; i++) {
		args[i] = r->rig.workers[i];
	}
	int err = rig_launch(&r->rig, dp_worker_run, args);
	return err == 0 ? acceptor_attach(&r->acceptor, &r->rig) : err;
}

static int await_publishers(struct replay *r)
{
	uint64_t all = (uint64_t)r->options.workers * r->options.publishers;

	r->attached = true;
	set_mode(r, SOURCE_SETUP);
	for (uint32_t ms = 0; SUM(r, publishing) < all; ms++) {
		if (ms == SETUP_MS || SUM(r, failed) != 0) {
			(void)fprintf(stderr,
				      "penstock-replay: %" PRIu64 " of %" PRIu64
				      " publish, %" PRIu64 " failed, %u accepted\n",
				      SUM(r, publishing), all, SUM(r, failed),
				      r->acceptor.accepted);
			return -ETIMEDOUT;
		}
		wait_ms(r, 1);
	}
	if (!r->options.consume) {
		acceptor_detach(&r->acceptor);
		r->attached = false;
	}
	return 0;
}

/*
 * Cycles that the workers' threads had, by frames: when others take the CPU away, that counts
 * neither here nor, on the average, for the source.
 */
static void print_common(const struct replay *r, const struct sample *from, const struct sample *to)
{
	double seconds = (double)(to->tsc - from->tsc) / (double)rte_get_tsc_hz();
	double frames = (double)(to->frames - from->frames);
	double on_cpu = (to->cpu - from->cpu) / seconds / r->options.workers;

	printf("{\"workers\": %u, \"publishers\": %u, \"chunk_size\": %u, \"message\": %u, "
	       "\"train\": %u, \"checksums\": \"%s\", \"hugepages\": %s, \"tsc_mhz\": %.0f",
	       r->options.workers, r->options.publishers, r->options.chunk_size, r->options.message,
	       r->options.train, r->options.checksums ? "worker" : "nic",
	       r->rig.hugepages ? "true" : "false", (double)rte_get_tsc_hz() / 1e6);
	printf(", \"seconds\": %.3f, \"mpps\": %.4f, \"gbps\": %.3f, \"on_cpu_percent\": %.1f, "
	       "\"cycles_per_packet\": "
	       "%.1f, \"source_cycles_per_packet\": %.1f",
	       seconds, frames / seconds / 1e6,
	       (double)(to->bytes - from->bytes) * 8 / seconds / 1e9, 100 * on_cpu,
	       (to->cpu - from->cpu) * (double)rte_get_tsc_hz() / frames,
	       (double)(to->source_cycles - from->source_cycles) / frames * on_cpu);
}

/* Every message that was sent and acknowledged stands in a log, or its loss was counted. */
static int check_messages(struct replay *r)
{
	uint64_t expected = 0;
	uint64_t found = acceptor_messages(&r->rig);
	uint64_t rewinds = 0;
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < r->options.workers; i++) {
		expected += source_messages(r->sources[i]);
		rewinds += get(&r->sources[i]->counts.rewinds);
		dropped += r->rig.workers[i]->counters.value[DP_COUNTER_messages_dropped];
	}
	printf(", \"messages\": %" PRIu64 ", \"messages_expected\": %" PRIu64
	       ", \"messages_dropped\": %" PRIu64 ", \"rewinds\": %" PRIu64
	       ", \"publishers_failed\": %" PRIu64 "}\n",
	       found, expected, dropped, rewinds, SUM(r, failed));
	return found == expected && SUM(r, failed) == 0 ? 0 : -EPROTO;
}

static int measure(struct replay *r)
{
	struct sample from;
	struct sample to;

	set_mode(r, SOURCE_MEDIA);
	wait_ms(r, WARM_MS);
	take_sample(r, &from);
	wait_ms(r, r->options.seconds * 1000);
	take_sample(r, &to);
	set_mode(r, SOURCE_PAUSE);
	wait_ms(r, SETTLE_MS);
	double busy = (double)(to.busy_cycles - from.busy_cycles);
	print_common(r, &from, &to);
	printf(", \"consumer\": \"%s\", \"busy_percent\": %.1f, "
	       "\"packets_per_reply\": %.1f",
	       r->options.consume ? "control" : "self",
	       100 * busy / (double)(to.total_cycles - from.total_cycles),
	       (double)(to.frames - from.frames) / (double)(to.returned - from.returned));
	return check_messages(r);
}

static int run_workers(struct replay *r)
{
	int err = start_workers(r);

	if (err == 0) {
		err = await_publishers(r);
	}
	if (err == 0) {
		err = measure(r);
	}
	if (r->attached) {
		acceptor_detach(&r->acceptor);
	}
	for (uint32_t i = 0; i < r->options.workers; i++) {
		dp_worker_stop(r->rig.workers[i]);
	}
	rig_wait();
	acceptor_fini(&r->acceptor);
	return err;
}

static int start_rx_only(struct replay *r)
{
	void *args[CONFIG_CORES_MAX];
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < r->options.workers; i++) {
		args[i] = &r->rx_only[i];
		err = rx_only_init(&r->rx_only[i], r->rig.port.id, (uint16_t)i, r->options.hold);
	}
	return err == 0 ? rig_launch(&r->rig, rx_only_run, args) : err;
}

static int run_rx_only(struct replay *r)
{
	struct sample from;
	struct sample to;
	int err = start_rx_only(r);

	if (err == 0) {
		wait_ms(r, WARM_MS);
		take_sample(r, &from);
		wait_ms(r, r->options.seconds * 1000);
		take_sample(r, &to);
	}
	for (uint32_t i = 0; i < r->options.workers; i++) {
		atomic_store(&r->rx_only[i].stop, true);
	}
	rig_wait();
	for (uint32_t i = 0; i < r->options.workers; i++) {
		rx_only_fini(&r->rx_only[i]);
	}
	if (err == 0) {
		print_common(r, &from, &to);
		printf(", \"hold\": %u}\n", r->options.hold);
	}
	return err;
}

static int run(struct replay *r)
{
	const struct options *o = &r->options;
	const struct rig_config rig = {
		.cores = o->cores,
		.workers = o->workers,
		.packets = o->packets,
		.log_blocks = o->log_blocks,
	};
	int err = stream_init(&r->stream, o->chunk_size, o->message, FLOW_SEGMENT);

	if (err < 0) {
		(void)fprintf(stderr, "penstock-replay: media: %s\n", strerror(-err));
		return err;
	}
	err = rig_init(&r->rig, &rig);
	if (err == 0) {
		err = create_sources(r);
		if (err == 0) {
			err = o->rx_only ? run_rx_only(r) : run_workers(r);
		}
		for (uint32_t i = 0; i < o->workers; i++) {
			source_destroy(r->sources[i]);
		}
		uint64_t leaked = rig_fini(&r->rig);
		if (leaked != 0) {
			(void)fprintf(stderr, "penstock-replay: %" PRIu64 " mbufs leaked\n",
				      leaked);
			err = err < 0 ? err : -ENOMEM;
		}
	}
	stream_fini(&r->stream);
	(void)rte_eal_cleanup();
	return err;
}

int main(int argc, char **argv)
{
	static struct replay replay;
	int rc = options_parse(&replay.options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? 2 : EXIT_SUCCESS;
	}
	return run(&replay) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
