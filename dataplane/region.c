#include "dataplane/region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <numa.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUGEPAGE_SIZE ((size_t)2 << 20)

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

/* Placement is a preference: a node without memory must not end the process by SIGBUS. */
static void place(void *base, size_t size, int numa_node)
{
	if (numa_node >= 0 && numa_available() >= 0 && numa_node <= numa_max_node()) {
		numa_tonode_memory(base, size, numa_node);
	}
}

static int populate(uint8_t *base, size_t size)
{
	/* Unlike a touch it returns an error where there is no memory, instead of SIGBUS. */
	if (madvise(base, size, MADV_POPULATE_WRITE) < 0) {
		return errno == EFAULT ? -ENOMEM : -errno;
	}
	return 0;
}

static int map(struct dp_region *region, int fd, size_t size, size_t page_size, int numa_node)
{
	size = round_up(size, page_size);
	if (ftruncate(fd, (off_t)size) < 0) {
		return -errno;
	}
	/* hugetlbfs reserves its pages here, so that a lack of them shows now. */
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		return -errno;
	}
	place(base, size, numa_node);
	int err = populate(base, size);
	if (err < 0) {
		munmap(base, size);
		return err;
	}
	*region = (struct dp_region){
		.base = base,
		.size = size,
		.page_size = page_size,
		.fd = fd,
		.numa_node = numa_node,
	};
	return 0;
}

/*
 * The mode keeps a process of another user from reopening the file for writing through /proc (the
 * descriptor's own access mode does not); the seals keep everybody from changing its size.
 */
static int seal(int fd, unsigned int flags)
{
	bool writable = flags & DP_REGION_WRITABLE;
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	if (fchmod(fd, writable ? 0600 : 0400) < 0) {
		return -errno;
	}
	if (!writable) {
		seals |= F_SEAL_FUTURE_WRITE;
	}
	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

static int create(struct dp_region *region, const char *name, size_t size, int numa_node,
		  bool hugepages)
{
	unsigned int flags = MFD_ALLOW_SEALING | MFD_CLOEXEC;
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

	if (hugepages) {
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
		page_size = HUGEPAGE_SIZE;
	}
	int fd = memfd_create(name, flags);
	if (fd < 0) {
		return -errno;
	}
	int err = map(region, fd, size, page_size, numa_node);
	if (err < 0) {
		close(fd);
	}
	return err;
}

int dp_region_create(struct dp_region *region, const char *name, size_t size, int numa_node,
		     unsigned int flags)
{
	int err = -ENOMEM;

	*region = (struct dp_region){.fd = -1};
	if (size == 0) {
		return -EINVAL;
	}
	if (flags & (DP_REGION_HUGEPAGES | DP_REGION_REQUIRED)) {
		err = create(region, name, size, numa_node, true);
	}
	if (err < 0 && !(flags & DP_REGION_REQUIRED)) {
		err = create(region, name, size, numa_node, false);
	}
	if (err < 0) {
		return err;
	}
	err = seal(region->fd, flags);
	if (err < 0) {
		dp_region_destroy(region);
	}
	return err;
}

void dp_region_destroy(struct dp_region *region)
{
	if (region->base != NULL) {
		munmap(region->base, region->size);
	}
	if (region->fd >= 0) {
		close(region->fd);
	}
	*region = (struct dp_region){.fd = -1};
}

static bool is_writable(int fd)
{
	return !(fcntl(fd, F_GET_SEALS) & F_SEAL_FUTURE_WRITE);
}

int dp_region_export(const struct dp_region *region)
{
	char path[32];

	/* A descriptor of its own, not a duplicate: duplicates share the access mode. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", region->fd);
	int fd = open(path, (is_writable(region->fd) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
