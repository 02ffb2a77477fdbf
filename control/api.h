/*
 * The control socket, RUN_DIR/control.sock (mode 0660): one JSON request per line, one JSON reply
 * per line, several requests on a connection. Clients are few and local, but not trusted to be
 * quick: lines are bounded, and who is idle, slow or too many is dropped.
 */
#ifndef API_H
#define API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_CLIENTS  32u
#define API_LINE_MAX 4096u /* bytes of a request */
#define API_IDLE_US  UINT64_C(30000000)
#define API_SLOW_US  UINT64_C(5000000) /* for a reply to be read */

/* Answers a request: a JSON document without newline, from malloc(); NULL without memory. */
typedef char *api_answer_fn(void *context, const char *line, size_t length);

struct api_client {
	int fd; /* -1: free */
	uint64_t active_us;
	size_t in_len;
	char in[API_LINE_MAX];
	char *out; /* reply under way, or NULL */
	size_t out_len;
	size_t out_sent;
};

struct api {
	int fd; /* -1: not open */
	int epoll_fd;
	uint64_t tag; /* of epoll: + 0 for the listener, + 1 + index for clients */
	api_answer_fn *answer;
	void *context;
	char path[108];
	uint64_t refused;
	struct api_client *answering; /* within `answer` */
	struct api_client clients[API_CLIENTS];
};

void api_init(struct api *api, int epoll_fd, uint64_t tag, api_answer_fn *answer, void *context);

/* Listens. 0, -EADDRINUSE when another control answers there, or another negative errno. */
int api_open(struct api *api, const char *run_dir) __attribute__((warn_unused_result));
void api_fini(struct api *api);

/* Within `answer`, which then returns NULL: the client's socket, which is the caller's now. */
int api_take(struct api *api) __attribute__((warn_unused_result));

void api_event(struct api *api, uint32_t index, uint64_t now_us); /* epoll tag - api->tag */
void api_tick(struct api *api, uint64_t now_us);                  /* drops the idle */

#endif
