#include "script.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 400
#define SLACK_US       2000 /* of a timer's wheel */
#define PEER_PORT      5000
#define STACK_PORT     1935
#define PEER_ISS       3000000000U /* half way to the wrap, so that relative numbers matter */

/* Time of an event: after the one before. */
struct when {
	uint64_t from_us;
	uint64_t to_us;
	bool any;
};

void script_fail(struct script *script, const char *format, ...)
{
	va_list args;

	if (script->error[0] != '\0') {
		return;
	}
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() stands above */
	(void)vsnprintf(script->error, sizeof(script->error), format, args);
	va_end(args);
}

static bool failed(const struct script *script)
{
	return script->error[0] != '\0';
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct socket *socket = user;
	struct script *script =
		(struct script *)(void *)((char *)socket->all - offsetof(struct script, sockets));

	script->reason = reason;
	script->closed = true;
	sockets_ops.closed(user, conn, reason);
}

static void set_ends(struct script *script)
{
	bool v6 = script->ends.v6;

	script->ends.port[0] = STACK_PORT;
	script->ends.port[1] = PEER_PORT;
	script->ends.iss[1] = PEER_ISS;
	(void)inet_pton(AF_INET6, v6 ? "2001:db8::1" : "::ffff:192.0.2.1", &script->ends.addr[0]);
	(void)inet_pton(AF_INET6, v6 ? "2001:db8::2" : "::ffff:192.0.2.2", &script->ends.addr[1]);
}

/* At the first event: what `set` said is complete. */
static void boot(struct script *script)
{
	set_ends(script);
	if (host_boot(&script->sockets.host) < 0 ||
	    tcp_add_address(script->sockets.host.stack, &script->ends.addr[0]) < 0) {
		script_fail(script, "no stack with this configuration");
		return;
	}
	script->sockets.local4 = script->ends.addr[0];
	script->sockets.local6 = script->ends.addr[0];
	script->at_us = script->sockets.host.now_us;
	script->booted = true;
}

/* +SECONDS, +SECONDS~SECONDS, or *. Returns what follows, NULL when it is none of these. */
static const char *parse_when(const char *text, struct when *when)
{
	char *end;
	double from;
	double to;

	*when = (struct when){.any = *text == '*'};
	if (when->any) {
		return text + 1;
	}
	if (*text != '+') {
		return NULL;
	}
	from = strtod(text + 1, &end);
	to = from;
	if (*end == '~') {
		to = strtod(end + 1, &end);
	}
	when->from_us = (uint64_t)(from * 1e6 + 0.5);
	when->to_us = (uint64_t)(to * 1e6 + 0.5);
	return end == text + 1 ? NULL : end;
}

static void describe(const struct script *script, const struct host_packet *raw, char *text,
		     size_t size)
{
	struct packet got;
	const char *wrong = packet_read(raw->bytes, raw->len, &script->ends, &got);

	packet_print(&got, text, size);
	if (wrong != NULL) {
		(void)snprintf(text + strlen(text), size - strlen(text), " (bad %s)", wrong);
	}
}

/* Before anything happens to the stack, all that it has said was expected. */
static void check_silence(struct script *script)
{
	struct host_packet *raw = failed(script) ? NULL : host_take(&script->sockets.host);
	char text[200];

	if (raw != NULL) {
		describe(script, raw, text, sizeof(text));
		script_fail(script, "unexpected packet %.6f s ago: %s",
			    (double)(script->sockets.host.now_us - raw->at_us) / 1e6, text);
		free(raw);
	}
}

static void wait_for(struct script *script, const struct when *when)
{
	check_silence(script);
	if (!failed(script)) {
		host_advance(&script->sockets.host, script->at_us + when->from_us);
		script->at_us = script->sockets.host.now_us;
		check_silence(script);
	}
}

static void send_packet(struct script *script, const char *text)
{
	static uint8_t bytes[PACKET_BYTES];
	struct packet packet;
	const char *wrong = packet_parse(text, false, &packet);
	size_t len;

	if (wrong != NULL) {
		script_fail(script, "syntax: %s", wrong);
		return;
	}
	if (packet.given & PACKET_ANY_TSECR) {
		packet.tsecr = script->last_tsval;
	}
	len = packet_build(&packet, &script->ends, bytes);
	if (host_input(&script->sockets.host, bytes, len) < 0) {
		script_fail(script, "no mbuf");
	}
}

/* Its first SYN says where the stack's numbers and, when it opened, its port are. */
static void learn_iss(struct script *script, const struct packet *expected,
		      const struct host_packet *raw)
{
	if (expected->flags & PACKET_SYN && !script->iss_known) {
		script->ends.iss[0] = packet_raw_seq(raw->bytes) - expected->seq;
		script->iss_known = true;
	}
}

