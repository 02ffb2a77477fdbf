/*
 * The attach socket with one worker behind it: who gets in, what it gets, and what happens when it
 * goes. Time limits are waited for, not measured.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/attach.h"
#include "dataplane/link.h"
#include "dataplane/publish.h"
#include "publisher.h"
#include "world.h"

#define CONTROL_TIMEOUT_US 300000u

static struct world world;
static struct dp_link_counts counts;
static struct dp_link *dp_link;
static char run_dir[] = "/tmp/penstock-test-XXXXXX";

static struct dp_link *make_link(uid_t uid)
{
	static struct dp_link_worker worker;
	struct dp_link_config config = {
		.run_dir = run_dir,
		.uid = uid,
		.gid = getgid(),
		.generation = 77,
		.control_timeout_us = CONTROL_TIMEOUT_US,
		.counts = &counts,
		.workers = &worker,
		.workers_count = 1,
	};

	worker = (struct dp_link_worker){
		.ingest = world.ingest,
		.packets = &world.packets.region,
		.pub = &world.pub_region,
		.streams = world.memory.streams,
		.numa_node = -1,
		.news_fd = world.news_fd,
		.events_fd = world.events_fd,
		.commands_fd = world.events_fd,
	};
	return dp_link_create(&config);
}

static void start(void)
{
	world_init(&world);
	world_open(&world);
	memset(&counts, 0, sizeof(counts));
	dp_link = make_link(getuid());
	CU_ASSERT_PTR_NOT_NULL_FATAL(dp_link);
}

static void stop(void)
{
	world_detach(&world);
	dp_link_destroy(dp_link);
	world_close(&world);
}

static void turn(void)
{
	struct pollfd fd = {.fd = dp_link_fd(dp_link), .events = POLLIN};

	if (poll(&fd, 1, 2) > 0) {
		dp_link_poll(dp_link);
	}
	world_poll(&world);
}

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dataplane.sock", run_dir);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void ask(int fd, uint32_t version)
{
	struct abi_attach_request request = {.magic = ABI_MAGIC, .version = version};

	CU_ASSERT_EQUAL(send(fd, &request, sizeof(request), MSG_NOSIGNAL), sizeof(request));
}

/* Runs the link until `len` bytes came, or the end. Returns how many. */
static size_t receive(int fd, void *data, size_t len, int *fds)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(ABI_ATTACH_FDS * sizeof(int))];
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};

	for (int i = 0; i < 5000; i++) {
		turn();
		msg.msg_controllen = sizeof(control);
		ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);
		if (n < 0) {
			continue;
		}
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg && fds) {
			CU_ASSERT_EQUAL(cmsg->cmsg_len, CMSG_LEN(ABI_ATTACH_FDS * sizeof(int)));
			memcpy(fds, CMSG_DATA(cmsg), ABI_ATTACH_FDS * sizeof(int));
		}
		return (size_t)n;
	}
	CU_FAIL("no answer");
	return 0;
}

static uint32_t status_of(int fd)
{
	struct abi_attach_reply reply = {.status = 99};

	CU_ASSERT_EQUAL(receive(fd, &reply, sizeof(reply), NULL), sizeof(reply));
	CU_ASSERT_EQUAL(reply.magic, ABI_MAGIC);
	return reply.status;
}

static int attach(struct abi_attach_worker *worker, int *fds)
{
	int fd = dial();

	for (int i = 0; i < (int)ABI_ATTACH_FDS; i++) {
		fds[i] = -1;
	}
	ask(fd, ABI_VERSION);
	CU_ASSERT_EQUAL_FATAL(status_of(fd), ABI_ATTACH_OK);
	CU_ASSERT_EQUAL_FATAL(receive(fd, worker, sizeof(*worker), fds), sizeof(*worker));
	CU_ASSERT_FATAL(fds[ABI_ATTACH_FDS - 1] >= 0);
	return fd;
}

