/*
 * What the link is made of, for its two files: link_open.c makes and ends it, link.c runs it. The
 * dataplane's main thread.
 */
#ifndef DP_LINK_STATE_H
#define DP_LINK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/control_process.h"
#include "dataplane/heartbeat.h"
#include "dataplane/link.h"
#include "dataplane/link_clients.h"
#include "dataplane/link_offer.h"

enum link_state {
	LINK_WAITING = 0,
	LINK_OFFERING,
	LINK_SENDING,
	LINK_ATTACHED,
	LINK_LEAVING,
	LINK_DETACHING,
};

struct dp_link {
	struct dp_link_config config;
	struct dp_link_worker *workers; /* copy of config.workers */
	struct link_offer offer;
	struct heartbeat *beats; /* [workers_count] */
	char path[108];          /* of a socket address, man 7 unix */
	int epoll_fd;
	int listen_fd;
	int timer_fd;
	uint64_t tick_us; /* of the timer; 0: it stands */
	uint64_t poll_us; /* last call of dp_link_poll() */
	struct link_clients clients;

	bool ending;
	enum link_state state;
	int control_fd;                 /* OFFERING, SENDING, ATTACHED */
	struct control_process process; /* from OFFERING to LEAVING */
	uint64_t epoch;
	uint64_t deadline_us;
	bool reply_sent;
	uint32_t workers_sent;
};

/* 0 or -errno. */
int link_watch(const struct dp_link *link, int fd, uint32_t events)
	__attribute__((warn_unused_result));

/* Sets it to -1. */
void link_close_fd(int *fd);

#endif
