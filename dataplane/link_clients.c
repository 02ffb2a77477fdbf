#include "dataplane/link_clients.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/attach_socket.h"

#define REQUEST_US 2000000u /* in which the request has to come */

void link_clients_init(struct link_clients *clients, int epoll_fd, uid_t uid)
{
	*clients = (struct link_clients){.epoll_fd = epoll_fd, .uid = uid};
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		clients->table[i].fd = -1;
	}
}

void link_clients_fini(struct link_clients *clients)
{
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		if (clients->table[i].fd >= 0) {
			close(clients->table[i].fd);
		}
		clients->table[i].fd = -1;
	}
}

static struct link_client *free_client(struct link_clients *clients)
{
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		if (clients->table[i].fd < 0) {
			return &clients->table[i];
		}
	}
	return NULL;
}

static int watch(const struct link_clients *clients, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	return epoll_ctl(clients->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void take(struct link_clients *clients, int fd, const struct abi_attach_reply *answer,
		 uint64_t now_us)
{
	struct link_client *client = free_client(clients);

	if (!attach_is_allowed(fd, clients->uid)) {
		attach_refuse(fd, answer, ABI_ATTACH_DENIED);
	} else if (!client || watch(clients, fd) < 0) {
		attach_refuse(fd, answer, ABI_ATTACH_BUSY);
	} else {
		*client = (struct link_client){.fd = fd, .deadline_us = now_us + REQUEST_US};
	}
}

void link_clients_accept(struct link_clients *clients, int listen_fd,
			 const struct abi_attach_reply *answer, uint64_t now_us)
{
	for (int i = 0; i < LINK_CLIENTS; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			return;
		}
		take(clients, fd, answer, now_us);
	}
}

/* Whether the request is complete. One that ended or was silent for too long loses its place. */
static bool read_request(struct link_client *client, uint64_t now_us)
{
	uint8_t *to = (uint8_t *)&client->request + client->filled;
	ssize_t n = recv(client->fd, to, sizeof(client->request) - client->filled, MSG_DONTWAIT);

	if (n > 0) {
		client->filled += (uint32_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR) || now_us >= client->deadline_us) {
		close(client->fd);
		client->fd = -1;
	}
	return client->filled == sizeof(client->request);
}

int link_clients_next(struct link_clients *clients, struct abi_attach_request *request,
		      uint64_t now_us)
{
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		struct link_client *client = &clients->table[i];

		if (client->fd >= 0 && read_request(client, now_us)) {
			int fd = client->fd;

			*request = client->request;
			client->fd = -1;
			return fd;
		}
	}
	return -1;
}

bool link_clients_any(const struct link_clients *clients)
{
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		if (clients->table[i].fd >= 0) {
			return true;
		}
	}
	return false;
}
