/* What a script asks of the host: configuration, calls on sockets, and questions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "script.h"
#include "stack.h"

#define BUFFER (1U << 20)

static struct socket *current(struct script *script)
{
	struct socket *socket = sockets_find(&script->sockets, script->fd);

	if (socket == NULL) {
		script_fail(script, "there is no connection");
	}
	return socket;
}

/* The argument of a call may begin with an error that is expected: "ECONNRESET". */
static int expected_error(const char *argument)
{
	static const struct {
		const char *name;
		int number;
	} errors[] = {{"EAGAIN", EAGAIN},           {"EPIPE", EPIPE},
		      {"ECONNRESET", ECONNRESET},   {"ECONNREFUSED", ECONNREFUSED},
		      {"ETIMEDOUT", ETIMEDOUT},     {"EHOSTUNREACH", EHOSTUNREACH},
		      {"EINPROGRESS", EINPROGRESS}, {"ENOTCONN", ENOTCONN}};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(argument, errors[i].name) == 0) {
			return -errors[i].number;
		}
	}
	return (int)strtol(argument, NULL, 10);
}

static void check_result(struct script *script, int expected, int got)
{
	if (expected != got) {
		script_fail(script, "result: expected %d (%s), got %d (%s)", expected,
			    expected < 0 ? strerror(-expected) : "", got,
			    got < 0 ? strerror(-got) : "");
	}
}

static void call_listen(struct script *script, const char *argument)
{
	struct tcp_endpoint local = {.addr = script->ends.addr[0], .port = script->ends.port[0]};
	struct socket *socket;

	(void)argument;
	script->listener = script->next_fd++;
	if (sockets_open(&script->sockets, script->listener) < 0) {
		script_fail(script, "no socket");
		return;
	}
	socket = sockets_find(&script->sockets, script->listener);
	(void)sockets_bind(socket, &local);
	check_result(script, 0, sockets_listen(socket, 10));
}

static void call_accept(struct script *script, const char *argument)
{
	struct socket *listener = sockets_find(&script->sockets, script->listener);
	struct tcp_endpoint remote;
	int rc = listener == NULL ? -EBADF : sockets_accept(listener, script->next_fd, &remote);

	check_result(script, argument[0] == '\0' ? 0 : expected_error(argument), rc);
	if (rc == 0) {
		script->fd = script->next_fd++;
		script->written = 1;
		script->read = 1;
	}
}

/* From the port that scripts give to the stack, so that both ends may open. */
static void call_connect(struct script *script, const char *argument)
{
	struct tcp_endpoint local = {.addr = script->ends.addr[0], .port = script->ends.port[0]};
	struct tcp_endpoint remote = {.addr = script->ends.addr[1], .port = script->ends.port[1]};
	int expected = argument[0] == '\0' ? -EINPROGRESS : expected_error(argument);
	struct socket *socket;

	if (script->fd == 0) {
		script->fd = script->next_fd++;
		if (sockets_open(&script->sockets, script->fd) < 0) {
			script_fail(script, "no socket");
			return;
		}
		(void)sockets_bind(sockets_find(&script->sockets, script->fd), &local);
	}
	socket = current(script);
	if (socket != NULL) {
		check_result(script, expected, sockets_connect(socket, &remote));
	}
}

/* Each byte says where it stands in the stream. */
static void call_read(struct script *script, const char *argument)
{
	static uint8_t buffer[BUFFER];
	struct socket *socket = current(script);
	int expected = expected_error(argument);
	size_t size = expected > 0 && (size_t)expected < sizeof(buffer) ? (size_t)expected : 1;
	int rc;

	if (socket == NULL) {
		return;
	}
	rc = sockets_read(socket, buffer, size, false);
	check_result(script, expected, rc);
	for (int i = 0; i < rc; i++) {
		if (buffer[i] != (uint8_t)(script->read + (uint32_t)i)) {
			script_fail(script, "byte %d of what was read is wrong", i);
			return;
		}
	}
	script->read += rc > 0 ? (uint32_t)rc : 0;
}

/* write BYTES, or write BYTES ERROR, or write BYTES TAKEN. */
static void call_write(struct script *script, const char *argument)
{
	static uint8_t buffer[BUFFER];
	struct socket *socket = current(script);
	char *rest;
	size_t size = strtoul(argument, &rest, 10);
	int expected;
	int rc;

	rest += strspn(rest, " \t");
	expected = *rest == '\0' ? (int)size : expected_error(rest);
	if (socket == NULL || size > sizeof(buffer)) {
		return;
	}
	for (size_t i = 0; i < size; i++) {
		buffer[i] = (uint8_t)(script->written + i);
	}
	rc = sockets_write(socket, buffer, size);
	check_result(script, expected, rc);
	script->written += rc > 0 ? (uint32_t)rc : 0;
}

static void call_shutdown(struct script *script, const char *argument)
{
	struct socket *socket = current(script);

	if (socket != NULL) {
		check_result(script, expected_error(argument), sockets_shutdown(socket, SHUT_WR));
	}
}

