/* The table of sessions of a worker: memory and limits, from its beginning to its end. */
#include <errno.h>

#include "dataplane/counters.h"
#include "dataplane/local_memory.h"
#include "dataplane/publish.h"
#include "dataplane/session.h"

static void set_limits(struct session_table *table, const struct config_rtmp *rtmp)
{
	const uint64_t second = 1000000;

	table->idle_us = rtmp->idle_timeout_s * second;
	table->limit_us[SESSION_HANDSHAKE] = rtmp->handshake_timeout_s * second;
	table->limit_us[SESSION_CONNECTED] = rtmp->publish_timeout_s * second;
	table->decision_us = rtmp->decision_timeout_ms * UINT64_C(1000);
	table->limit_us[SESSION_PENDING] = UINT64_MAX / 2; /* the publications have their own */
	table->limit_us[SESSION_LIVE] = table->idle_us / SESSION_IDLE_CHECKS;
	if (table->limit_us[SESSION_LIVE] > SESSION_LOOK_US) {
		table->limit_us[SESSION_LIVE] = SESSION_LOOK_US;
	}
	table->limit_us[SESSION_ASKING] = rtmp->decision_timeout_ms * UINT64_C(1000);
	table->limit_us[SESSION_PLAYING] = table->limit_us[SESSION_LIVE];
	/* A measuring connection may pause as it likes; TCP's keepalive ends one that is dead. */
	table->limit_us[SESSION_DISCARD] = UINT64_MAX / 2;
	table->limit_us[SESSION_CLOSING] = SESSION_LINGER_US;
	uint64_t bytes_max = (uint64_t)rtmp->message_max * SESSION_LONGEST;
	uint64_t held_max = bytes_max * SESSION_HELD_FACTOR;
	held_max = held_max > SESSION_HOLD_MAX ? held_max : SESSION_HOLD_MAX;
	table->bytes_max = bytes_max < UINT32_MAX ? (uint32_t)bytes_max : UINT32_MAX;
	table->held_max = held_max < UINT32_MAX ? (uint32_t)held_max : UINT32_MAX;
}

/* The one that has had half a handshake or command for the longest makes room for another. */
static void end_borrower(void *borrower)
{
	struct session *s = borrower;

	dp_count(s->table->config.counters, DP_COUNTER_buffers_taken_back, 1);
	s->doomed = true;
	session_settle(s);
}

static int allocate_aggregates(struct session_table *table, const struct session_config *config)
{
	uint32_t count = config->connections / SESSION_AGGREGATES_SHARE + SESSION_AGGREGATES_MIN;

	table->aggregates_count = count;
	table->aggregates = local_alloc(count * sizeof(table->aggregates[0]), config->numa_node);
	if (!table->aggregates) {
		return -ENOMEM;
	}
	rtmp_aggregate_pool_init(&table->aggregate_pool, table->aggregates, count);
	return 0;
}

static int allocate(struct session_table *table, const struct session_config *config)
{
	uint32_t buffers = config->connections / SESSION_BUFFER_SHARE + SESSION_BUFFERS_MIN;

	table->sessions =
		local_alloc(config->connections * sizeof(table->sessions[0]), config->numa_node);
	buffers = buffers < config->connections ? buffers : config->connections;
	if (!table->sessions || allocate_aggregates(table, config) < 0 ||
	    command_buffers_init(&table->buffers, buffers, config->numa_node) < 0) {
		return -ENOMEM;
	}
	table->buffers.take_back = end_borrower;
	return 0;
}

static struct rtmp_limits limits_of(const struct config_limits *limits)
{
	return (struct rtmp_limits){
		.chunk_streams = limits->chunk_streams,
		.amf_depth = limits->amf_depth,
		.amf_elements = limits->amf_elements,
		.early_bytes = limits->early_bytes,
		.early_messages = limits->early_messages,
		.early_chunks = limits->early_chunks,
		.early_message_max = limits->early_message_max,
		.early_commands = limits->early_commands,
		.commands = limits->commands_per_s,
		.controls = limits->controls_per_s,
		.messages = limits->messages_per_s,
		.chunks = limits->chunks_per_s,
		.bytes_per_message = limits->bytes_per_message,
		.bytes_per_chunk = limits->bytes_per_chunk,
	};
}

int session_table_init(struct session_table *table, const struct session_config *config)
{
	*table = (struct session_table){
		.config = *config,
		.server_config =
			{
				.chunk_size = config->rtmp->chunk_size,
				.window_ack_size = config->rtmp->window_ack_size,
				.peer_bandwidth = config->rtmp->window_ack_size,
				.message_max = config->rtmp->message_max,
				.buffers = &table->buffers.source,
				.aggregates = &table->aggregate_pool,
				.notes = table->rtmp_notes,
				.limits = limits_of(&config->rtmp->limits),
			},
		.random = config->seed,
		.drain = 1,
	};
	table->out = (struct rtmp_out){.data = table->out_bytes, .cap = SESSION_OUT_SIZE};
	set_limits(table, config->rtmp);
	TAILQ_INIT(&table->undecided);
	for (uint32_t i = 0; i < SESSION_STATE_COUNT; i++) {
		TAILQ_INIT(&table->queues[i]);
	}
	if (allocate(table, config) < 0) {
		session_table_fini(table);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->connections; i++) {
		struct session *s = &table->sessions[i];
		s->table = table;
		s->id = i;
		TAILQ_INSERT_TAIL(&table->queues[SESSION_FREE], s, entry);
	}
	return 0;
}

void session_table_fini(struct session_table *table)
{
	for (uint32_t i = 0; table->sessions && i < table->config.connections; i++) {
		if (table->sessions[i].state != SESSION_FREE) {
			message_set_clear(&table->sessions[i].messages);
		}
	}
	local_free(table->sessions, table->config.connections * sizeof(table->sessions[0]));
	table->sessions = NULL;
	local_free(table->aggregates, table->aggregates_count * sizeof(table->aggregates[0]));
	table->aggregates = NULL;
	command_buffers_fini(&table->buffers);
}
