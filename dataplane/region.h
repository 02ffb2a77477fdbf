/*
 * Shared memory regions: sealed memfds that control may map.
 *
 * A region is created, placed on a NUMA node (libnuma), populated and mapped by the dataplane, then
 * sealed: its size cannot change, and (unless `writable`) no new writable mapping or write() is
 * possible, not even through a reopened descriptor. Descriptors that are handed over are opened
 * read-only, and the file mode keeps an unprivileged process from reopening them for writing.
 * Hugepages are used when asked for and there are any. No DPDK here.
 */
#ifndef DP_REGION_H
#define DP_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_region {
	uint8_t *base;
	size_t size;      /* multiple of page_size */
	size_t page_size; /* 4096 or the hugepage size */
	int fd;           /* ours, read-write; -1 when closed */
	int numa_node;    /* -1: not placed */
};

enum dp_region_flags {
	DP_REGION_HUGEPAGES = 1 << 0, /* try hugepages first */
	DP_REGION_REQUIRED = 1 << 1,  /* ... and fail without them */
	DP_REGION_WRITABLE = 1 << 2,  /* control may write it (sub) */
};

/* 0 or -errno. `size` is rounded up. The memory is zeroed and resident. */
int dp_region_create(struct dp_region *region, const char *name, size_t size, int numa_node,
		     unsigned int flags) __attribute__((warn_unused_result));
void dp_region_destroy(struct dp_region *region);

/* A new descriptor to hand over: read-only unless the region is writable. -errno on failure. */
int dp_region_export(const struct dp_region *region) __attribute__((warn_unused_result));

#endif
