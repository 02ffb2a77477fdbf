#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "control.h"
#include "inspect.h"
#include "report_inspect.h"
#include "report_stream.h"

#define ENDPOINT_MAX (INET6_ADDRSTRLEN + 8)

static void format_endpoint(char out[ENDPOINT_MAX], const uint8_t bytes[16], uint16_t port)
{
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN] = "";

	memcpy(&address, bytes, sizeof(address));
	if (IN6_IS_ADDR_V4MAPPED(&address)) {
		(void)inet_ntop(AF_INET, &address.s6_addr[12], text, sizeof(text));
		(void)snprintf(out, ENDPOINT_MAX, "%s:%u", text, port);
	} else {
		(void)inet_ntop(AF_INET6, &address, text, sizeof(text));
		(void)snprintf(out, ENDPOINT_MAX, "[%s]:%u", text, port);
	}
}

/* Each value is a word of its own: an object of as many numbers as the table has rows. */
struct number {
	const char *name;
	json_int_t value;
};

static void set_numbers(json_t *object, const struct number *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)json_object_set_new(object, numbers[i].name, json_integer(numbers[i].value));
	}
}

#define SET_NUMBERS(object, numbers) \
	set_numbers(object, numbers, sizeof(numbers) / sizeof((numbers)[0]))

static void set_text(json_t *object, const char *name, const char *text)
{
	(void)json_object_set_new(object, name, json_string(text));
}

static void set_flag(json_t *object, const char *name, const struct abi_connection *c, int flag)
{
	(void)json_object_set_new(object, name, json_boolean(c->flags & flag));
}

/* Payload since it was opened; of a stream, that of the last seconds. */
static json_int_t rate_kbps(const struct abi_connection *c, const struct registry_stream *stream)
{
	if (stream != NULL) {
		return (json_int_t)report_bitrate_kbps(stream);
	}
	return c->age_ms > 0 ? (json_int_t)(c->rx_bytes * 8 / c->age_ms) : 0;
}

static void set_stream(const struct control *control, uint32_t worker,
		       const struct abi_connection *c, json_t *object)
{
	const struct registry_stream *stream = NULL;

	if (c->stream_slot < control->dataplane.workers[worker].layout.streams) {
		stream = registry_at(&control->registry, worker, c->stream_slot,
				     c->stream_generation);
	}
	if (stream != NULL && !report_shown(stream)) {
		stream = NULL;
	}
	set_text(object, "app", stream != NULL ? stream->app->name : "");
	set_text(object, "name", stream != NULL ? stream->name : "");
	(void)json_object_set_new(object, "rate_kbps", json_integer(rate_kbps(c, stream)));
}

/* What a list shows. */
static json_t *brief_object(const struct control *control, uint32_t worker,
			    const struct abi_connection *c)
{
	const struct dataplane_worker *from = &control->dataplane.workers[worker];
	const struct number numbers[] = {
		{"worker", worker},
		{"id", c->id},
		{"rtt_us", c->rtt_us},
		{"cwnd", c->cwnd},
		{"snd_wnd", c->snd_wnd},
		{"rcv_wnd", c->rcv_wnd},
		{"rx_bytes", (json_int_t)c->rx_bytes},
		{"tx_bytes", (json_int_t)c->tx_bytes},
		{"retransmits", c->retransmits},
		{"rx_out_of_order", c->rx_out_of_order},
		{"rx_duplicates", c->rx_duplicates},
		{"pinned_bytes", c->pinned},
		{"age_ms", c->age_ms},
		{"idle_rx_ms", c->idle_rx_ms},
	};
	json_t *object = json_object();
	char remote[ENDPOINT_MAX];
	char state[INSPECT_NAME_MAX];

	format_endpoint(remote, c->remote, c->remote_port);
	set_text(object, "remote", remote);
	inspect_name(from, &from->layout.tcp_states, c->tcp_state, state);
	set_text(object, "state", state);
	inspect_name(from, &from->layout.session_states, c->session_state, state);
	set_text(object, "session", state);
	set_stream(control, worker, c, object);
	SET_NUMBERS(object, numbers);
	return object;
}

static void set_options(json_t *object, const struct abi_connection *c)
{
	set_flag(object, "timestamps", c, ABI_CONNECTION_TIMESTAMPS);
	set_flag(object, "sack", c, ABI_CONNECTION_SACK);
	set_flag(object, "window_scaling", c, ABI_CONNECTION_WSCALE);
	set_flag(object, "ecn", c, ABI_CONNECTION_ECN);
	set_flag(object, "recovery", c, ABI_CONNECTION_RECOVERY);
	set_flag(object, "persist", c, ABI_CONNECTION_PERSIST);
	set_flag(object, "we_closed", c, ABI_CONNECTION_FIN_QUEUED);
	set_flag(object, "peer_closed", c, ABI_CONNECTION_PEER_CLOSED);
}

