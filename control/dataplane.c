#include "dataplane.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_SECONDS 2

static int fail(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, DATAPLANE_ERROR_MAX, format, args);
	va_end(args);
	return -1;
}

/* Layout */

static bool table_valid(uint64_t offset, uint64_t count, uint64_t item, uint64_t size)
{
	return offset % 64 == 0 && offset >= sizeof(struct abi_pub) && offset <= size &&
	       count <= (size - offset) / item;
}

static bool names_valid(const struct abi_pub *pub, const struct abi_names *part)
{
	return part->first <= pub->names && part->count <= pub->names - part->first;
}

/* What abi/inspect.h describes. */
static bool inspect_valid(const struct abi_pub *pub)
{
	uint64_t size = pub->size;
	uint32_t records = pub->trace_records;

	return records > 0 && (records & (records - 1)) == 0 && records <= 1U << 24 &&
	       pub->names <= ABI_NAMES_MAX && pub->trace_events <= ABI_TRACE_EVENTS_MAX &&
	       table_valid(pub->trace_offset, 1, abi_trace_size(records), size) &&
	       table_valid(pub->trace_events_offset, pub->trace_events,
			   sizeof(struct abi_trace_event), size) &&
	       table_valid(pub->names_offset, pub->names, sizeof(struct abi_name), size) &&
	       table_valid(pub->page_offset, 1, sizeof(struct abi_page), size) &&
	       names_valid(pub, &pub->tcp_states) && names_valid(pub, &pub->session_states);
}

static bool players_valid(const struct abi_pub *pub)
{
	return pub->players <= ABI_PLAYERS_MAX &&
	       (pub->players == 0 || table_valid(pub->players_offset, pub->players,
						 sizeof(struct abi_player), pub->size));
}

void dataplane_copy_layout(struct abi_pub *layout, const struct abi_pub *pub, uint64_t size)
{
	memset((void *)layout, 0, sizeof(*layout));
	if (size >= sizeof(*pub)) {
		memcpy((void *)layout, pub, offsetof(struct abi_pub, event_head));
	}
	/* The compiler may not look at *pub again for what it has here. */
	atomic_signal_fence(memory_order_seq_cst);
}

bool dataplane_pub_valid(const struct abi_pub *pub, uint64_t size)
{
	if (size < sizeof(*pub) || pub->magic != ABI_MAGIC || pub->version != ABI_VERSION ||
	    pub->size > size || pub->counters > ABI_COUNTERS_MAX) {
		return false;
	}
	size = pub->size;
	return table_valid(pub->streams_offset, pub->streams, sizeof(struct abi_stream), size) &&
	       table_valid(pub->block_next_offset, pub->blocks, sizeof(uint32_t), size) &&
	       table_valid(pub->blocks_offset, pub->blocks, sizeof(struct abi_log_block), size) &&
	       table_valid(pub->events_offset, ABI_EVENT_RING, sizeof(struct abi_event), size) &&
	       table_valid(pub->news_offset, ABI_NEWS_RING, sizeof(uint32_t), size) &&
	       table_valid(pub->counter_names_offset, pub->counters, sizeof(struct abi_counter),
			   size) &&
	       inspect_valid(pub) && players_valid(pub);
}

bool dataplane_sub_valid(const struct abi_sub *sub, uint64_t size, const struct abi_pub *pub)
{
	return size >= sizeof(*sub) && sub->magic == ABI_MAGIC && sub->version == ABI_VERSION &&
	       sub->worker == pub->worker && sub->generation == pub->generation &&
	       sub->streams == pub->streams && abi_sub_size(pub->streams) <= size;
}

/* Mappings */

static int map(struct mapping *mapping, int fd, int protection, uint64_t announced)
{
	struct stat st;
	uint64_t page;

	if (fstat(fd, &st) || st.st_size <= 0 || (uint64_t)st.st_size < announced) {
		return -1;
	}
	/* hugetlbfs: the block is the huge page, and munmap() wants whole ones. */
	page = st.st_blksize > 4096 ? (uint64_t)st.st_blksize : 4096;
	mapping->size = (uint64_t)st.st_size;
	mapping->mapped = (mapping->size + page - 1) / page * page;
	mapping->base = mmap(NULL, mapping->mapped, protection, MAP_SHARED, fd, 0);
	if (mapping->base == MAP_FAILED) {
		mapping->base = NULL;
		return -1;
	}
	return 0;
}

