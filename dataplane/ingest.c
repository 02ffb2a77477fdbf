#include "dataplane/ingest.h"

#include <errno.h>
#include <rte_mbuf.h>

#include "dataplane/ingest_private.h"
#include "dataplane/local_memory.h"
#include "dataplane/packets.h"
#include "dataplane/play.h"
#include "dataplane/pub.h"

#define EXPIRE_PER_LOOP   64u
#define MEASURED_PER_TICK 16u
#define SHED_US           10000u /* between two rounds of giving up GOPs */
#define TICK_US           1000u  /* packets left and gauges are looked at so often */

/*
 * Blocks of references for messages under way: as many as there are packets to refer to, in large
 * messages, and one for each connection.
 */
static uint32_t message_blocks(const struct config_memory *memory)
{
	return memory->packets / (MESSAGE_BLOCK_REFS / 3) + memory->connections;
}

static int init_sessions(struct dp_ingest *ingest, const struct dp_ingest_config *config)
{
	struct session_config sessions = {
		.rtmp = config->rtmp,
		.discard_port = config->discard_port,
		.connections = config->memory->connections,
		.numa_node = config->numa_node,
		.seed = config->seed,
		.publish = &ingest->publish,
		.players = config->play ? &ingest->play.players : NULL,
		.messages = &ingest->messages,
		.reply_pool = config->reply_pool,
		.counters = config->counters,
	};
	return session_table_init(&ingest->sessions, &sessions);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/*
 * What is kept for the rx ring: as much as its descriptors again, so that it is filled at once, and
 * never less than a 16th nor more than a quarter of the pool.
 */
static uint32_t reserve_mbufs(uint32_t mbufs, uint32_t rx_descriptors)
{
	uint32_t reserve = larger(2 * rx_descriptors, mbufs / 16);

	return reserve < mbufs / 4 ? reserve : mbufs / 4;
}

static void init_admission(struct dp_ingest *ingest, const struct dp_ingest_config *config)
{
	uint32_t mbufs = ingest->packets->size;

	ingest->reserve_mbufs = reserve_mbufs(mbufs, config->rx_descriptors);
	const struct publish_admission_config admission = {
		.rate = config->admission,
		.mbufs = mbufs,
		.reserve_mbufs = ingest->reserve_mbufs,
		.truesize = ingest->messages.truesize,
		.mtu = config->mtu ? config->mtu : 1500,
	};
	publish_admission_init(&ingest->publish.admission, &admission);
}

static uint32_t early_max(const struct config_rtmp *rtmp)
{
	return rtmp->limits.early_media_kib ? rtmp->limits.early_media_kib << 10
					    : SESSION_EARLY_MAX;
}

static int init(struct dp_ingest *ingest, const struct dp_ingest_config *config)
{
	ingest->pub = dp_pub(config->pub);
	ingest->packets = config->packets->workers[config->worker].pool;
	ingest->counters = config->counters;
	int err = message_pool_init(&ingest->messages, message_blocks(config->memory),
				    config->numa_node, config->packets, config->worker,
				    config->counters);
	if (err < 0) {
		return err;
	}
	err = publish_table_init(&ingest->publish, ingest->pub, &ingest->messages, config->counters,
				 early_max(config->rtmp), config->numa_node);
	if (err < 0) {
		goto fini_messages;
	}
	init_admission(ingest, config);
	ingest->publish.notify.news_fd = config->news_fd;
	ingest->publish.notify.events_fd = config->events_fd;
	if (config->play) {
		err = play_init(&ingest->play, config->play, ingest->pub, &ingest->publish,
				config->counters);
		if (err < 0) {
			goto fini_publish;
		}
	}
	ingest->plays = config->play;
	err = init_sessions(ingest, config);
	if (err < 0) {
		goto fini_play;
	}
	return 0;

fini_play:
	if (ingest->plays) {
		play_fini(&ingest->play);
	}
fini_publish:
	publish_table_fini(&ingest->publish);
fini_messages:
	message_pool_fini(&ingest->messages);
	return err;
}

struct dp_ingest *dp_ingest_create(const struct dp_ingest_config *config)
{
	struct dp_ingest *ingest = local_alloc(sizeof(*ingest), config->numa_node);
	if (!ingest) {
		return NULL;
	}
	int err = init(ingest, config);
	if (err < 0) {
		local_free(ingest, sizeof(*ingest));
		errno = -err;
		return NULL;
	}
	return ingest;
}

void dp_ingest_destroy(struct dp_ingest *ingest)
{
	if (!ingest) {
		return;
	}
	session_table_fini(&ingest->sessions);
	if (ingest->plays) {
		play_fini(&ingest->play);
	}
	publish_table_fini(&ingest->publish);
	message_pool_fini(&ingest->messages);
	local_free(ingest, sizeof(*ingest));
}

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	struct dp_ingest *ingest = app;
	struct session *s = session_open(&ingest->sessions, conn);

	if (s) {
		tcp_set_user(conn, s);
	}
	return s;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	(void)conn;
	session_received(user, chain);
}

