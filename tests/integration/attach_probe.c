/*
 * attach-probe: attaches to a dataplane as control would and then tries to write what control must
 * not write (control/abi/include/abi/attach.h).
 *
 *	attach-probe RUN_DIR USER
 *
 * Runs as USER from the first system call to the socket on; as root it shows that the seals hold
 * even where the file mode does not. One line per attempt; exit code 0 when every forbidden one
 * failed and every allowed one succeeded (otherwise the probe itself would prove nothing).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/falloc.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/attach.h"
#include "abi/sub.h"

#define PAGE 4096u

struct region {
	const char *name;
	int fd;
	uint64_t size;
	bool writable; /* `sub` */
};

static unsigned int failures;

static void verdict(const struct region *region, const char *attempt, bool as_it_should,
		    const char *outcome)
{
	printf("%s %s: %s: %s\n", as_it_should ? "ok" : "FAIL", region->name, attempt, outcome);
	failures += !as_it_should;
}

static void expect(const struct region *region, const char *attempt, bool succeeded, bool allowed)
{
	verdict(region, attempt, succeeded == allowed, succeeded ? "succeeded" : strerror(errno));
}

static void try_map(const struct region *region, int fd, const char *attempt, bool allowed)
{
	uint8_t *at = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	expect(region, attempt, at != MAP_FAILED, allowed);
	if (at != MAP_FAILED) {
		munmap(at, region->size);
	}
}

/* Reading must work, and a read-only mapping must not turn writable. */
static void try_protect(const struct region *region)
{
	uint8_t *at = mmap(NULL, region->size, PROT_READ, MAP_SHARED, region->fd, 0);

	expect(region, "mmap read-only", at != MAP_FAILED, true);
	if (at == MAP_FAILED) {
		return;
	}
	expect(region, "mprotect to writable", mprotect(at, PAGE, PROT_READ | PROT_WRITE) == 0,
	       region->writable);
	munmap(at, region->size);
}

static void try_write(const struct region *region, int fd, const char *attempt)
{
	uint8_t byte = 0;

	/* Beyond everything that is in use: should it succeed, it harms nobody. */
	expect(region, attempt, pwrite(fd, &byte, 1, (off_t)region->size - 1) == 1, false);
}

static void try_size(const struct region *region, int fd, const char *shrink, const char *grow)
{
	off_t size = (off_t)region->size;

	expect(region, shrink, ftruncate(fd, 0) == 0, false);
	expect(region, grow, ftruncate(fd, size * 2) == 0, false);
}

static void try_punch(const struct region *region, int fd, const char *attempt)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	off_t length = (off_t)region->size;

	expect(region, attempt, fallocate(fd, mode, 0, length) == 0, false);
}

/* Through /proc a descriptor can be opened anew, with a mode of one's own choice. */
static void try_reopen(const struct region *region, bool root)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", region->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (!root) {
		expect(region, "reopen O_RDWR", fd >= 0, false);
	}
	if (fd < 0) {
		return;
	}
	try_map(region, fd, "mmap writable, reopened", false);
	try_write(region, fd, "pwrite, reopened");
	try_size(region, fd, "shrink, reopened", "grow, reopened");
	try_punch(region, fd, "punch hole, reopened");
	close(fd);
}

static void try_seal(const struct region *region)
{
	expect(region, "add a seal", fcntl(region->fd, F_ADD_SEALS, F_SEAL_WRITE) == 0, false);
}

static void probe_region(const struct region *region, bool root)
{
	struct stat st;
	bool right = fstat(region->fd, &st) == 0 && (uint64_t)st.st_size == region->size;

	verdict(region, "size is what was announced", right, right ? "yes" : "no");
	try_protect(region);
	try_map(region, region->fd, "mmap writable", region->writable);
	try_size(region, region->fd, "shrink", "grow");
	try_seal(region);
	if (!region->writable) {
		try_write(region, region->fd, "pwrite");
		try_punch(region, region->fd, "punch hole");
		try_reopen(region, root);
	}
}

static int become(const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (!pw) {
		return -1;
	}
	if (pw->pw_uid == 0) {
		return 0;
	}
	return setgroups(0, NULL) || setgid(pw->pw_gid) || setuid(pw->pw_uid);
}

static int attach(const char *run_dir, struct abi_attach_reply *reply)
{
	struct abi_attach_request request = {
		.magic = ABI_MAGIC,
		.version = ABI_VERSION,
		.pid = (uint32_t)getpid(),
	};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/dataplane.sock", run_dir);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
	    send(fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request) ||
	    recv(fd, reply, sizeof(*reply), MSG_WAITALL) != sizeof(*reply)) {
		perror("attach");
		return -1;
	}
	if (reply->magic != ABI_MAGIC || reply->status != ABI_ATTACH_OK) {
		fprintf(stderr, "attach: refused with status %u\n", reply->status);
		return -1;
	}
	return fd;
}

/* One struct abi_attach_worker with its descriptors. */
static int receive_worker(int fd, struct abi_attach_worker *worker, int fds[ABI_ATTACH_FDS])
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * ABI_ATTACH_FDS)];
	} control;
	struct iovec iov = {.iov_base = worker, .iov_len = sizeof(*worker)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *cmsg;

	if (recvmsg(fd, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(*worker)) {
		return -1;
	}
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_len != CMSG_LEN(sizeof(int) * ABI_ATTACH_FDS)) {
		return -1;
	}
	memcpy(fds, CMSG_DATA(cmsg), sizeof(int) * ABI_ATTACH_FDS);
	return 0;
}

static int probe_worker(int fd, bool root)
{
	struct abi_attach_worker worker;
	int fds[ABI_ATTACH_FDS];

	if (receive_worker(fd, &worker, fds) < 0) {
		fputs("attach: no descriptors came\n", stderr);
		return -1;
	}
	const struct region regions[] = {
		{"packets", fds[ABI_FD_PACKETS], worker.packets_size, false},
		{"pub", fds[ABI_FD_PUB], worker.pub_size, false},
		{"sub", fds[ABI_FD_SUB], worker.sub_size, true},
	};
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		probe_region(&regions[i], root);
	}
	for (int i = 0; i < ABI_ATTACH_FDS; i++) {
		close(fds[i]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct abi_attach_reply reply;
	int fd;

	if (argc != 3) {
		fputs("usage: attach-probe RUN_DIR USER\n", stderr);
		return 2;
	}
	if (become(argv[2]) != 0) {
		fprintf(stderr, "cannot become %s\n", argv[2]);
		return 2;
	}
	fd = attach(argv[1], &reply);
	if (fd < 0) {
		return 2;
	}
	for (uint32_t i = 0; i < reply.workers; i++) {
		if (probe_worker(fd, getuid() == 0) < 0) {
			return 2;
		}
	}
	close(fd);
	printf("attach-probe: %u workers, %u failures\n", reply.workers, failures);
	return failures ? 1 : 0;
}
