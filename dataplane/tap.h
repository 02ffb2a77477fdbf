/*
 * The tap PMD: no signals, and a queue long enough.
 *
 * The PMD looks at its descriptor only after a signal (F_SETSIG), one for every packet that
 * arrives. They go to whichever thread is free, and a worker that poll() has woken finds nothing
 * until that thread has run. So the signals are turned off, and the worker calls the PMD's signal
 * handler itself, which does nothing but say "look again". With a PMD that works otherwise nothing
 * is found and nothing changed.
 *
 * The kernel keeps 1000 packets for us and drops what comes on top. A few connections with a window
 * of 1 MiB have more than that under way.
 */
#ifndef DP_TAP_H
#define DP_TAP_H

#include <stddef.h>
#include <stdint.h>

struct dp_tap {
	void (*look_again)(int signal); /* NULL: not needed */
	int signal;
};

/* The port is started and has a descriptor per receive queue. `name` is the kernel interface. */
void dp_tap_init(struct dp_tap *tap, const char *name, uint16_t port, uint16_t queues);

/* Before every receive burst. */
static inline void dp_tap_look(const struct dp_tap *tap)
{
	if (tap->look_again != NULL) {
		tap->look_again(tap->signal);
	}
}

#endif
