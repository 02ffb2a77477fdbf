/* One connection, and one event of a trace. */
#include "escape.h"
#include "field.h"
#include "output_text.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

typedef void add_fn(struct table *t, const json_t *object, const char *key);

static const struct {
	const char *title;
	const char *key;
	add_fn *add;
} rows[] = {
	{"remote", "remote", field_add_text},
	{"local", "local", field_add_text},
	{"state", "state", field_add_text},
	{"session", "session", field_add_text},
	{"rate", "rate_kbps", field_add_bitrate},
	{"age", "age_ms", field_add_duration},
	{"received ago", "idle_rx_ms", field_add_duration},
	{"sent ago", "idle_tx_ms", field_add_duration},
	{"we closed", "we_closed", field_add_flag},
	{"peer closed", "peer_closed", field_add_flag},

	{"timestamps", "timestamps", field_add_flag},
	{"SACK", "sack", field_add_flag},
	{"window scaling", "window_scaling", field_add_flag},
	{"ECN", "ecn", field_add_flag},
	{"MSS", "mss", field_add_number},
	{"path MTU", "path_mtu", field_add_number},
	{"largest segment received", "rcv_mss", field_add_number},

	{"received", "rx_bytes", field_add_bytes},
	{"receive window", "rcv_wnd", field_add_bytes},
	{"receive window at most", "rcv_wnd_limit", field_add_bytes},
	{"our window scale", "rcv_wscale", field_add_number},
	{"rcv_nxt", "rcv_nxt", field_add_number},
	{"out of order now, segments", "ooo_segments", field_add_number},
	{"out of order now, ranges", "ooo_ranges", field_add_number},
	{"out of order ever, segments", "rx_out_of_order", field_add_number},
	{"duplicates received", "rx_duplicates", field_add_number},
	{"congestion marks received", "ecn_marks", field_add_number},
	{"pinned", "pinned_bytes", field_add_bytes},
	{"pinned by its session", "held_bytes", field_add_bytes},

	{"sent", "tx_bytes", field_add_bytes},
	{"send queue", "send_queue", field_add_bytes},
	{"in flight", "in_flight", field_add_bytes},
	{"peer's window", "snd_wnd", field_add_bytes},
	{"peer's largest window", "snd_wnd_max", field_add_bytes},
	{"peer's window scale", "snd_wscale", field_add_number},
	{"peer's window closed", "persist", field_add_flag},
	{"snd_una", "snd_una", field_add_number},
	{"snd_nxt", "snd_nxt", field_add_number},
	{"round-trip time", "rtt_us", field_add_microseconds},
	{"its variation", "rttvar_us", field_add_microseconds},
	{"its minimum", "rtt_min_us", field_add_microseconds},
	{"retransmission timeout", "rto_us", field_add_microseconds},
	{"backed off, times", "backoff", field_add_number},
	{"congestion control", "congestion", field_add_text},
	{"congestion window", "cwnd", field_add_bytes},
	{"slow-start threshold", "ssthresh", field_add_bytes},
	{"in recovery", "recovery", field_add_flag},
	{"retransmits", "retransmits", field_add_number},
	{"timeouts", "timeouts", field_add_number},
	{"duplicate ACKs", "dup_acks", field_add_number},
	{"D-SACKs received", "rx_dsacks", field_add_number},

	{"retransmission in", "retransmit_in_us", field_add_microseconds},
	{"delayed ACK in", "ack_in_us", field_add_microseconds},
	{"keepalive in", "life_in_us", field_add_microseconds},
	{"keepalive probes", "keepalive_probes", field_add_number},
};

void text_connection(FILE *out, const json_t *c, const struct output_options *options)
{
	static const struct table_column columns[] = {{"FIELD", TABLE_LEFT}, {"VALUE", TABLE_LEFT}};
	const char *name = json_string_value(json_object_get(c, "name"));
	struct table t;

	(void)options;
	table_init(&t, columns, COUNT(columns));
	table_add(&t, "connection");
	table_addf(&t, "%" PRIu64 ":%" PRIu64, field_number(c, "worker"), field_number(c, "id"));
	table_add(&t, "stream");
	if (name != NULL && name[0] != '\0') {
		field_add_stream(&t, c);
	} else {
		table_add(&t, "-");
	}
	for (uint32_t i = 0; i < COUNT(rows); i++) {
		table_add(&t, rows[i].title);
		rows[i].add(&t, c, rows[i].key);
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

static void print_time(FILE *out, uint64_t us)
{
	time_t seconds = (time_t)(us / 1000000);
	char text[32];
	struct tm tm;

	(void)localtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(out, "%s.%06" PRIu64, text, us % 1000000);
}

static void print_value(FILE *out, const char *key, const json_t *value)
{
	char text[200];

	if (json_is_integer(value)) {
		fprintf(out, " %s=%" JSON_INTEGER_FORMAT, key, json_integer_value(value));
	} else if (json_is_string(value)) {
		escape_text(text, sizeof(text), json_string_value(value));
		fprintf(out, strchr(text, ' ') != NULL ? " %s=\"%s\"" : " %s=%s", key, text);
	}
}

/* {"wall_us":, "worker":, "connection":, "event":, and its arguments}, or {"worker":, "lost":}. */
void text_trace(FILE *out, const json_t *event, const struct output_options *options)
{
	const char *name = json_string_value(json_object_get(event, "event"));
	static const char *const head[] = {"time_us", "wall_us", "worker", "connection", "event"};
	char text[64];
	const char *key;
	const json_t *value;

	(void)options;
	if (name == NULL) {
		fprintf(out, "worker %" PRIu64 ": %" PRIu64 " events were lost\n",
			field_number(event, "worker"), field_number(event, "lost"));
		return;
	}
	print_time(out, field_number(event, "wall_us"));
	snprintf(text, sizeof(text), "%" PRIu64 ":%" PRIu64, field_number(event, "worker"),
		 field_number(event, "connection"));
	fprintf(out, " %8s ", text);
	escape_text(text, sizeof(text), name);
	fprintf(out, "%-18s", text);
	json_object_foreach((json_t *)(uintptr_t)event, key, value)
	{
		bool known = false;

		for (uint32_t i = 0; i < COUNT(head); i++) {
			known |= strcmp(key, head[i]) == 0;
		}
		if (!known) {
			print_value(out, key, value);
		}
	}
	putc('\n', out);
}
