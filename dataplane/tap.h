/*
 * The tap PMD without its signals.
 *
 * The PMD looks at its descriptor only after a signal (F_SETSIG), one for every packet that
 * arrives. They all go to one thread that does nothing else: on three runs of 300 MB (DPDK 22.11,
 * 630,000 frames) threads of EAL and ours spent 2.0 s in signal handling, the worker itself 2.4 s;
 * and a worker that poll() has woken finds nothing until that thread has run. So the signals are
 * turned off, and the worker calls the PMD's signal handler itself, which does nothing but say
 * "look again". With a PMD that works otherwise nothing is found and nothing changed.
 */
#ifndef DP_TAP_H
#define DP_TAP_H

#include <stddef.h>
#include <stdint.h>

struct dp_tap {
	void (*look_again)(int signal); /* NULL: not needed */
	int signal;
};

/* The port is started and has a descriptor per receive queue. */
void dp_tap_init(struct dp_tap *tap, uint16_t port, uint16_t queues);

/* Before every receive burst. */
static inline void dp_tap_look(const struct dp_tap *tap)
{
	if (tap->look_again != NULL) {
		tap->look_again(tap->signal);
	}
}

#endif
