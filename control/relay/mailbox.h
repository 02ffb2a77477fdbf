/*
 * Mail to a relay thread: from the main thread (streams to take over, the end) and from the
 * resolver. A mutex and an eventfd: a few messages per publication, not per packet.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <netdb.h>
#include <pthread.h>
#include <stdint.h>

#include "abi/pub.h"
#include "config/config.h"

enum mail_type {
	MAIL_ADOPT = 1, /* relay slot + generation: app, name */
	MAIL_ENDED,     /* the publisher of slot + generation is gone */
	MAIL_RESOLVED,  /* addresses, or error: for origin `index` of slot + generation */
	MAIL_RECORD,    /* slot + generation: a recording to `fd` */
	MAIL_SHUTDOWN,  /* end every origin in order, then stop */
	MAIL_LET_GO,    /* the dataplane is gone: end every origin in order without it */
	MAIL_HANG,      /* for tests of the heartbeat: never come back */
	MAIL_STOP,      /* stop now: the mappings go away */
};

struct mail {
	struct mail *next;
	enum mail_type type;
	uint32_t slot;
	uint64_t generation;
	const struct config_app *app;
	char name[ABI_NAME_MAX];
	uint64_t stream; /* RESOLVED: serial of the stream, and of the attempt */
	uint64_t attempt;
	uint32_t index;
	int error; /* of getaddrinfo() */
	struct addrinfo *addresses;
	int fd; /* RECORD: -1 once it was taken over */
};

struct mailbox {
	pthread_mutex_t lock;
	struct mail *first;
	struct mail **last;
	int fd; /* eventfd, non-blocking */
};

int mailbox_init(struct mailbox *box) __attribute__((warn_unused_result));
void mailbox_fini(struct mailbox *box); /* drops what is in it */

struct mail *mail_create(enum mail_type type) __attribute__((warn_unused_result));
void mail_destroy(struct mail *mail); /* with its addresses */

void mailbox_post(struct mailbox *box, struct mail *mail); /* takes the mail over */
struct mail *mailbox_take(struct mailbox *box);            /* all of it, a list in order */

#endif