static void unmap(struct mapping *mapping)
{
	if (mapping->base) {
		(void)munmap(mapping->base, mapping->mapped);
		mapping->base = NULL;
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

static void worker_fini(struct dataplane_worker *worker)
{
	unmap(&worker->packets);
	unmap(&worker->pub_mapping);
	unmap(&worker->sub_mapping);
	close_fd(&worker->news_fd);
	close_fd(&worker->events_fd);
	close_fd(&worker->commands_fd);
}

static int map_worker(struct dataplane_worker *worker, const struct abi_attach_worker *hello,
		      const int *fds, char error[DATAPLANE_ERROR_MAX])
{
	if (map(&worker->packets, fds[ABI_FD_PACKETS], PROT_READ, hello->packets_size) ||
	    map(&worker->pub_mapping, fds[ABI_FD_PUB], PROT_READ, hello->pub_size) ||
	    map(&worker->sub_mapping, fds[ABI_FD_SUB], PROT_READ | PROT_WRITE, hello->sub_size)) {
		return fail(error, "worker %u: mapping: %s", hello->worker, strerrordesc_np(errno));
	}
	worker->pub = worker->pub_mapping.base;
	worker->sub = worker->sub_mapping.base;
	return 0;
}

static int check_worker(const struct dataplane *dataplane, uint32_t index,
			char error[DATAPLANE_ERROR_MAX])
{
	struct dataplane_worker *worker = &dataplane->workers[index];
	const struct abi_pub *layout = &worker->layout;

	dataplane_copy_layout(&worker->layout, worker->pub, worker->pub_mapping.size);
	if (!dataplane_pub_valid(layout, worker->pub_mapping.size) ||
	    layout->generation != dataplane->generation || layout->worker != index) {
		return fail(error, "worker %u: pub is not what it should be", index);
	}
	if (!dataplane_sub_valid(worker->sub, worker->sub_mapping.size, layout) ||
	    worker->sub->epoch != dataplane->epoch) {
		return fail(error, "worker %u: sub is not what it should be", index);
	}
	return 0;
}

/* The socket */

static int connect_socket(const char *run_dir, char error[DATAPLANE_ERROR_MAX])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	int length =
		snprintf(address.sun_path, sizeof(address.sun_path), "%s/dataplane.sock", run_dir);
	int fd;

	if (length < 0 || (size_t)length >= sizeof(address.sun_path)) {
		return fail(error, "run_dir is too long for a socket");
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return fail(error, "socket: %s", strerrordesc_np(errno));
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int saved = errno;

		close(fd);
		return fail(error, "%s: %s", address.sun_path, strerrordesc_np(saved));
	}
	return fd;
}

static const char *status_text(uint32_t status)
{
	switch (status) {
	case ABI_ATTACH_VERSION:
		return "the dataplane is of another version";
	case ABI_ATTACH_BUSY:
		return "another control is attached";
	case ABI_ATTACH_DENIED:
		return "the dataplane does not take this user as control";
	default:
		return "refused";
	}
}

static int shake_hands(struct dataplane *dataplane, char error[DATAPLANE_ERROR_MAX])
{
	struct abi_attach_request request = {
		.magic = ABI_MAGIC,
		.version = ABI_VERSION,
		.pid = (uint32_t)getpid(),
	};
	struct abi_attach_reply reply;

	if (send(dataplane->fd, &request, sizeof(request), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(request)) {
		return fail(error, "attach: send: %s", strerrordesc_np(errno));
	}
	if (recv(dataplane->fd, &reply, sizeof(reply), MSG_WAITALL) != (ssize_t)sizeof(reply) ||
	    reply.magic != ABI_MAGIC) {
		return fail(error, "attach: no proper answer");
	}
	if (reply.status != ABI_ATTACH_OK || reply.version != ABI_VERSION) {
		return fail(error, "attach: %s", status_text(reply.status));
	}
	if (reply.workers == 0 || reply.workers > ABI_REGIONS_MAX) {
		return fail(error, "attach: %u workers", reply.workers);
	}
	dataplane->generation = reply.generation;
	dataplane->epoch = reply.epoch;
	dataplane->pid = reply.pid;
	dataplane->workers_count = reply.workers;
	return 0;
}

/* Takes the descriptors out; what is too few or too many is closed. */
static int take_fds(struct msghdr *msg, int fds[ABI_ATTACH_FDS])
{
	int count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int in = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		for (int i = 0; i < in; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + (size_t)i * sizeof(int), sizeof(int));
			if (count < ABI_ATTACH_FDS) {
				fds[count++] = fd;
			} else {
				close(fd);
			}
		}
	}
	return count == ABI_ATTACH_FDS && !(msg->msg_flags & MSG_CTRUNC) ? 0 : -1;
}

