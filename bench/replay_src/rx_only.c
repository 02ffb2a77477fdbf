#include "bench/replay_src/rx_only.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdlib.h>

#define BURST 32u /* of a worker */

int rx_only_init(struct rx_only *rx, uint16_t port, uint16_t queue, uint32_t hold)
{
	*rx = (struct rx_only){.port = port, .queue = queue, .hold = hold / BURST * BURST};
	rx->held = calloc(rx->hold + BURST, sizeof(struct rte_mbuf *));
	return rx->held != NULL ? 0 : -ENOMEM;
}

void rx_only_fini(struct rx_only *rx)
{
	free(rx->held);
	rx->held = NULL;
}

int rx_only_run(void *arg)
{
	struct rx_only *rx = arg;
	uint32_t at = 0; /* a ring of bursts */

	while (!atomic_load_explicit(&rx->stop, memory_order_relaxed)) {
		struct rte_mbuf **burst = rx->held + at;

		if (burst[0] != NULL) {
			rte_pktmbuf_free_bulk(burst, BURST);
		}
		uint16_t count = rte_eth_rx_burst(rx->port, rx->queue, burst, BURST);
		for (uint16_t i = count; i < BURST; i++) {
			burst[i] = NULL;
		}
		at = at + BURST > rx->hold ? 0 : at + BURST;
	}
	rte_pktmbuf_free_bulk(rx->held, rx->hold + BURST);
	return 0;
}
