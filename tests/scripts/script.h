/*
 * Runs one script against a fresh host in virtual time. README.md has the syntax.
 */
#ifndef TESTS_SCRIPTS_SCRIPT_H
#define TESTS_SCRIPTS_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "packet.h"
#include "sockets.h"

#define SCRIPT_ERROR 400

struct script {
	const char *path;
	unsigned int line;
	bool booted;
	bool trace;
	char error[SCRIPT_ERROR];
	struct sockets sockets;
	uint64_t at_us; /* of the event before */
	struct packet_ends ends;
	bool iss_known; /* ends.iss[0] was read from a SYN */
	uint32_t last_tsval;
	int fd; /* the connection that calls are for; 0: none */
	int listener;
	int next_fd;
	uint32_t written; /* sequence number of the next byte that we write */
	uint32_t read;
	enum tcp_close_reason reason;
	bool closed;
};

/* True when it passed; else script->line and script->error say why not. */
bool script_run(struct script *script, const char *path, FILE *file, bool trace);

/* For script_calls.c. Keeps the first one. */
void script_fail(struct script *script, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A call of the script, by name: false when there is none of that name. */
bool script_call(struct script *script, const char *name, const char *argument);
/* A line before the first event: set NAME VALUE. */
void script_set(struct script *script, const char *name, const char *value);

#endif
