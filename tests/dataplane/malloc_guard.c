/*
 * An allocator that aborts: preloaded into the real dataplane, it proves that workers allocate
 * nothing once they run. The dataplane finds dp_malloc_guard() by name and calls it on each
 * worker's thread when its loop begins (true) and ends (false).
 *
 *	LD_PRELOAD=libmalloc_guard.so penstock-dataplane -c FILE
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own names for what we stand in front of. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *old);

void dp_malloc_guard(bool armed);

/* initial-exec: the first access must not itself allocate. */
static __thread bool guarded __attribute__((tls_model("initial-exec")));

void dp_malloc_guard(bool armed)
{
	guarded = armed;
}

/* In one write(): other threads have their own lines there. */
static void check(const char *what)
{
	char line[64];

	if (!guarded) {
		return;
	}
	guarded = false; /* abort() may allocate */
	(void)stpcpy(stpcpy(stpcpy(line, "malloc_guard: a worker called "), what), "\n");
	ssize_t written = write(STDERR_FILENO, line, strlen(line));
	(void)written;
	abort();
}

void *malloc(size_t size)
{
	check("malloc");
	return __libc_malloc(size);
}

void *calloc(size_t nmemb, size_t size)
{
	check("calloc");
	return __libc_calloc(nmemb, size);
}

void *realloc(void *ptr, size_t size)
{
	check("realloc");
	return __libc_realloc(ptr, size);
}

void *memalign(size_t align, size_t size);
void *memalign(size_t align, size_t size)
{
	check("memalign");
	return __libc_memalign(align, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	check("aligned_alloc");
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **memptr, size_t alignment, size_t size)
{
	check("posix_memalign");
	*memptr = __libc_memalign(alignment, size);
	return *memptr != NULL ? 0 : ENOMEM;
}

void free(void *ptr)
{
	if (ptr != NULL) {
		check("free");
	}
	__libc_free(ptr);
}
