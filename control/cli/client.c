#include "client.h"

#include "escape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_MAX ((size_t)256 << 20) /* bytes */
#define TIMEOUT_S 10

static enum client_status fail(struct client *client, const char *what, const char *why)
{
	char text[300];

	snprintf(text, sizeof(text), "%.100s: %.150s", what, why);
	escape_text(client->error, sizeof(client->error), text);
	return CLIENT_NO_CONNECTION;
}

/* Descriptor, or -errno. */
static int open_socket(const char *path)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return -errno;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The request and a newline; the string is the caller's to free. */
static char *make_line(const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);

	if (text == NULL) {
		return NULL;
	}
	char *line = NULL;
	if (asprintf(&line, "%s\n", text) < 0) {
		line = NULL;
	}
	free(text);
	return line;
}

struct reply_text {
	char *data;
	size_t len;
	size_t cap;
};

static bool grow(struct reply_text *text)
{
	size_t cap = text->cap > 0 ? 2 * text->cap : 65536;
	char *grown = cap <= REPLY_MAX ? realloc(text->data, cap) : NULL;

	if (grown == NULL) {
		return false;
	}
	text->data = grown;
	text->cap = cap;
	return true;
}

/* Reads at least up to the first newline, `step` bytes at a time: NULL, or why not. */
static const char *read_line(int fd, struct reply_text *text, size_t step)
{
	for (;;) {
		if (text->len == text->cap && !grow(text)) {
			return "reply is too long";
		}
		size_t room = text->cap - text->len;
		ssize_t n = recv(fd, text->data + text->len, room < step ? room : step, 0);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno == EAGAIN ? "no reply in time" : strerror(errno);
		}
		if (n == 0) {
			return "connection was closed without a reply";
		}
		char *end = memchr(text->data + text->len, '\n', (size_t)n);
		text->len += (size_t)n;
		if (end != NULL) {
			text->len = (size_t)(end - text->data);
			return NULL;
		}
	}
}

static enum client_status judge(struct client *client, const struct reply_text *text,
				json_t **reply)
{
	json_error_t error;
	json_t *object = json_loadb(text->data, text->len, JSON_ALLOW_NUL, &error);

	if (object == NULL) {
		return fail(client, "reply is not JSON", error.text);
	}
	if (json_is_true(json_object_get(object, "ok"))) {
		*reply = object;
		return CLIENT_OK;
	}
	const char *why = json_string_value(json_object_get(object, "error"));
	escape_text(client->error, sizeof(client->error), why != NULL ? why : "refused");
	json_decref(object);
	return CLIENT_REFUSED;
}

enum client_status client_request(struct client *client, const char *command, const char *name,
				  json_t **reply)
{
	json_t *request = json_pack("{s:s}", "command", command);

	/* jansson takes UTF-8 only. */
	if (request != NULL && name != NULL &&
	    json_object_set_new(request, "name", json_string(name)) != 0) {
		json_decref(request);
		return fail(client, "request", "name is not valid UTF-8");
	}
	return client_ask(client, request, reply);
}

/* On CLIENT_OK `reply` is what came, and `fd` the connection. */
static enum client_status ask(struct client *client, json_t *request, size_t step, json_t **reply,
			      int *fd)
{
	struct reply_text text = {.data = NULL};
	enum client_status status;

	char *line = request != NULL ? make_line(request) : NULL;
	json_decref(request);
	if (line == NULL) {
		return fail(client, "request", "no memory");
	}
	*fd = open_socket(client->socket);
	if (*fd < 0) {
		free(line);
		return fail(client, client->socket, strerror(-*fd));
	}
	int rc = send_all(*fd, line, strlen(line));
	const char *why = rc == 0 ? read_line(*fd, &text, step) : strerror(-rc);
	if (why != NULL) {
		status = fail(client, client->socket, why);
	} else {
		status = judge(client, &text, reply);
	}
	if (status != CLIENT_OK) {
		close(*fd);
	}
	free(text.data);
	free(line);
	return status;
}

enum client_status client_ask(struct client *client, json_t *request, json_t **reply)
{
	int fd;
	enum client_status status = ask(client, request, SIZE_MAX, reply, &fd);

	if (status == CLIENT_OK) {
		close(fd);
	}
	return status;
}

enum client_status client_open(struct client *client, json_t *request, int *fd)
{
	json_t *reply;
	enum client_status status = ask(client, request, 1, &reply, fd);

	if (status == CLIENT_OK) {
		json_decref(reply);
	}
	return status;
}
