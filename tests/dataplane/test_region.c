/*
 * Shared regions: what they promise to control, and what the kernel keeps control from doing.
 */
#include "dataplane/region.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE ((size_t)10000) /* three pages, the last one not full */

static struct dp_region make(unsigned int flags)
{
	struct dp_region region;

	CU_ASSERT_EQUAL_FATAL(dp_region_create(&region, "test", SIZE, 0, flags), 0);
	return region;
}

static void is_rounded_zeroed_and_mapped(void)
{
	struct dp_region region = make(0);
	size_t nonzero = 0;

	CU_ASSERT_EQUAL(region.page_size, 4096);
	CU_ASSERT_EQUAL(region.size, 12288);
	for (size_t i = 0; i < region.size; i++) {
		nonzero += region.base[i] != 0;
	}
	CU_ASSERT_EQUAL(nonzero, 0);
	memset(region.base, 0xa5, region.size);
	dp_region_destroy(&region);
	CU_ASSERT_PTR_NULL(region.base);
	CU_ASSERT_EQUAL(region.fd, -1);
}

static void is_resident(void)
{
	struct dp_region region = make(0);
	unsigned char vec[3] = {0};

	CU_ASSERT_EQUAL(mincore(region.base, region.size, vec), 0);
	CU_ASSERT(vec[0] & vec[1] & vec[2] & 1);
	dp_region_destroy(&region);
}

static void size_cannot_change(void)
{
	struct dp_region region = make(0);

	CU_ASSERT_EQUAL(ftruncate(region.fd, 4096), -1);
	CU_ASSERT_EQUAL(errno, EPERM);
	CU_ASSERT_EQUAL(ftruncate(region.fd, 1 << 20), -1);
	CU_ASSERT_EQUAL(errno, EPERM);
	CU_ASSERT_EQUAL(fcntl(region.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	dp_region_destroy(&region);
}

static void *map(int fd, int prot)
{
	return mmap(NULL, 4096, prot, MAP_SHARED, fd, 0);
}

static void exported_is_read_only(void)
{
	struct dp_region region = make(0);
	int fd = dp_region_export(&region);

	CU_ASSERT_FATAL(fd >= 0);
	memcpy(region.base, "news", 4);
	const char *seen = map(fd, PROT_READ);
	CU_ASSERT_FATAL(seen != MAP_FAILED);
	CU_ASSERT_EQUAL(memcmp(seen, "news", 4), 0);
	CU_ASSERT_EQUAL(map(fd, PROT_READ | PROT_WRITE), MAP_FAILED);
	CU_ASSERT_EQUAL(mprotect((void *)seen, 4096, PROT_READ | PROT_WRITE), -1);
	CU_ASSERT_EQUAL(write(fd, "x", 1), -1);
	close(fd);
	dp_region_destroy(&region);
}

/* Root can reopen the file for writing whatever its mode says; the seal holds even then. */
static void reopened_is_not_writable(void)
{
	struct dp_region region = make(0);
	char path[64];
	struct stat st;
	int exported = dp_region_export(&region);

	CU_ASSERT_FATAL(exported >= 0);
	CU_ASSERT_EQUAL(fstat(exported, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0400);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", exported);
	int fd = open(path, O_RDWR);
	if (fd >= 0) {
		CU_ASSERT_EQUAL(map(fd, PROT_READ | PROT_WRITE), MAP_FAILED);
		CU_ASSERT_EQUAL(write(fd, "x", 1), -1);
		close(fd);
	}
	close(exported);
	region.base[0] = 1; /* our own mapping stays writable */
	dp_region_destroy(&region);
}

static void writable_is_writable(void)
{
	struct dp_region region = make(DP_REGION_WRITABLE);
	int fd = dp_region_export(&region);

	CU_ASSERT_FATAL(fd >= 0);
	char *seen = map(fd, PROT_READ | PROT_WRITE);
	CU_ASSERT_FATAL(seen != MAP_FAILED);
	seen[7] = 'x';
	CU_ASSERT_EQUAL(region.base[7], 'x');
	CU_ASSERT_EQUAL(ftruncate(fd, 0), -1);
	munmap(seen, 4096);
	close(fd);
	dp_region_destroy(&region);
}

static void refuses_what_cannot_be(void)
{
	struct dp_region region;

	CU_ASSERT_EQUAL(dp_region_create(&region, "test", 0, 0, 0), -EINVAL);
	CU_ASSERT(dp_region_create(&region, "test", (size_t)1 << 46, 0, DP_REGION_REQUIRED) < 0);
	CU_ASSERT_PTR_NULL(region.base);
	CU_ASSERT_EQUAL(region.fd, -1);
	dp_region_destroy(&region);
}

/* With hugepages or without: what was asked for is there. */
static void hugepages_are_optional(void)
{
	struct dp_region region = make(DP_REGION_HUGEPAGES);

	CU_ASSERT(region.page_size == 4096 || region.page_size == (size_t)2 << 20);
	CU_ASSERT_EQUAL(region.size % region.page_size, 0);
	CU_ASSERT(region.size >= SIZE);
	int fd = dp_region_export(&region);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
			MAP_FAILED);
	close(fd);
	dp_region_destroy(&region);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"is rounded, zeroed and mapped", is_rounded_zeroed_and_mapped},
		{"is resident", is_resident},
		{"its size cannot change", size_cannot_change},
		{"an exported descriptor is read-only", exported_is_read_only},
		{"a reopened descriptor is not writable", reopened_is_not_writable},
		{"a writable one is writable", writable_is_writable},
		{"refuses what cannot be", refuses_what_cannot_be},
		{"hugepages are optional", hugepages_are_optional},
		{NULL, NULL},
	};

	return suite_run("region", tests);
}