static void close_all(int *fds)
{
	for (int i = 0; i < (int)ABI_ATTACH_FDS; i++) {
		close(fds[i]);
	}
}

static void wait_detached(void)
{
	for (int i = 0; i < 1000 && dp_ingest_sub(world.ingest); i++) {
		turn();
	}
	CU_ASSERT_PTR_NULL(dp_ingest_sub(world.ingest));
	for (int i = 0; i < 20; i++) {
		turn();
	}
}

static void check_sub(const struct abi_attach_worker *worker, const int *fds, uint64_t epoch)
{
	struct abi_sub *sub = mmap(NULL, worker->sub_size, PROT_READ | PROT_WRITE, MAP_SHARED,
				   fds[ABI_FD_SUB], 0);

	CU_ASSERT_PTR_NOT_EQUAL_FATAL(sub, MAP_FAILED);
	CU_ASSERT_EQUAL(sub->magic, ABI_MAGIC);
	CU_ASSERT_EQUAL(sub->epoch, epoch);
	CU_ASSERT_EQUAL(sub->generation, 77);
	CU_ASSERT_EQUAL(sub->streams, world.memory.streams);
	/* It is the one that the worker uses, already. */
	CU_ASSERT_PTR_NOT_NULL(dp_ingest_sub(world.ingest));
	CU_ASSERT_EQUAL(atomic_load(&world.pub->epoch), epoch);
	atomic_store(&sub->heartbeat_us, 12345);
	CU_ASSERT_EQUAL(atomic_load(&dp_ingest_sub(world.ingest)->heartbeat_us), 12345);
	munmap(sub, worker->sub_size);
}

static void check_read_only(int fd, uint64_t size)
{
	CU_ASSERT_PTR_EQUAL(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
			    MAP_FAILED);
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL(map, MAP_FAILED);
	munmap(map, size);
	CU_ASSERT_NOT_EQUAL(ftruncate(fd, 0), 0);
}

static void test_attach(void)
{
	struct abi_attach_worker worker;
	int fds[ABI_ATTACH_FDS];
	struct stat st;
	char path[128];

	start();
	snprintf(path, sizeof(path), "%s/dataplane.sock", run_dir);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0660);
	for (uint64_t epoch = 1; epoch <= 3; epoch++) {
		int fd = attach(&worker, fds);
		CU_ASSERT_EQUAL(worker.worker, 0);
		CU_ASSERT_EQUAL(worker.packets_size, world.packets.region.size);
		check_read_only(fds[ABI_FD_PACKETS], worker.packets_size);
		check_read_only(fds[ABI_FD_PUB], worker.pub_size);
		check_sub(&worker, fds, epoch);
		close_all(fds);
		close(fd);
		wait_detached();
		CU_ASSERT_EQUAL(atomic_load(&world.pub->epoch), 0);
	}
	stop();
	CU_ASSERT_NOT_EQUAL(stat(path, &st), 0);
}

static void test_busy(void)
{
	struct abi_attach_worker worker;
	int fds[ABI_ATTACH_FDS];

	start();
	int first = attach(&worker, fds);
	int second = dial();
	ask(second, ABI_VERSION);
	CU_ASSERT_EQUAL(status_of(second), ABI_ATTACH_BUSY);
	char byte;
	CU_ASSERT_EQUAL(receive(second, &byte, 1, NULL), 0);
	close(second);
	CU_ASSERT_PTR_NOT_NULL(dp_ingest_sub(world.ingest));
	/* The first one goes: the next gets in. */
	close(first);
	close_all(fds);
	wait_detached();
	first = attach(&worker, fds);
	close_all(fds);
	close(first);
	wait_detached();
	stop();
}

static void test_version(void)
{
	start();
	int fd = dial();
	ask(fd, ABI_VERSION + 1);
	CU_ASSERT_EQUAL(status_of(fd), ABI_ATTACH_VERSION);
	close(fd);
	CU_ASSERT_PTR_NULL(dp_ingest_sub(world.ingest));
	stop();
}