static void on_peer_closed(void *user, struct tcp_conn *conn)
{
	(void)conn;
	session_peer_closed(user);
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	(void)conn;
	(void)reason;
	if (user) { /* else it was refused */
		session_gone(user);
	}
}

/* We open no connections, and a reply that found the send queue full ended its session. */
static void on_nothing(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

const struct tcp_ops dp_ingest_tcp_ops = {
	.accepted = on_accepted,
	.connected = on_nothing,
	.received = on_received,
	.peer_closed = on_peer_closed,
	.writable = on_nothing,
	.closed = on_closed,
};

/*
 * By free mbufs. The ring's own stand for half of the reserve, so that the other half is what has
 * to stay free. Control begins to shed GOPs at a third.
 */
static enum publish_pressure pressure(uint32_t left, uint32_t mbufs, uint32_t reserve)
{
	uint32_t full = reserve / 2;

	if (left < full) {
		return PUBLISH_PRESSURE_FULL;
	}
	if (left < larger(mbufs / 8, full + mbufs / 16)) {
		return PUBLISH_PRESSURE_LOW;
	}
	if (left < larger(mbufs / 6, full + mbufs / 8)) {
		return PUBLISH_PRESSURE_TIGHT;
	}
	return left < mbufs / 3 ? PUBLISH_PRESSURE_SHED : PUBLISH_PRESSURE_NONE;
}

/* A log without a block refuses its message by itself. */
static enum publish_pressure block_pressure(const struct log_pool *pool)
{
	return pool->free_count < pool->count / 8 ? PUBLISH_PRESSURE_TIGHT : PUBLISH_PRESSURE_NONE;
}

/* With a control it is control that gives up GOPs. */
static void shed_unread(struct dp_ingest *ingest)
{
	uint64_t now_us = ingest->tick_us;

	if (ingest->publish.pressure >= PUBLISH_PRESSURE_SHED && !ingest->publish.sub &&
	    now_us - ingest->shed_us >= SHED_US) {
		ingest->shed_us = now_us;
		publish_shed_unread(&ingest->publish);
	}
}

static void tick(struct dp_ingest *ingest)
{
	struct abi_pub *pub = ingest->pub;
	enum publish_pressure packets = pressure(rte_mempool_avail_count(ingest->packets),
						 ingest->packets->size, ingest->reserve_mbufs);
	enum publish_pressure blocks = block_pressure(&ingest->publish.pool);

	ingest->publish.pressure = packets > blocks ? packets : blocks;
	shed_unread(ingest);
	session_measure(&ingest->sessions, MEASURED_PER_TICK);
	ingest->messages.pressure = ingest->publish.pressure == PUBLISH_PRESSURE_FULL;
	atomic_store_explicit(&pub->publishers, ingest->sessions.publishers, memory_order_relaxed);
	atomic_store_explicit(&pub->blocks_free, ingest->publish.pool.free_count,
			      memory_order_relaxed);
}

bool dp_ingest_poll(struct dp_ingest *ingest, uint64_t now_us)
{
	ingest->sessions.now_us = now_us;
	if (now_us - ingest->tick_us >= TICK_US) {
		ingest->tick_us = now_us;
		tick(ingest);
	}
	/* Before time limits: a player that takes what there is was not silent while we slept. */
	bool more = ingest->plays && play_poll(&ingest->play, now_us);
	more |= session_expire(&ingest->sessions, EXPIRE_PER_LOOP);
	more |= publish_sweep(&ingest->publish, now_us);
	publish_flush(&ingest->publish, now_us);
	atomic_store_explicit(&ingest->hung, ingest->publish.hung, memory_order_relaxed);
	return more;
}

bool dp_ingest_is_short(const struct dp_ingest *ingest)
{
	return ingest->publish.pressure >= PUBLISH_PRESSURE_SHED;
}

enum tcp_pressure dp_ingest_tcp_pressure(const struct dp_ingest *ingest)
{
	switch (ingest->publish.pressure) {
	case PUBLISH_PRESSURE_NONE:
		return TCP_PRESSURE_NONE;
	case PUBLISH_PRESSURE_FULL:
		return TCP_PRESSURE_FULL;
	default:
		return TCP_PRESSURE_SHORT;
	}
}

static void set(_Atomic uint64_t *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

void dp_ingest_publish_memory(struct dp_ingest *ingest, uint32_t ooo_segments, uint32_t in_flight)
{
	const struct message_pool *messages = &ingest->messages;
	struct abi_pub *pub = ingest->pub;
	uint64_t truesize = messages->truesize;
	uint64_t packets_free = rte_mempool_avail_count(ingest->packets);
	uint64_t streams = messages->pinned * truesize;
	/* Messages that share an mbuf count it each: the log gets what they do not. */
	uint64_t partial = messages->held < streams ? messages->held : streams;

	set(&pub->packets_free, packets_free);
	set(&pub->packets_total, ingest->packets->size);
	set(&pub->pinned_partial_bytes, partial);
	set(&pub->pinned_log_bytes, streams - partial);
	set(&pub->pinned_ooo_bytes, ooo_segments * truesize);
	set(&pub->pinned_ring_bytes, in_flight * truesize);
	set(&pub->reserve_bytes, ingest->reserve_mbufs * truesize);
	set(&pub->reserved_bytes, ingest->publish.admission.promised);
	set(&pub->truesize, truesize);
	if (ingest->plays) {
		set(&pub->play_bytes, play_bytes(&ingest->play));
	}
}

void dp_ingest_shutdown(struct dp_ingest *ingest, uint64_t now_us)
{
	ingest->sessions.now_us = now_us;
	session_shutdown(&ingest->sessions);
}

bool dp_ingest_idle(const struct dp_ingest *ingest)
{
	/* Control gets to read the rest, if there is one; the worker's own time limit holds. */
	return ingest->sessions.active == 0 &&
	       (!ingest->publish.sub || ingest->publish.ending_count == 0);
}

const uint64_t *dp_ingest_rtmp_errors(const struct dp_ingest *ingest)
{
	return &ingest->sessions.rtmp_errors[1];
}

const uint64_t *dp_ingest_rtmp_notes(const struct dp_ingest *ingest)
{
	return ingest->sessions.rtmp_notes;
}

uint64_t dp_ingest_next_us(const struct dp_ingest *ingest)
{
	uint64_t session = session_next_us(&ingest->sessions);
	uint64_t wake = publish_notify_next_us(&ingest->publish.notify);
	/* Control does not wake us when it releases the rest of an ended publication. */
	uint64_t ending = ingest->publish.ending_count > 0
				  ? ingest->sessions.now_us + PUBLISH_ENDING_US
				  : UINT64_MAX;
	uint64_t play =
		ingest->plays ? play_next_us(&ingest->play, ingest->sessions.now_us) : UINT64_MAX;
	uint64_t next = session < wake ? session : wake;

	next = next < play ? next : play;
	return next < ending ? next : ending;
}

void dp_ingest_offer_sub(struct dp_ingest *ingest, struct abi_sub *sub)
{
	atomic_store_explicit(&ingest->offered, sub, memory_order_release);
}

struct abi_sub *dp_ingest_sub(const struct dp_ingest *ingest)
{
	return atomic_load_explicit(&ingest->current, memory_order_acquire);
}

bool dp_ingest_hung(const struct dp_ingest *ingest)
{
	return atomic_load_explicit(&ingest->hung, memory_order_relaxed);
}
