/*
 * Connections at the attach socket that have not sent their request yet: a small table, so that a
 * silent one keeps nobody out.
 */
#ifndef DP_LINK_CLIENTS_H
#define DP_LINK_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi/attach.h"

#define LINK_CLIENTS 4

struct link_client {
	int fd; /* -1: free */
	uint32_t filled;
	uint64_t deadline_us;
	struct abi_attach_request request;
};

struct link_clients {
	int epoll_fd; /* they are watched there */
	uid_t uid;    /* who is let in, besides root */
	struct link_client table[LINK_CLIENTS];
};

void link_clients_init(struct link_clients *clients, int epoll_fd, uid_t uid);
void link_clients_fini(struct link_clients *clients);

/* Takes who waits at `listen_fd`. Whoever is refused gets `answer` with the status that says why.
 */
void link_clients_accept(struct link_clients *clients, int listen_fd,
			 const struct abi_attach_reply *answer, uint64_t now_us);

/* Descriptor and request of one whose request is complete, and who leaves the table; -1 for none.
 */
int link_clients_next(struct link_clients *clients, struct abi_attach_request *request,
		      uint64_t now_us);

bool link_clients_any(const struct link_clients *clients);

#endif
