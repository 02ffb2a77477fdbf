/*
 * Memory of one worker on its own NUMA node: zeroed, resident, cache-line aligned, for start-up
 * only.
 */
#ifndef DP_LOCAL_MEMORY_H
#define DP_LOCAL_MEMORY_H

#include <stddef.h>

/* NULL with errno. `numa_node` -1: any. */
void *local_alloc(size_t size, int numa_node);
void local_free(void *memory, size_t size);

#endif
