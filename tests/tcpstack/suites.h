/* The suites of this folder; each test_<file>.c defines the tests of one of them. */
#ifndef TESTS_TCPSTACK_SUITES_H
#define TESTS_TCPSTACK_SUITES_H

#include <CUnit/CUnit.h>

#define TCPSTACK_SUITES(X) \
	X(seq)             \
	X(siphash)         \
	X(options)         \
	X(chain)           \
	X(checksum)        \
	X(flow_table)      \
	X(timers)          \
	X(ooo_queue)       \
	X(scoreboard)      \
	X(send_queue)      \
	X(state_table)     \
	X(states)          \
	X(segment)         \
	X(gro)             \
	X(ecn)             \
	X(offload)         \
	X(icmp)            \
	X(open)            \
	X(cookie)          \
	X(limiter)         \
	X(source)          \
	X(validate)        \
	X(receive)         \
	X(window)          \
	X(tune)            \
	X(oracle)          \
	X(many)            \
	X(send)            \
	X(recovery)        \
	X(dupack)          \
	X(rto)             \
	X(persist)         \
	X(rack)            \
	X(tlp)             \
	X(prr)             \
	X(undo)            \
	X(cubic)           \
	X(hystart)         \
	X(sender)          \
	X(timeout)         \
	X(close)           \
	X(stack)           \
	X(trace)           \
	X(info)

#define DECLARE_SUITE(name) extern CU_TestInfo name##_tests[];
TCPSTACK_SUITES(DECLARE_SUITE)
#undef DECLARE_SUITE

#endif