static void compare(struct script *script, const struct packet *expected,
		    const struct host_packet *raw, const struct when *when)
{
	uint64_t after = raw->at_us - script->at_us;
	struct packet got;
	const char *wrong;
	char text[200];

	learn_iss(script, expected, raw);
	wrong = packet_read(raw->bytes, raw->len, &script->ends, &got);
	if (wrong == NULL && packet_remote_port(raw->bytes) != script->ends.port[1]) {
		wrong = "port";
	}
	if (wrong == NULL) {
		wrong = packet_differs(expected, &got);
	}
	if (wrong == NULL && !when->any &&
	    (after + SLACK_US < when->from_us || after > when->to_us + SLACK_US)) {
		wrong = "time";
	}
	if (wrong != NULL) {
		describe(script, raw, text, sizeof(text));
		script_fail(script, "%s: got +%.6f > %s", wrong, (double)after / 1e6, text);
	}
	script->last_tsval = got.stamps ? got.tsval : script->last_tsval;
}

static void expect_packet(struct script *script, const char *text, const struct when *when)
{
	struct host *host = &script->sockets.host;
	uint64_t until = when->any ? UINT64_MAX : script->at_us + when->to_us + SLACK_US;
	struct host_packet *raw;
	struct packet expected;
	const char *wrong = packet_parse(text, true, &expected);

	if (wrong != NULL) {
		script_fail(script, "syntax: %s", wrong);
		return;
	}
	while (host->first == NULL && host_step(host, until)) {
	}
	raw = host_take(host);
	if (raw == NULL) {
		script_fail(script, "no packet");
		return;
	}
	compare(script, &expected, raw, when);
	script->at_us = raw->at_us;
	free(raw);
}

static void run_call(struct script *script, char *text)
{
	char *name = strtok(text, " \t");
	const char *argument = strtok(NULL, "");

	if (name == NULL || !script_call(script, name, argument != NULL ? argument : "")) {
		script_fail(script, "syntax: no such call: %s", name != NULL ? name : "");
	}
	host_flush(&script->sockets.host);
}

static void run_event(struct script *script, char *line)
{
	struct when when;
	const char *rest = parse_when(line, &when);
	char *text;

	if (rest == NULL) {
		script_fail(script, "syntax: a line begins with +SECONDS, * or set");
		return;
	}
	text = line + (rest - line);
	text += strspn(text, " \t");
	if (text[0] == '>' && text[1] == ' ') {
		expect_packet(script, text + 1, &when);
		return;
	}
	wait_for(script, &when);
	if (failed(script)) {
		return;
	}
	if (text[0] == '<' && text[1] == ' ') {
		send_packet(script, text + 1);
	} else {
		run_call(script, text);
	}
}

static void run_line(struct script *script, char *line)
{
	line[strcspn(line, "#\n")] = '\0';
	line += strspn(line, " \t");
	for (size_t end = strlen(line); end > 0 && strchr(" \t", line[end - 1]) != NULL; end--) {
		line[end - 1] = '\0';
	}
	if (line[0] == '\0') {
		return;
	}
	if (strncmp(line, "set ", 4) == 0 && !script->booted) {
		const char *name = strtok(line + 4, " \t");
		const char *value = strtok(NULL, " \t");

		script_set(script, name != NULL ? name : "", value != NULL ? value : "");
		return;
	}
	if (!script->booted) {
		boot(script);
	}
	if (!failed(script)) {
		run_event(script, line);
	}
}

static void print_tap(void *arg, char direction, const void *bytes, size_t len, uint64_t at_us)
{
	const struct script *script = arg;
	struct packet_ends ends = script->ends;
	struct packet packet;
	char text[200];

	if (direction == '<') {
		ends.iss[0] = script->ends.iss[1];
		ends.iss[1] = script->ends.iss[0];
	}
	(void)packet_read(bytes, len, &ends, &packet);
	packet_print(&packet, text, sizeof(text));
	(void)printf("%u: %.6f %c %s\n", script->line, (double)at_us / 1e6, direction, text);
}

/* Ends what is left; nothing may stay behind. */
static void finish(struct script *script)
{
	struct host *host = &script->sockets.host;
	unsigned int left;

	if (script->booted) {
		check_silence(script);
		tcp_abort_all(host->stack);
		host_flush(host);
	}
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (script->sockets.socket[i].kind != SOCKET_FREE) {
			(void)sockets_close(&script->sockets.socket[i]);
		}
	}
	left = host_fini(host);
	if (left != 0) {
		script_fail(script, "%u mbufs leaked", left);
	}
}

bool script_run(struct script *script, const char *path, FILE *file, bool trace)
{
	static struct tcp_ops ops;
	char line[LINE_MAX_BYTES];

	memset(script, 0, sizeof(*script));
	script->path = path;
	script->next_fd = 3;
	script->written = 1;
	script->read = 1;
	ops = sockets_ops;
	ops.closed = on_closed;
	if (host_init(&script->sockets.host, &ops, &script->sockets) < 0) {
		script_fail(script, "no host");
		return false;
	}
	if (trace) {
		script->sockets.host.tap = print_tap;
		script->sockets.host.tap_arg = script;
	}
	while (!failed(script) && fgets(line, sizeof(line), file) != NULL) {
		script->line++;
		run_line(script, line);
	}
	finish(script);
	return !failed(script);
}
