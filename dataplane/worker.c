#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "abi/pub.h"
#include "dataplane/ingest.h"
#include "dataplane/link.h"
#include "dataplane/port.h"
#include "tcpstack/tcp.h"

#define BURST          32u
#define TIMER_BUDGET   64u
/* So many full bursts in a row: more comes than is taken, the port's ring fills. */
#define PRESSED_BURSTS 32u
#define PUBLISH_US     UINT64_C(10000)
#define SETTLE_US      UINT64_C(1000)    /* sooner when work has come to rest */
#define SHED_US        UINT64_C(10000)   /* between two times that out-of-order data is dropped */
#define FAREWELL_US    UINT64_C(2000000) /* sessions get this long to end in order */
#define FLUSH_US       UINT64_C(50000)   /* and their last segments this long to leave */

/* TCP packets of one loop: from the port and from every other worker. */
struct batch {
	uint16_t count;
	struct rte_mbuf *packets[2 * BURST];
};

static void give_to_tcp(struct dp_worker *worker, struct batch *batch)
{
	if (batch->count != 0) {
		tcp_input(worker->tcp, batch->packets, batch->count, worker->net.now_us);
		batch->count = 0;
	}
}

static void classify(struct dp_worker *worker, struct rte_mbuf *frame, struct batch *batch)
{
	switch (net_input(&worker->net, frame)) {
	case NET_TCP:
		batch->packets[batch->count++] = frame;
		break;
	case NET_TEACH:
		dp_forward_teach(&worker->forward, frame);
		break;
	case NET_DONE:
		break;
	}
}

static uint32_t receive_from_port(struct dp_worker *worker, struct batch *batch)
{
	struct rte_mbuf *frames[BURST];
	uint32_t workers = worker->forward.mesh->workers;
	uint64_t bytes = 0;

	dp_tap_look(&worker->port->tap);
	uint16_t count = rte_eth_rx_burst(worker->port->id, (uint16_t)worker->index, frames, BURST);
	uint32_t kept =
		worker->net.iface->vlan == 0 ? count : net_untag(&worker->net, frames, count);
	for (uint32_t i = 0; i < kept; i++) {
		uint32_t owner = worker->index;

		bytes += frames[i]->pkt_len;
		if (worker->port->spread) {
			owner = dp_forward_owner(frames[i], workers, worker->index);
		}
		if (owner == worker->index) {
			classify(worker, frames[i], batch);
		} else {
			dp_forward_send(&worker->forward, frames[i], owner, DP_FORWARD_FLOW);
		}
	}
	worker->full_bursts = count == BURST ? worker->full_bursts + 1 : 0;
	tcp_press(worker->tcp, worker->full_bursts >= PRESSED_BURSTS);
	dp_count(&worker->counters, DP_COUNTER_rx_packets, count);
	dp_count(&worker->counters, DP_COUNTER_rx_bytes, bytes);
	return count;
}

static uint32_t receive_from_worker(struct dp_worker *worker, uint32_t from, struct batch *batch)
{
	struct rte_mbuf *frames[DP_FORWARD_BURST];
	uint32_t count = dp_forward_receive(&worker->forward, from, frames);

	for (uint32_t i = 0; i < count; i++) {
		if (frames[i]->hash.usr == DP_FORWARD_TEACH) {
			net_learn(&worker->net, frames[i]);
		} else {
			classify(worker, frames[i], batch);
		}
	}
	return count;
}

static uint32_t receive(struct dp_worker *worker)
{
	struct batch batch = {.count = 0};
	uint32_t work = receive_from_port(worker, &batch);

	for (uint32_t from = 0; from < worker->forward.mesh->workers; from++) {
		if (from != worker->index) {
			work += receive_from_worker(worker, from, &batch);
			if (batch.count >= BURST) {
				give_to_tcp(worker, &batch);
			}
		}
	}
	give_to_tcp(worker, &batch);
	dp_forward_flush(&worker->forward);
	return work;
}

