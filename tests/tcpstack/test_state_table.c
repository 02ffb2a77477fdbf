#include <string.h>

#include "state_table.h"
#include "suites.h"

static void test_no_empty_cell(void)
{
	for (int state = 0; state < TCP_STATE_COUNT; state++) {
		for (int event = 0; event < TCP_EVENT_COUNT; event++) {
			CU_ASSERT_NOT_EQUAL(tcp_transition(state, event)->kind,
					    TCP_TRANSITION_EMPTY);
		}
		CU_ASSERT_STRING_NOT_EQUAL(tcp_state_name(state), "?");
	}
	CU_ASSERT_STRING_EQUAL(tcp_event_name(TCP_EVENT_RECEIVE_FIN), "RECEIVE_FIN");
}

static enum tcp_state go(enum tcp_state state, enum tcp_event event)
{
	const struct tcp_transition *to = tcp_transition(state, event);

	CU_ASSERT_NOT_EQUAL(to->kind, TCP_TRANSITION_NEVER);
	return to->kind == TCP_TRANSITION_GO ? to->next : state;
}

/* The arrows of RFC 9293 figure 5. */
static void test_figure_5(void)
{
	static const struct {
		enum tcp_state from;
		enum tcp_event event;
		enum tcp_state to;
	} arrows[] = {
		{TCP_CLOSED_STATE, TCP_EVENT_PASSIVE_OPEN, TCP_LISTEN_STATE},
		{TCP_CLOSED_STATE, TCP_EVENT_ACTIVE_OPEN, TCP_SYN_SENT_STATE},
		{TCP_LISTEN_STATE, TCP_EVENT_RECEIVE_SYN, TCP_SYN_RECEIVED_STATE},
		{TCP_SYN_SENT_STATE, TCP_EVENT_RECEIVE_SYN, TCP_SYN_RECEIVED_STATE},
		{TCP_SYN_SENT_STATE, TCP_EVENT_RECEIVE_SYN_ACK, TCP_ESTABLISHED_STATE},
		{TCP_SYN_SENT_STATE, TCP_EVENT_CLOSE, TCP_CLOSED_STATE},
		{TCP_SYN_RECEIVED_STATE, TCP_EVENT_RECEIVE_ACK_OF_SYN, TCP_ESTABLISHED_STATE},
		{TCP_SYN_RECEIVED_STATE, TCP_EVENT_CLOSE, TCP_FIN_WAIT_1_STATE},
		{TCP_ESTABLISHED_STATE, TCP_EVENT_CLOSE, TCP_FIN_WAIT_1_STATE},
		{TCP_ESTABLISHED_STATE, TCP_EVENT_RECEIVE_FIN, TCP_CLOSE_WAIT_STATE},
		{TCP_FIN_WAIT_1_STATE, TCP_EVENT_RECEIVE_FIN, TCP_CLOSING_STATE},
		{TCP_FIN_WAIT_1_STATE, TCP_EVENT_RECEIVE_ACK_OF_FIN, TCP_FIN_WAIT_2_STATE},
		{TCP_FIN_WAIT_2_STATE, TCP_EVENT_RECEIVE_FIN, TCP_TIME_WAIT_STATE},
		{TCP_CLOSING_STATE, TCP_EVENT_RECEIVE_ACK_OF_FIN, TCP_TIME_WAIT_STATE},
		{TCP_CLOSE_WAIT_STATE, TCP_EVENT_CLOSE, TCP_LAST_ACK_STATE},
		{TCP_LAST_ACK_STATE, TCP_EVENT_RECEIVE_ACK_OF_FIN, TCP_CLOSED_STATE},
		{TCP_TIME_WAIT_STATE, TCP_EVENT_TIMEOUT, TCP_CLOSED_STATE},
	};

	for (unsigned int i = 0; i < sizeof(arrows) / sizeof(arrows[0]); i++) {
		CU_ASSERT_EQUAL(go(arrows[i].from, arrows[i].event), arrows[i].to);
	}
}

static void test_abort_and_reset_end_everything(void)
{
	for (int state = TCP_SYN_SENT_STATE; state < TCP_STATE_COUNT; state++) {
		CU_ASSERT_EQUAL(go(state, TCP_EVENT_ABORT), TCP_CLOSED_STATE);
		CU_ASSERT_EQUAL(go(state, TCP_EVENT_RECEIVE_RST), TCP_CLOSED_STATE);
		CU_ASSERT_EQUAL(go(state, TCP_EVENT_TIMEOUT), TCP_CLOSED_STATE);
	}
}

CU_TestInfo state_table_tests[] = {{"no cell is empty", test_no_empty_cell},
				   {"RFC 9293 figure 5", test_figure_5},
				   {"abort, RST and timeout", test_abort_and_reset_end_everything},
				   CU_TEST_INFO_NULL};