/* A child that is another user gets no descriptor. */
static void test_denied(void)
{
	int status = 0;

	if (getuid() != 0) {
		return; /* who is not root cannot be two users */
	}
	start();
	CU_ASSERT_EQUAL(chmod(run_dir, 0777), 0);
	char path[128];
	snprintf(path, sizeof(path), "%s/dataplane.sock", run_dir);
	CU_ASSERT_EQUAL(chmod(path, 0777), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct abi_attach_reply reply = {.status = 99};
		if (setuid(65534) != 0) {
			_exit(1);
		}
		int fd = dial();
		_exit(recv(fd, &reply, sizeof(reply), MSG_WAITALL) == sizeof(reply) &&
				      reply.status == ABI_ATTACH_DENIED
			      ? 0
			      : 2);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		turn();
	}
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
	stop();
}

/* Silent ones fill the table, then lose their places; a request in pieces is read. */
static void test_slow(void)
{
	struct abi_attach_request request = {.magic = ABI_MAGIC, .version = ABI_VERSION};
	int silent[4];
	char byte;

	start();
	for (int i = 0; i < 4; i++) {
		silent[i] = dial();
	}
	for (int i = 0; i < 20; i++) {
		turn();
	}
	int late = dial();
	CU_ASSERT_EQUAL(status_of(late), ABI_ATTACH_BUSY);
	close(late);
	CU_ASSERT_EQUAL(receive(silent[0], &byte, 1, NULL), 0);
	for (int i = 0; i < 4; i++) {
		close(silent[i]);
	}
	for (int i = 0; i < 20; i++) {
		turn();
	}
	int fd = dial();
	for (size_t i = 0; i < sizeof(request); i++) {
		CU_ASSERT_EQUAL(send(fd, (char *)&request + i, 1, MSG_NOSIGNAL), 1);
		turn();
	}
	CU_ASSERT_EQUAL(status_of(fd), ABI_ATTACH_OK);
	close(fd);
	wait_detached();
	stop();
}

/* Gone before the answer; talking after it. */
static void test_rude(void)
{
	struct abi_attach_worker worker;
	int fds[ABI_ATTACH_FDS];

	start();
	int fd = dial();
	ask(fd, ABI_VERSION);
	close(fd);
	for (int i = 0; i < 50; i++) {
		turn();
	}
	wait_detached();
	fd = attach(&worker, fds);
	CU_ASSERT_EQUAL(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	wait_detached();
	close_all(fds);
	close(fd);
	stop();
}

/* A second dataplane does not take the socket of one that lives, but that of one that died. */
static void test_socket_in_the_way(void)
{
	start();
	errno = 0;
	CU_ASSERT_PTR_NULL(make_link(getuid()));
	CU_ASSERT_EQUAL(errno, EADDRINUSE);
	stop();
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dataplane.sock", run_dir);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	start();
	stop();
}

/*
 * A control of its own process. It writes a byte to `told` when it is attached; `live` says what it
 * does from then on.
 */
struct child {
	pid_t pid;
	int told;
};

static int attach_as_child(int *fds)
{
	struct abi_attach_request request = {.magic = ABI_MAGIC, .version = ABI_VERSION};
	alignas(struct cmsghdr) char control[CMSG_SPACE(ABI_ATTACH_FDS * sizeof(int))];
	struct abi_attach_worker worker;
	struct abi_attach_reply reply;
	struct iovec iov = {.iov_base = &worker, .iov_len = sizeof(worker)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	const struct cmsghdr *cmsg;
	int fd = dial();

	if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request) ||
	    recv(fd, &reply, sizeof(reply), MSG_WAITALL) != sizeof(reply) ||
	    reply.status != ABI_ATTACH_OK ||
	    recvmsg(fd, &msg, MSG_WAITALL) != (ssize_t)sizeof(worker)) {
		_exit(9);
	}
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg == NULL || cmsg->cmsg_len != CMSG_LEN(ABI_ATTACH_FDS * sizeof(int))) {
		_exit(9);
	}
	memcpy(fds, CMSG_DATA(cmsg), ABI_ATTACH_FDS * sizeof(int));
	return fd;
}

