#include "dataplane/ingest.h"

#include <assert.h>
#include <errno.h>
#include <rte_mbuf.h>
#include <string.h>

#include "abi/sub.h"
#include "dataplane/counters.h"
#include "dataplane/ingest_private.h"
#include "dataplane/local_memory.h"
#include "dataplane/packets.h"
#include "dataplane/play.h"
#include "dataplane/pub.h"

#define COMMANDS_PER_LOOP 64u
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

static void take_over(struct dp_ingest *ingest)
{
	/* Pairs with the release in dp_ingest_offer_sub(): the region is laid out. */
	struct abi_sub *sub = atomic_load_explicit(&ingest->offered, memory_order_acquire);
	if (sub == atomic_load_explicit(&ingest->current, memory_order_relaxed)) {
		return;
	}
	publish_attach(&ingest->publish, sub);
	atomic_store_explicit(&ingest->hung, false, memory_order_relaxed);
	/* The ring of commands is new with each `sub`: so is our place in it. */
	ingest->command_tail = 0;
	atomic_store_explicit(&ingest->pub->command_tail, 0, memory_order_relaxed);
	/* Control reads the stream table once it sees its epoch: from here on nothing is dropped.
	 */
	atomic_store_explicit(&ingest->pub->epoch, sub ? sub->epoch : 0, memory_order_release);
	/* Pairs with the acquire in dp_ingest_sub(): the old region is not touched any more. */
	atomic_store_explicit(&ingest->current, sub, memory_order_release);
}

/* Control may write it meanwhile: each word is loaded once, then checked in the copy. */
static void load_command(struct abi_command *to, struct abi_command *from)
{
	uint64_t words[sizeof(*to) / sizeof(uint64_t)];
	_Atomic uint64_t *source = (_Atomic uint64_t *)(void *)from;

	static_assert(sizeof(words) == sizeof(*to), "whole words");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		words[i] = atomic_load_explicit(&source[i], memory_order_relaxed);
	}
	memcpy(to, words, sizeof(*to));
}

static enum rtmp_reject reject_reason(struct dp_ingest *ingest, uint32_t value)
{
	if (value >= RTMP_REJECT_COUNT) {
		dp_count(ingest->counters, DP_COUNTER_sub_refused, 1);
		return RTMP_REJECT_AUTH;
	}
	return (enum rtmp_reject)value;
}

static void obey_accept(struct publication *p, const struct abi_command *command)
{
	const struct publish_limits limits = {
		.message_max = command->message_max,
		.idle_ms = command->idle_ms,
		.first_media_ms = command->first_media_ms,
	};

	session_accept(p->session, p, command->name, &limits);
}

static void obey_to(struct dp_ingest *ingest, struct publication *p,
		    const struct abi_command *command)
{
	switch (command->type) {
	case ABI_COMMAND_ACCEPT:
		obey_accept(p, command);
		break;
	case ABI_COMMAND_RECONNECT:
		session_reconnect(p->session, command->name);
		break;
	case ABI_COMMAND_KICK:
		dp_count(ingest->counters, DP_COUNTER_publish_kicked, 1);
		session_reject(p->session, p, reject_reason(ingest, command->value), command->name);
		break;
	default:
		dp_count(ingest->counters, DP_COUNTER_publish_rejected, 1);
		session_reject(p->session, p, reject_reason(ingest, command->value), command->name);
		break;
	}
}

/* For the next control: it reads this before it gives any command of its own. */
static void write_drain_down(struct dp_ingest *ingest, const struct abi_command *command)
{
	struct abi_pub *pub = ingest->pub;

	/* The next control says the same again; what is new is another drain. */
	if (atomic_load_explicit(&pub->drain_until_us, memory_order_relaxed) !=
		    command->drain_until_us ||
	    strncmp(pub->drain_target, command->name, sizeof(pub->drain_target)) != 0) {
		session_begin_drain(&ingest->sessions);
	}
	memcpy(pub->drain_target, command->name, sizeof(pub->drain_target));
	atomic_store_explicit(&pub->drain_until_us, command->drain_until_us, memory_order_release);
}

/* State of a publication that a command means. */
static enum abi_stream_state meant_state(uint32_t type)
{
	return type == ABI_COMMAND_KICK || type == ABI_COMMAND_RECONNECT ? ABI_STREAM_LIVE
									 : ABI_STREAM_PENDING;
}

static bool is_of_player(uint32_t type)
{
	return type >= ABI_COMMAND_PLAY_ACCEPT && type <= ABI_COMMAND_PLAY_RECONNECT;
}

static void obey(struct dp_ingest *ingest, struct abi_command *command)
{
	if (ingest->plays && is_of_player(command->type)) {
		command->name[sizeof(command->name) - 1] = '\0';
		play_obey(&ingest->play, command);
		return;
	}
	if (command->type < ABI_COMMAND_ACCEPT || command->type >= ABI_COMMAND_END) {
		dp_count(ingest->counters, DP_COUNTER_sub_refused, 1);
		return;
	}
	command->name[sizeof(command->name) - 1] = '\0';
	if (command->type == ABI_COMMAND_DRAIN) {
		dp_count(ingest->counters, DP_COUNTER_commands, 1);
		write_drain_down(ingest, command);
		return;
	}
	struct publication *p = publish_find(&ingest->publish, command->slot, command->generation);
	if (!p || !p->session || p->state != meant_state(command->type)) {
		dp_count(ingest->counters, DP_COUNTER_commands_stale, 1);
		return;
	}
	dp_count(ingest->counters, DP_COUNTER_commands, 1);
	obey_to(ingest, p, command);
}

static uint32_t commands_waiting(struct dp_ingest *ingest, const struct abi_sub *sub)
{
	/* Pairs with the release of control: the commands below are written. */
	uint64_t head = atomic_load_explicit(&sub->command_head, memory_order_acquire);
	uint64_t waiting = head - ingest->command_tail;

	if (waiting > ABI_COMMAND_RING) {
		dp_count(ingest->counters, DP_COUNTER_sub_refused, 1);
		return 0;
	}
	return waiting < COMMANDS_PER_LOOP ? (uint32_t)waiting : COMMANDS_PER_LOOP;
}

bool dp_ingest_commanded(const struct dp_ingest *ingest)
{
	struct abi_sub *sub = ingest->publish.sub;

	if (ingest->plays && play_pending(&ingest->play)) {
		return true;
	}
	if (!sub) {
		return false;
	}
	/* Of what commands_waiting() takes for none we take no notice either. */
	uint64_t head = atomic_load_explicit(&sub->command_head, memory_order_acquire);
	return head - ingest->command_tail - 1 < ABI_COMMAND_RING;
}

uint32_t dp_ingest_commands(struct dp_ingest *ingest, uint64_t now_us)
{
	struct abi_command command;

	ingest->sessions.now_us = now_us;
	take_over(ingest);
	struct abi_sub *sub = ingest->publish.sub;
	uint32_t count = sub ? commands_waiting(ingest, sub) : 0;
	for (uint32_t i = 0; i < count; i++) {
		load_command(&command, &sub->commands[ingest->command_tail++ % ABI_COMMAND_RING]);
		obey(ingest, &command);
	}
	if (count > 0) {
		/* Pairs with the acquire of control: the entries may be written over. */
		atomic_store_explicit(&ingest->pub->command_tail, ingest->command_tail,
				      memory_order_release);
	}
	return count;
}

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
