#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char too_long[] = "{\"ok\":false,\"error\":\"request is too long\"}";

void api_init(struct api *api, int epoll_fd, uint64_t tag, api_answer_fn *answer, void *context)
{
	memset(api, 0, sizeof(*api));
	api->fd = -1;
	api->epoll_fd = epoll_fd;
	api->tag = tag;
	api->answer = answer;
	api->context = context;
	for (uint32_t i = 0; i < API_CLIENTS; i++) {
		api->clients[i].fd = -1;
	}
}

static int watch(const struct api *api, int operation, int fd, uint32_t index, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = api->tag + index};

	return epoll_ctl(api->epoll_fd, operation, fd, &event);
}

/* A socket file that nobody listens on was left behind by a control that was killed. */
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno == EAGAIN) {
		rc = -EADDRINUSE;
	} else if (errno == ECONNREFUSED) {
		rc = unlink(address->sun_path) ? -errno : 0;
	}
	close(fd);
	return rc;
}

static int bind_socket(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0117);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	(void)umask(before);
	return rc || listen(fd, 16) ? -errno : 0;
}

int api_open(struct api *api, const char *run_dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int length =
		snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", run_dir);
	int fd;
	int rc;

	if (length < 0 || (size_t)length >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	rc = remove_stale(&address);
	if (rc) {
		return rc;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	rc = bind_socket(fd, &address);
	if (rc == 0 && watch(api, EPOLL_CTL_ADD, fd, 0, EPOLLIN)) {
		rc = -errno;
	}
	if (rc) {
		close(fd);
		return rc;
	}
	memcpy(api->path, address.sun_path, sizeof(api->path));
	api->fd = fd;
	return 0;
}

static void drop(struct api_client *client)
{
	close(client->fd);
	client->fd = -1;
	free(client->out);
	client->out = NULL;
	client->in_len = 0;
}

void api_fini(struct api *api)
{
	for (uint32_t i = 0; i < API_CLIENTS; i++) {
		if (api->clients[i].fd >= 0) {
			drop(&api->clients[i]);
		}
	}
	if (api->fd >= 0) {
		close(api->fd);
		(void)unlink(api->path);
		api->fd = -1;
	}
}

static uint32_t free_client(const struct api *api)
{
	uint32_t i = 0;

	while (i < API_CLIENTS && api->clients[i].fd >= 0) {
		i++;
	}
	return i;
}

static void take_client(struct api *api, uint64_t now_us)
{
	int fd = accept4(api->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint32_t index = free_client(api);

	if (fd < 0) {
		return;
	}
	if (index == API_CLIENTS ||
	    watch(api, EPOLL_CTL_ADD, fd, 1 + index, EPOLLIN | EPOLLRDHUP)) {
		api->refused++;
		close(fd);
		return;
	}
	api->clients[index].fd = fd;
	api->clients[index].active_us = now_us;
}

/* Makes the reply a line of its own. */
static int set_reply(struct api_client *client, char *reply)
{
	size_t length = reply ? strlen(reply) : 0;
	char *line = reply ? realloc(reply, length + 2) : NULL;

	if (!line) {
		free(reply);
		return -1;
	}
	line[length] = '\n';
	line[length + 1] = '\0';
	client->out = line;
	client->out_len = length + 1;
	client->out_sent = 0;
	return 0;
}

static int send_reply(const struct api *api, struct api_client *client)
{
	uint32_t index = (uint32_t)(client - api->clients) + 1;

	while (client->out_sent < client->out_len) {
		ssize_t sent = send(client->fd, client->out + client->out_sent,
				    client->out_len - client->out_sent, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
			/* No more requests are read from a client that does not read replies. */
			return watch(api, EPOLL_CTL_MOD, client->fd, index, EPOLLOUT);
		}
		if (sent < 0) {
			return -1;
		}
		client->out_sent += (size_t)sent;
	}
	free(client->out);
	client->out = NULL;
	return watch(api, EPOLL_CTL_MOD, client->fd, index, EPOLLIN | EPOLLRDHUP);
}

/* Answers the lines that are complete, until one reply does not go out at once. */
static int answer_lines(struct api *api, struct api_client *client)
{
	char *reply;
	char *end;

	while (!client->out && (end = memchr(client->in, '\n', client->in_len)) != NULL) {
		size_t length = (size_t)(end - client->in);

		api->answering = client;
		reply = api->answer(api->context, client->in, length);
		api->answering = NULL;
		if (client->fd < 0) {
			return 0; /* it was taken */
		}
		if (set_reply(client, reply)) {
			return -1;
		}
		client->in_len -= length + 1;
		memmove(client->in, end + 1, client->in_len);
		if (send_reply(api, client)) {
			return -1;
		}
	}
	return 0;
}

int api_take(struct api *api)
{
	struct api_client *client = api->answering;
	int fd = client->fd;

	(void)epoll_ctl(api->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	client->fd = -1;
	client->in_len = 0;
	return fd;
}

static int read_client(struct api *api, struct api_client *client)
{
	ssize_t got = recv(client->fd, client->in + client->in_len,
			   sizeof(client->in) - client->in_len, 0);

	if (got < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	if (got == 0) {
		return -1;
	}
	client->in_len += (size_t)got;
	if (answer_lines(api, client)) {
		return -1;
	}
	if (client->fd >= 0 && client->in_len == sizeof(client->in) && !client->out) {
		api->refused++;
		(void)send(client->fd, too_long, sizeof(too_long) - 1, MSG_NOSIGNAL);
		return -1;
	}
	return 0;
}

void api_event(struct api *api, uint32_t index, uint64_t now_us)
{
	struct api_client *client;
	int rc;

	if (index == 0) {
		take_client(api, now_us);
		return;
	}
	client = &api->clients[index - 1];
	if (client->fd < 0) {
		return;
	}
	client->active_us = now_us;
	if (client->out) {
		rc = send_reply(api, client);
		rc = rc ? rc : answer_lines(api, client);
	} else {
		rc = read_client(api, client);
	}
	if (rc) {
		drop(client);
	}
}

void api_tick(struct api *api, uint64_t now_us)
{
	for (uint32_t i = 0; i < API_CLIENTS; i++) {
		struct api_client *client = &api->clients[i];
		uint64_t limit = client->out ? API_SLOW_US : API_IDLE_US;

		if (client->fd >= 0 && now_us - client->active_us > limit) {
			drop(client);
		}
	}
}