static void set_sending(json_t *object, const struct abi_connection *c)
{
	const struct number numbers[] = {
		{"rttvar_us", c->rttvar_us},
		{"rtt_min_us", c->rtt_min_us},
		{"rto_us", c->rto_us},
		{"backoff", c->backoff},
		{"mss", c->mss},
		{"path_mtu", c->path_mtu},
		{"snd_wscale", c->snd_wscale},
		{"snd_wnd_max", c->snd_wnd_max},
		{"send_queue", c->send_queue},
		{"in_flight", c->in_flight},
		{"snd_una", c->snd_una},
		{"snd_nxt", c->snd_nxt},
		{"timeouts", c->timeouts},
		{"dup_acks", c->dup_acks},
		{"rx_dsacks", c->rx_dsacks},
		{"idle_tx_ms", c->idle_tx_ms},
	};

	SET_NUMBERS(object, numbers);
	/* None yet: then there is no number. */
	(void)json_object_set_new(object, "ssthresh",
				  c->ssthresh == UINT32_MAX ? json_null()
							    : json_integer(c->ssthresh));
}

static void set_receiving(json_t *object, const struct abi_connection *c)
{
	const struct number numbers[] = {
		{"rcv_mss", c->rcv_mss},
		{"rcv_wscale", c->rcv_wscale},
		{"rcv_wnd_limit", c->rcv_wnd_limit},
		{"rcv_nxt", c->rcv_nxt},
		{"held_bytes", c->held},
		{"ooo_segments", c->ooo_segments},
		{"ooo_ranges", c->ooo_ranges},
		{"ecn_marks", c->ecn_marks},
		{"retransmit_in_us", c->retransmit_in_us},
		{"ack_in_us", c->ack_in_us},
		{"life_in_us", c->life_in_us},
		{"keepalive_probes", c->keepalive_probes},
	};

	SET_NUMBERS(object, numbers);
}

/* Half-open, or in TIME_WAIT: there is not more to be told. */
static json_t *record_object(const struct control *control, uint32_t worker,
			     const struct abi_connection *c)
{
	const struct dataplane_worker *from = &control->dataplane.workers[worker];
	const struct number numbers[] = {
		{"worker", worker},
		{"age_ms", c->age_ms},
		{"retransmits", c->retransmits},
		{"retransmit_in_us", c->retransmit_in_us},
		{"life_in_us", c->life_in_us},
	};
	json_t *object = json_object();
	char endpoint[ENDPOINT_MAX];
	char state[INSPECT_NAME_MAX];

	format_endpoint(endpoint, c->remote, c->remote_port);
	set_text(object, "remote", endpoint);
	format_endpoint(endpoint, c->local, c->local_port);
	set_text(object, "local", endpoint);
	inspect_name(from, &from->layout.tcp_states, c->tcp_state, state);
	set_text(object, "state", state);
	SET_NUMBERS(object, numbers);
	return object;
}

static json_t *full_object(const struct control *control, uint32_t worker,
			   const struct abi_connection *c)
{
	json_t *object = brief_object(control, worker, c);
	char local[ENDPOINT_MAX];
	char congestion[sizeof(c->congestion)];

	format_endpoint(local, c->local, c->local_port);
	set_text(object, "local", local);
	text_printable(congestion, sizeof(congestion), c->congestion, sizeof(c->congestion));
	set_text(object, "congestion", congestion);
	set_options(object, c);
	set_sending(object, c);
	set_receiving(object, c);
	return object;
}

static json_t *entry_object(const struct control *control, uint32_t worker,
			    const struct abi_connection *c, bool full)
{
	if (c->id == 0) {
		return record_object(control, worker, c);
	}
	return full ? full_object(control, worker, c) : brief_object(control, worker, c);
}

static json_t *page_object(const struct control *control, uint32_t worker,
			   const struct abi_page *page, uint32_t count, bool full)
{
	json_t *connections = json_array();
	json_t *next = page->next == ABI_PAGE_END ? json_null()
						  : json_integer(page->next & ~ABI_PAGE_RECORDS);

	for (uint32_t i = 0; i < count; i++) {
		(void)json_array_append_new(
			connections, entry_object(control, worker, &page->connections[i], full));
	}
	return json_pack("{s:i, s:i, s:o, s:i, s:i, s:o}", "worker", (int)worker, "workers",
			 (int)control->dataplane.workers_count, "next", next, "half_open",
			 (int)page->half_open, "time_wait", (int)page->time_wait, "connections",
			 connections);
}

json_t *report_connections_object(struct control *control, const json_t *request,
				  const char **error)
{
	json_int_t worker = json_integer_value(json_object_get(request, "worker"));
	json_int_t from = json_integer_value(json_object_get(request, "from"));
	json_int_t id = json_integer_value(json_object_get(request, "id"));
	bool full = json_is_true(json_object_get(request, "full"));
	bool records = json_is_true(json_object_get(request, "records"));
	const struct abi_page *page;
	uint32_t count;

	*error = "no such worker";
	if (worker < 0 || worker >= (json_int_t)control->dataplane.workers_count) {
		return NULL;
	}
	*error = "no such connection";
	if (from < 0 || from >= ABI_PAGE_RECORDS || id < 0 || id > UINT32_MAX) {
		return NULL;
	}
	from |= records ? ABI_PAGE_RECORDS : 0;
	*error = "the worker does not answer, try again";
	page = inspect_page(control, (uint32_t)worker, (uint32_t)from, (uint32_t)id, &count);
	return page != NULL ? page_object(control, (uint32_t)worker, page, count, full) : NULL;
}