static struct child spawn(void (*live)(int fd, struct abi_sub *sub))
{
	int told[2];

	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	struct child child = {.told = told[0], .pid = fork()};
	if (child.pid == 0) {
		int fds[ABI_ATTACH_FDS];
		int fd = attach_as_child(fds);
		struct abi_sub *sub = mmap(NULL, abi_sub_size(world.memory.streams),
					   PROT_READ | PROT_WRITE, MAP_SHARED, fds[ABI_FD_SUB], 0);
		(void)!write(told[1], "x", 1);
		live(fd, sub);
		_exit(0);
	}
	close(told[1]);
	struct pollfd ready = {.fd = told[0], .events = POLLIN};
	for (int i = 0; i < 5000 && poll(&ready, 1, 0) == 0; i++) {
		turn();
	}
	turn();
	CU_ASSERT_PTR_NOT_NULL_FATAL(dp_ingest_sub(world.ingest));
	return child;
}

/* Waits for its end; the signal that it died of, 0 for none. */
static int reap(const struct child *child)
{
	int status = 0;

	while (waitpid(child->pid, &status, WNOHANG) == 0) {
		turn();
	}
	close(child->told);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void beat(struct abi_sub *sub, uint64_t ms)
{
	for (uint64_t i = 1; i <= ms / 10; i++) {
		atomic_store(&sub->heartbeat_us, i);
		usleep(10000);
	}
}

static void live_well(int fd, struct abi_sub *sub)
{
	(void)fd;
	beat(sub, 900); /* three times the limit */
}

static void live_silently(int fd, struct abi_sub *sub)
{
	(void)fd;
	(void)sub;
	sleep(60);
}

static void live_unplugged(int fd, struct abi_sub *sub)
{
	close(fd);
	beat(sub, 60000);
}

static void live_busily(int fd, struct abi_sub *sub)
{
	(void)fd;
	beat(sub, 60000);
}

static void test_heartbeat(void)
{
	start();
	struct child child = spawn(live_well);
	CU_ASSERT_EQUAL(reap(&child), 0);
	wait_detached();
	CU_ASSERT_EQUAL(atomic_load(&counts.attaches), 1);
	CU_ASSERT_EQUAL(atomic_load(&counts.exits), 1);
	CU_ASSERT_EQUAL(atomic_load(&counts.kills), 0);
	stop();
}

static void test_silent_control(void)
{
	start();
	struct child child = spawn(live_silently);
	CU_ASSERT_EQUAL(reap(&child), SIGKILL);
	wait_detached();
	CU_ASSERT_EQUAL(atomic_load(&counts.kills), 1);
	/* The next one gets in. */
	child = spawn(live_well);
	CU_ASSERT_EQUAL(reap(&child), 0);
	wait_detached();
	CU_ASSERT_EQUAL(atomic_load(&counts.exits), 2);
	stop();
}

static void test_stopped_control(void)
{
	start();
	struct child child = spawn(live_busily);
	CU_ASSERT_EQUAL(kill(child.pid, SIGSTOP), 0);
	CU_ASSERT_EQUAL(reap(&child), SIGKILL);
	wait_detached();
	CU_ASSERT_EQUAL(atomic_load(&counts.kills), 1);
	stop();
}

/* The dataplane ends: a control that does not listen is not its business any more. */
static void test_farewell(void)
{
	start();
	struct child child = spawn(live_silently);
	dp_link_farewell(dp_link);
	for (int i = 0; i < 400; i++) {
		turn();
	}
	CU_ASSERT_EQUAL(atomic_load(&counts.kills), 0);
	CU_ASSERT_EQUAL(kill(child.pid, SIGTERM), 0);
	CU_ASSERT_EQUAL(reap(&child), SIGTERM);
	wait_detached();
	stop();
}

/* The connection ended, the process lives and may read: others wait until it is killed. */
static void test_unplugged_control(void)
{
	start();
	struct child child = spawn(live_unplugged);
	for (int i = 0; i < 20; i++) {
		turn();
	}
	CU_ASSERT_PTR_NOT_NULL(dp_ingest_sub(world.ingest));
	int second = dial();
	ask(second, ABI_VERSION);
	CU_ASSERT_EQUAL(status_of(second), ABI_ATTACH_BUSY);
	close(second);
	CU_ASSERT_PTR_NOT_NULL(dp_ingest_sub(world.ingest));
	CU_ASSERT_EQUAL(reap(&child), SIGKILL);
	wait_detached();
	stop();
}

static struct publisher publisher;

/* Accepted by the test, over the `sub` that the worker uses. */
static uint32_t go_live(void)
{
	world.sub = dp_ingest_sub(world.ingest);
	world.event_tail = atomic_load(&world.pub->event_head);
	uint32_t slot = publisher_go_live(&publisher, &world, "key", 4096, 1448);
	world.sub = NULL;
	return slot;
}

/* A heartbeat alone does not do: what ended has to be released. */
static void test_hung_relay(void)
{
	start();
	struct child child = spawn(live_busily);
	uint32_t slot = go_live();
	publisher_close(&publisher);
	CU_ASSERT_EQUAL(atomic_load(&world_stream(&world, slot)->state), ABI_STREAM_ENDED);
	world.now_us += PUBLISH_LINGER_US + 1;
	CU_ASSERT_EQUAL(reap(&child), SIGKILL);
	wait_detached();
	CU_ASSERT_EQUAL(atomic_load(&counts.kills), 1);
	stop();
}

/* What a new control finds in its `sub` before it was told anything. */
static void test_seeded(void)
{
	struct abi_attach_worker worker;
	int fds[ABI_ATTACH_FDS];

	start();
	int fd = attach(&worker, fds);
	uint32_t slot = go_live();
	uint64_t generation = atomic_load(&world_stream(&world, slot)->generation);
	close_all(fds);
	close(fd);
	wait_detached();
	fd = attach(&worker, fds);
	struct abi_sub *sub =
		mmap(NULL, worker.sub_size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[ABI_FD_SUB], 0);
	CU_ASSERT_EQUAL(atomic_load(&sub->tail[slot].generation), generation);
	CU_ASSERT_EQUAL(atomic_load(&sub->tail[slot].position),
			atomic_load(&world_stream(&world, slot)->reclaimed));
	CU_ASSERT_EQUAL(atomic_load(&sub->event_tail), atomic_load(&world.pub->event_head));
	munmap(sub, worker.sub_size);
	publisher_close(&publisher);
	close_all(fds);
	close(fd);
	wait_detached();
	stop();
}

int main(void)
{
	world_start_eal();
	if (!mkdtemp(run_dir)) {
		perror(run_dir);
		return 2;
	}
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("link", NULL, NULL);
	CU_add_test(suite, "attach", test_attach);
	CU_add_test(suite, "one at a time", test_busy);
	CU_add_test(suite, "version", test_version);
	CU_add_test(suite, "another user", test_denied);
	CU_add_test(suite, "slow clients", test_slow);
	CU_add_test(suite, "rude clients", test_rude);
	CU_add_test(suite, "socket in the way", test_socket_in_the_way);
	CU_add_test(suite, "heartbeat", test_heartbeat);
	CU_add_test(suite, "control without heartbeat", test_silent_control);
	CU_add_test(suite, "stopped control", test_stopped_control);
	CU_add_test(suite, "farewell", test_farewell);
	CU_add_test(suite, "control that hung up and lives", test_unplugged_control);
	CU_add_test(suite, "control that does not release", test_hung_relay);
	CU_add_test(suite, "seeded tails", test_seeded);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	(void)rmdir(run_dir);
	return failures != 0;
}
