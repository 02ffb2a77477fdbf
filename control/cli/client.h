/*
 * Requests to control: one JSON object a line each way, on a unix stream socket.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>

/* Exit statuses of penstockctl. */
enum client_status {
	CLIENT_OK = 0,
	CLIENT_REFUSED = 1, /* control said no */
	CLIENT_USAGE = 2,
	CLIENT_NO_CONNECTION = 3, /* no control, or it does not answer as it should */
};

struct client {
	const char *socket; /* path */
	char error[256];    /* why the last request failed; safe for a terminal */
};

/*
 * Sends {"command": command, "name": name} (without "name" if NULL) on a connection of its own and
 * waits up to 10 s. On CLIENT_OK `reply` is a new reference to the whole reply.
 */
enum client_status client_request(struct client *client, const char *command, const char *name,
				  json_t **reply) __attribute__((warn_unused_result));

/* The same for any request {"command": command, ...}, whose reference it takes. */
enum client_status client_ask(struct client *client, json_t *request, json_t **reply)
	__attribute__((warn_unused_result));

/*
 * The same for a request whose answer goes on: on CLIENT_OK `fd` is the connection, read up to the
 * end of the first line.
 */
enum client_status client_open(struct client *client, json_t *request, int *fd)
	__attribute__((warn_unused_result));

#endif
