/*
 * The stack as a shared object for packetdrill. adapter.c has life cycle, time and wire,
 * adapter_calls.c and adapter_data.c the system calls, adapter_info.c the kernel's struct tcp_info,
 * report.c what is written for run-suite.
 *
 * packetdrill calls from two threads: its own, and one for system calls that a script expects to
 * block. One lock is held in every call. Time stands still unless packetdrill sleeps, looks at the
 * clock (a microsecond a call, or its busy waits never end) or waits for a packet. A call that
 * blocks really sleeps, as packetdrill looks into /proc for that; whoever moves time or the wire
 * lets it look again and waits until it sleeps once more or has read the clock, so that it returns
 * at the very time at which it could.
 */
#ifndef TESTS_PACKETDRILL_ADAPTER_H
#define TESTS_PACKETDRILL_ADAPTER_H

#include <pthread.h>
#include <stdio.h>

#include "drill.h"
#include "sockets.h"

enum waiter_state { WAITER_NONE, WAITER_ASLEEP, WAITER_WOKEN };

struct adapter {
	struct sockets sockets;
	pthread_mutex_t lock;
	pthread_cond_t wake;   /* the waiter may look again */
	pthread_cond_t asleep; /* it has */
	pthread_t main;
	enum waiter_state waiter;
	pthread_t waiter_thread;
	uint64_t waiter_until_us;
	bool no_push;       /* packetdrill shall not see PSH */
	FILE *log;          /* every packet, for run-suite's oracle */
	const char *states; /* file with the states of all connections, for its sockstat */
};

/* The calls of adapter_calls.c, and those of adapter_data.c. */
void adapter_calls_set(struct drill *drill);
void adapter_data_set(struct drill *drill);

#define ADAPTER_FOREVER UINT64_MAX

/* Begin and end of a call. A result of -errno becomes -1 and errno. */
struct adapter *adapter_enter(void *self);
int adapter_leave(struct adapter *adapter, int rc);
/* Sleeps, when the socket and the flags want it; false: the call is over. */
bool adapter_waits(struct adapter *adapter, const struct socket *socket, int flags,
		   uint64_t until_us);

/* Whose descriptors the getsockopt() of adapter_info.c knows; NULL: nobody's. */
void adapter_info_set(struct adapter *adapter);

/*
 * Sleeps until something may have changed, or `until_us`. False: it cannot, because packetdrill's
 * own thread called, or because it is late.
 */
bool adapter_wait(struct adapter *adapter, uint64_t until_us);

/* A host's tap. */
void report_packet(void *arg, char direction, const void *bytes, size_t len, uint64_t at_us);
void report_states(struct adapter *adapter);

#endif
