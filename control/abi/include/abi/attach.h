/*
 * Attach: how control gets the mappings (unix stream socket RUN_DIR/dataplane.sock).
 *
 * Control connects and sends struct abi_attach_request. The dataplane answers with one struct
 * abi_attach_reply and, when status is ABI_ATTACH_OK, one struct abi_attach_worker per worker, each
 * with ABI_ATTACH_FDS descriptors in one SCM_RIGHTS message, in the order of enum abi_attach_fd.
 * The connection then stays open and silent. One control is attached at a time, known to the
 * dataplane by its pidfd: the next one is let in only when that process has exited, because until
 * then it may read what is released. Meanwhile others get ABI_ATTACH_BUSY and try again. A control
 * whose heartbeat (abi_sub.heartbeat_us has to change on every worker) stands still for
 * dataplane.control_timeout_ms, or that closed the connection and lives on for so long, is killed.
 */
#ifndef ABI_ATTACH_H
#define ABI_ATTACH_H

#include <assert.h>
#include <stdint.h>

#include "abi/pub.h"

enum abi_attach_status {
	ABI_ATTACH_OK = 0,
	ABI_ATTACH_VERSION, /* abi versions differ */
	ABI_ATTACH_BUSY,    /* another control is attached */
	ABI_ATTACH_DENIED,  /* peer credentials are not those of the configured user */
};

struct abi_attach_request {
	uint64_t magic;
	uint32_t version;
	uint32_t pid;
};

struct abi_attach_reply {
	uint64_t magic;
	uint32_t version;
	uint32_t status; /* enum abi_attach_status */
	uint64_t generation;
	uint64_t epoch;
	uint32_t workers;
	uint32_t pid; /* of the dataplane */
};

enum abi_attach_fd {
	ABI_FD_PACKETS = 0, /* memfd, read-only: region number = worker */
	ABI_FD_PUB,         /* memfd, read-only */
	ABI_FD_SUB,         /* memfd, read-write */
	ABI_FD_NEWS,        /* eventfd, non-blocking: for the relay thread */
	ABI_FD_EVENTS,      /* eventfd, non-blocking: for the main thread */
	ABI_FD_COMMANDS,    /* eventfd, non-blocking: wakes the worker */
	ABI_ATTACH_FDS
};

struct abi_attach_worker {
	uint32_t worker;
	uint32_t reserved;
	uint64_t packets_size;
	uint64_t pub_size;
	uint64_t sub_size;
};

static_assert(sizeof(struct abi_attach_request) == 16, "attach request");
static_assert(sizeof(struct abi_attach_reply) == 40, "attach reply");
static_assert(sizeof(struct abi_attach_worker) == 32, "attach worker");

#endif