/* TCP is asked only for what there is room for: what the port cannot take stays with TCP. */
static uint32_t transmit(struct dp_worker *worker)
{
	struct rte_mbuf *packets[BURST];
	uint16_t count = BURST;

	while (count == BURST && net_room(&worker->net) >= BURST) {
		count = tcp_output(worker->tcp, packets, BURST, worker->net.now_us);
		net_output(&worker->net, packets, count);
	}
	return dp_transmit_flush(&worker->transmit, &worker->net);
}

static void set(_Atomic uint64_t *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

/* Absolute values of the device, not ours to count. */
static void copy_losses(struct dp_worker *worker)
{
	uint64_t *value = worker->counters.value;

	if (worker->losses == NULL) {
		return;
	}
	value[DP_COUNTER_port_missed] =
		atomic_load_explicit(&worker->losses->missed, memory_order_relaxed);
	value[DP_COUNTER_port_no_mbuf] =
		atomic_load_explicit(&worker->losses->no_mbuf, memory_order_relaxed);
	value[DP_COUNTER_port_errors] =
		atomic_load_explicit(&worker->losses->errors, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static void copy_link_counts(struct dp_worker *worker)
{
	uint64_t *value = worker->counters.value;

	if (worker->link_counts != NULL) {
		value[DP_COUNTER_control_attached] = get(&worker->link_counts->attaches);
		value[DP_COUNTER_control_gone] = get(&worker->link_counts->exits);
		value[DP_COUNTER_control_killed] = get(&worker->link_counts->kills);
	}
}

struct in_flight {
	const struct dp_packets_table *packets;
	uint32_t mbufs;
};

static void count_frame(void *app, const struct rte_mbuf *frame)
{
	struct in_flight *in_flight = app;

	in_flight->mbufs += dp_packets_in(in_flight->packets, frame);
}

/*
 * Packet memory that no connection holds: the port's, frames on their way to us from other workers,
 * and what came as a packet and goes back as the answer (echo). Between two bursts there are no
 * others, but for answers that the device has not sent yet.
 */
static uint32_t count_in_flight(const struct dp_worker *worker)
{
	struct in_flight in_flight = {.packets = worker->packets_table};

	net_walk(&worker->net, count_frame, &in_flight);
	return worker->port_mbufs + dp_forward_waiting(&worker->forward) + in_flight.mbufs;
}

static void publish(struct dp_worker *worker, uint64_t now_us)
{
	struct abi_pub *pub = worker->pub;

	worker->publish_us = now_us + PUBLISH_US;
	worker->settle_us = UINT64_MAX;
	set(&pub->heartbeat_us, now_us);
	set(&pub->loops, worker->loops);
	set(&pub->empty_polls, worker->empty_polls);
	set(&pub->busy_cycles, worker->busy_cycles);
	set(&pub->total_cycles, worker->total_cycles);
	set(&pub->tsc_hz, worker->clock.tsc_hz);
	set(&pub->connections, tcp_connection_count(worker->tcp));
	dp_ingest_publish_memory(worker->ingest, tcp_ooo_segments(worker->tcp),
				 count_in_flight(worker));
	copy_losses(worker);
	copy_link_counts(worker);
	dp_counters_publish(pub, &worker->counters, tcp_counters(worker->tcp),
			    dp_ingest_rtmp_errors(worker->ingest),
			    dp_ingest_rtmp_notes(worker->ingest));
}

/* The one clock read of the loop, and what the last loop took. */
static uint64_t begin(struct dp_worker *worker)
{
	uint64_t tsc = rte_rdtsc();
	uint64_t cycles = tsc - worker->loop_tsc;

	worker->loop_tsc = tsc;
	worker->loops++;
	worker->total_cycles += cycles;
	if (worker->loop_busy) {
		worker->busy_cycles += cycles;
	}
	uint64_t now_us = dp_clock_us(&worker->clock, tsc);
	net_begin(&worker->net, now_us);
	return now_us;
}

static void account(struct dp_worker *worker, uint32_t work, bool hurry, uint64_t now_us)
{
	worker->loop_busy = work != 0;
	if (now_us >= worker->publish_us || (work == 0 && now_us >= worker->settle_us)) {
		publish(worker, now_us);
	}
	if (work != 0 && worker->settle_us == UINT64_MAX) {
		worker->settle_us = now_us + SETTLE_US;
	}
	if (work != 0 || hurry) {
		dp_idle_busy(&worker->idle);
		return;
	}
	worker->empty_polls++;
	uint64_t timer_us = tcp_next_timer_us(worker->tcp);
	uint64_t limit_us = dp_ingest_next_us(worker->ingest);
	dp_idle(&worker->idle, now_us, timer_us < limit_us ? timer_us : limit_us);
}

/*
 * Out-of-order data is the first of all that is given up when packets run short: the peer sends it
 * again. Windows, which promise memory, stop growing at the same moment.
 */
static void shed_out_of_order(struct dp_worker *worker, uint64_t now_us)
{
	tcp_set_pressure(worker->tcp, dp_ingest_tcp_pressure(worker->ingest));
	if (dp_ingest_is_short(worker->ingest) && now_us - worker->shed_us >= SHED_US) {
		worker->shed_us = now_us;
		(void)tcp_shed_ooo(worker->tcp);
	}
}

static void begin_farewell(struct dp_worker *worker, uint64_t now_us)
{
	worker->ending = true;
	worker->end_us = now_us + FAREWELL_US;
	for (uint32_t i = 0; i < worker->rtmp->listen_count; i++) {
		tcp_unlisten(worker->tcp, worker->rtmp->listen[i]);
	}
	if (worker->discard_port != 0) {
		tcp_unlisten(worker->tcp, worker->discard_port);
	}
	dp_ingest_shutdown(worker->ingest, now_us);
}

/*
 * True when there is nothing left to do. Sessions end in order first (status, FIN); those that are
 * left after FAREWELL_US are reset, and the resets get FLUSH_US to leave.
 */
static bool has_ended(struct dp_worker *worker, uint64_t now_us, uint32_t work)
{
	if (!atomic_load_explicit(&worker->stop, memory_order_acquire)) {
		return false;
	}
	if (!worker->ending) {
		begin_farewell(worker, now_us);
		return false;
	}
	if (!worker->aborted) {
		if (dp_ingest_idle(worker->ingest) || now_us >= worker->end_us) {
			worker->aborted = true;
			worker->end_us = now_us + FLUSH_US;
			tcp_abort_all(worker->tcp);
		}
		return false;
	}
	return (work == 0 && worker->net.frames_count == 0) || now_us >= worker->end_us;
}

int dp_worker_run(void *arg)
{
	struct dp_worker *worker = arg;
	bool ended = false;

	dp_clock_init(&worker->clock, rte_get_tsc_hz());
	worker->loop_tsc = rte_rdtsc();
	if (worker->guard != NULL) {
		worker->guard(true);
	}
	while (!ended) {
		uint64_t now_us = begin(worker);
		uint32_t work = dp_ingest_commands(worker->ingest, now_us);

		work += receive(worker);
		shed_out_of_order(worker, now_us);
		work += tcp_timers(worker->tcp, now_us, TIMER_BUDGET);
		work += dp_inspect_poll(&worker->inspect, dp_ingest_sub(worker->ingest), now_us);
		bool hurry = dp_ingest_poll(worker->ingest, now_us);
		net_timers(&worker->net);
		work += transmit(worker);
		account(worker, work, hurry, now_us);
		ended = has_ended(worker, now_us, work);
	}
	publish(worker, worker->clock.last_us);
	if (worker->guard != NULL) {
		worker->guard(false);
	}
	return 0;
}

void dp_worker_stop(struct dp_worker *worker)
{
	atomic_store_explicit(&worker->stop, true, memory_order_release);
	dp_wake(&worker->wake);
}
