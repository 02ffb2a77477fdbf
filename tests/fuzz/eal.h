/*
 * EAL for fuzz targets: no hugepages, no ports, nothing shared.
 */
#ifndef FUZZ_EAL_H
#define FUZZ_EAL_H

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <stdlib.h>

static inline void fuzz_start_eal(void)
{
	const char *argv[] = {
		"fuzz", "--no-huge",   "--no-shconf", "--no-pci",       "-m", "64", "-l",
		"0",    "--log-level", "error",       "--no-telemetry",
	};

	if (rte_eal_init((int)RTE_DIM(argv), (char **)(uintptr_t)argv) < 0) {
		abort();
	}
}

static inline struct rte_mempool *fuzz_pool(const char *name, uint16_t room)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, 1023, 0, 0, room, -1);

	if (!pool) {
		abort();
	}
	return pool;
}

/* What comes from the fuzzer, byte by byte; 0 when it is used up. */
struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

static inline uint32_t fuzz_byte(struct fuzz_input *in)
{
	if (in->left == 0) {
		return 0;
	}
	in->left--;
	return *in->data++;
}

static inline uint32_t fuzz_word(struct fuzz_input *in)
{
	uint32_t high = fuzz_byte(in);

	return high << 8 | fuzz_byte(in);
}

/* Copies `len` bytes, fewer when there are no more; returns how many. */
static inline uint32_t fuzz_bytes(struct fuzz_input *in, uint8_t *to, uint32_t len)
{
	uint32_t n = len < in->left ? len : (uint32_t)in->left;

	for (uint32_t i = 0; i < n; i++) {
		to[i] = in->data[i];
	}
	in->data += n;
	in->left -= n;
	return n;
}

#endif