static void call_close(struct script *script, const char *argument)
{
	bool listener = strcmp(argument, "listener") == 0;
	struct socket *socket =
		listener ? sockets_find(&script->sockets, script->listener) : current(script);

	if (socket != NULL) {
		check_result(script, 0, sockets_close(socket));
		script->fd = listener ? script->fd : 0;
	}
}

static void call_abort(struct script *script, const char *argument)
{
	struct socket *socket = current(script);

	if (socket != NULL) {
		socket->linger_reset = true;
		call_close(script, argument);
	}
}

/* The peer goes on from another port, or with other sequence numbers: peer PORT ISS. */
static void call_peer(struct script *script, const char *argument)
{
	char *rest;

	script->ends.port[1] = (uint16_t)strtoul(argument, &rest, 10);
	script->ends.iss[1] += (uint32_t)strtoul(rest, NULL, 10);
	script->iss_known = false;
}

static enum tcp_state state_of(const struct script *script)
{
	const struct tcp_stack *stack = script->sockets.host.stack;

	for (uint32_t i = 0; i < stack->config.connections; i++) {
		const struct tcp_conn *conn = &stack->conns[i];

		/* A record that is free keeps its last state. */
		if (conn->state != TCP_CLOSED_STATE && conn->state != TCP_TIME_WAIT_STATE &&
		    conn->key.remote_port == script->ends.port[1]) {
			return (enum tcp_state)conn->state;
		}
	}
	if (stack->syn.count > 0) {
		return TCP_SYN_RECEIVED_STATE;
	}
	return stack->time_wait.count > 0 ? TCP_TIME_WAIT_STATE : TCP_CLOSED_STATE;
}

static void ask_state(struct script *script, const char *argument)
{
	const char *name = tcp_state_name(state_of(script));

	if (strcmp(argument, name) != 0) {
		script_fail(script, "state: expected %s, got %s", argument, name);
	}
}

/* ended REASON, as text. */
static void ask_ended(struct script *script, const char *argument)
{
	const char *text = script->closed ? tcp_close_reason_text(script->reason) : "not at all";

	if (strcmp(argument, text) != 0) {
		script_fail(script, "expected to end: %s, ended: %s", argument, text);
	}
}

/* count COUNTER NUMBER */
static void ask_count(struct script *script, const char *argument)
{
	const uint64_t *counters = tcp_counters(script->sockets.host.stack);
	size_t len = strcspn(argument, " \t");
	uint64_t expected = strtoull(argument + len, NULL, 10);

	for (enum tcp_counter i = 0; i < TCP_COUNTER_COUNT; i++) {
		const char *name = tcp_counter_name(i);

		if (strlen(name) == len && strncmp(name, argument, len) == 0) {
			if (counters[i] != expected) {
				script_fail(script, "%s: expected %llu, got %llu", name,
					    (unsigned long long)expected,
					    (unsigned long long)counters[i]);
			}
			return;
		}
	}
	script_fail(script, "syntax: no such counter");
}

/* No timer is left: nothing will ever be sent again. */
static void ask_idle(struct script *script, const char *argument)
{
	(void)argument;
	if (tcp_next_timer_us(script->sockets.host.stack) != UINT64_MAX) {
		script_fail(script, "a timer is armed");
	}
}

static void call_wait(struct script *script, const char *argument)
{
	(void)script;
	(void)argument;
}

bool script_call(struct script *script, const char *name, const char *argument)
{
	static const struct {
		const char *name;
		void (*call)(struct script *script, const char *argument);
	} calls[] = {
		{"listen", call_listen}, {"accept", call_accept}, {"connect", call_connect},
		{"read", call_read},     {"write", call_write},   {"shutdown", call_shutdown},
		{"close", call_close},   {"abort", call_abort},   {"peer", call_peer},
		{"state", ask_state},    {"ended", ask_ended},    {"count", ask_count},
		{"idle", ask_idle},      {"wait", call_wait},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(name, calls[i].name) == 0) {
			calls[i].call(script, argument);
			return true;
		}
	}
	return false;
}

void script_set(struct script *script, const char *name, const char *value)
{
	struct tcp_config *config = &script->sockets.host.config;
	uint32_t number = (uint32_t)strtoul(value, NULL, 10);
	const struct {
		const char *name;
		uint32_t *to;
	} names[] = {{"segments", &config->receive_budget},
		     {"send", &config->send_budget},
		     {"ooo", &config->ooo_segments},
		     {"keepalive", &config->keepalive_s},
		     {"time-wait", &config->time_wait_ms},
		     {"fin-wait", &config->fin_wait_ms},
		     {"user-timeout", &config->user_timeout_ms},
		     {"half-open", &config->syn_received}};

	if (strcmp(name, "mtu") == 0) {
		config->mtu = (uint16_t)number;
		return;
	}
	if (strcmp(name, "ecn") == 0) {
		config->ecn = (enum tcp_ecn)number;
		return;
	}
	if (strcmp(name, "ipv6") == 0) {
		script->ends.v6 = true;
		return;
	}
	if (strcmp(name, "quick-acks") == 0) {
		script->sockets.no_quick_acks = number == 0;
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i].name) == 0) {
			*names[i].to = number * (i == 0 ? HOST_TRUESIZE : 1);
			return;
		}
	}
	script_fail(script, "syntax: nothing called %s can be set", name);
}
