/*
 * The unix socket of control/abi/attach.h: listening, who is at the other end, and the messages
 * that go out. Nothing waits: -EAGAIN when the socket is full.
 */
#ifndef DP_ATTACH_SOCKET_H
#define DP_ATTACH_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "abi/attach.h"

/*
 * A listening socket at `path`, mode 0660, of `uid` and `gid` when we may say so: its descriptor,
 * or -errno (-EADDRINUSE when another process listens there).
 */
int attach_listen(const char *path, uid_t uid, gid_t gid) __attribute__((warn_unused_result));

/* Whether the peer is root or `uid`, as the kernel says (SO_PEERCRED). */
bool attach_is_allowed(int fd, uid_t uid);

/* Says why, as far as the socket takes it at once, and hangs up. */
void attach_refuse(int fd, const struct abi_attach_reply *answer, enum abi_attach_status status);

/* 0 or -errno. */
int attach_send_reply(int fd, const struct abi_attach_reply *reply)
	__attribute__((warn_unused_result));
/* With descriptors: [ABI_ATTACH_FDS], which stay the caller's. */
int attach_send_worker(int socket_fd, const struct abi_attach_worker *worker, const int *fds)
	__attribute__((warn_unused_result));

#endif
