#include "dataplane/local_memory.h"

#include <errno.h>
#include <numa.h>
#include <sys/mman.h>

void *local_alloc(size_t size, int numa_node)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		return NULL;
	}
	/* A preference: a node without memory must not end the process. */
	if (numa_node >= 0 && numa_available() >= 0 && numa_node <= numa_max_node()) {
		numa_tonode_memory(memory, size, numa_node);
	}
	if (madvise(memory, size, MADV_POPULATE_WRITE) < 0) {
		int err = errno == EFAULT ? ENOMEM : errno;
		munmap(memory, size);
		errno = err;
		return NULL;
	}
	return memory;
}

void local_free(void *memory, size_t size)
{
	if (memory) {
		munmap(memory, size);
	}
}
