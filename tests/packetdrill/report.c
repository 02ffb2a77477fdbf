/* What run-suite reads: a log of all packets, and the states of all connections. */
#include <string.h>

#include "adapter.h"
#include "stack.h"

void report_packet(void *arg, char direction, const void *bytes, size_t len, uint64_t at_us)
{
	struct adapter *adapter = arg;
	const uint8_t *byte = bytes;

	if (adapter->log == NULL) {
		return;
	}
	(void)fprintf(adapter->log, "%llu %c ", (unsigned long long)at_us, direction);
	for (size_t i = 0; i < len; i++) {
		(void)fprintf(adapter->log, "%02x", byte[i]);
	}
	(void)fputc('\n', adapter->log);
}

/* In the names that BSD's sockstat prints. */
static const char *state_name(enum tcp_state state)
{
	static const char *const names[TCP_STATE_COUNT] = {
		"CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
		"FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK", "TIME_WAIT"};

	return names[state];
}

static void print_states(FILE *file, const struct tcp_stack *stack)
{
	for (uint32_t i = 0; i < stack->config.connections; i++) {
		enum tcp_state state = (enum tcp_state)stack->conns[i].state;

		if (state != TCP_CLOSED_STATE && state != TCP_TIME_WAIT_STATE) {
			(void)fprintf(file, "packetdrill %s\n", state_name(state));
		}
	}
	for (uint32_t i = 0; i < stack->syn.count; i++) {
		(void)fprintf(file, "packetdrill %s\n", state_name(TCP_SYN_RECEIVED_STATE));
	}
	for (uint32_t i = 0; i < stack->time_wait.count; i++) {
		(void)fprintf(file, "packetdrill %s\n", state_name(TCP_TIME_WAIT_STATE));
	}
}

void report_states(struct adapter *adapter)
{
	FILE *file = adapter->states == NULL ? NULL : fopen(adapter->states, "we");

	if (file != NULL) {
		print_states(file, adapter->sockets.host.stack);
		(void)fclose(file);
	}
}