static int receive_worker(const struct dataplane *dataplane, struct abi_attach_worker *hello,
			  int fds[ABI_ATTACH_FDS])
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(ABI_ATTACH_FDS * sizeof(int))];
	struct iovec iov = {hello, sizeof(*hello)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got;

	got = recvmsg(dataplane->fd, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	if (got <= 0) {
		return -1;
	}
	if (take_fds(&msg, fds)) {
		return -1;
	}
	return got == (ssize_t)sizeof(*hello) ? 0 : -1;
}

static int attach_worker(struct dataplane *dataplane, uint32_t index,
			 char error[DATAPLANE_ERROR_MAX])
{
	struct dataplane_worker *worker = &dataplane->workers[index];
	struct abi_attach_worker hello;
	int fds[ABI_ATTACH_FDS];
	int rc;

	for (int i = 0; i < (int)ABI_ATTACH_FDS; i++) {
		fds[i] = -1;
	}
	if (receive_worker(dataplane, &hello, fds) || hello.worker != index) {
		rc = fail(error, "worker %u: no proper descriptors", index);
	} else {
		rc = map_worker(worker, &hello, fds, error);
		worker->news_fd = fds[ABI_FD_NEWS];
		worker->events_fd = fds[ABI_FD_EVENTS];
		worker->commands_fd = fds[ABI_FD_COMMANDS];
		fds[ABI_FD_NEWS] = fds[ABI_FD_EVENTS] = fds[ABI_FD_COMMANDS] = -1;
	}
	for (int i = 0; i < (int)ABI_ATTACH_FDS; i++) {
		close_fd(&fds[i]);
	}
	return rc ? rc : check_worker(dataplane, index, error);
}

static int attach_workers(struct dataplane *dataplane, char error[DATAPLANE_ERROR_MAX])
{
	dataplane->workers = calloc(dataplane->workers_count, sizeof(*dataplane->workers));
	if (!dataplane->workers) {
		return fail(error, "no memory");
	}
	for (uint32_t i = 0; i < dataplane->workers_count; i++) {
		dataplane->workers[i].news_fd = -1;
		dataplane->workers[i].events_fd = -1;
		dataplane->workers[i].commands_fd = -1;
	}
	for (uint32_t i = 0; i < dataplane->workers_count; i++) {
		const struct dataplane_worker *worker = &dataplane->workers[i];

		if (attach_worker(dataplane, i, error)) {
			return -1;
		}
		dataplane->regions.regions[i].base = worker->packets.base;
		dataplane->regions.regions[i].size = worker->packets.size;
	}
	return 0;
}

int dataplane_attach(struct dataplane *dataplane, const char *run_dir,
		     char error[DATAPLANE_ERROR_MAX])
{
	memset(dataplane, 0, sizeof(*dataplane));
	dataplane->fd = connect_socket(run_dir, error);
	if (dataplane->fd < 0) {
		return -1;
	}
	if (shake_hands(dataplane, error) || attach_workers(dataplane, error)) {
		dataplane_detach(dataplane);
		return -1;
	}
	return 0;
}

void dataplane_detach(struct dataplane *dataplane)
{
	for (uint32_t i = 0; dataplane->workers && i < dataplane->workers_count; i++) {
		worker_fini(&dataplane->workers[i]);
	}
	free(dataplane->workers);
	dataplane->workers = NULL;
	dataplane->workers_count = 0;
	memset(&dataplane->regions, 0, sizeof(dataplane->regions));
	close_fd(&dataplane->fd);
}
