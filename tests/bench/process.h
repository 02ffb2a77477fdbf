/*
 * penstock-sink as a child process, with a directory of its own.
 */
#ifndef TESTS_BENCH_PROCESS_H
#define TESTS_BENCH_PROCESS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct process {
	pid_t pid;
	uint16_t port;
	FILE *errors; /* its stderr */
	char dir[64];
	char json[96];
};

/* Starts it on a free port with --flv-dir and --json; `extra` is NULL-terminated. */
void process_start(struct process *p, const char *const extra[]);

/* Waits for its end: exit status, or -1 if a signal ended it. */
int process_wait(struct process *p);

/* Asks for the end and waits. */
int process_stop(struct process *p);

/* Waits until the report says that `count` publishes ended; a new reference. */
json_t *process_report(const struct process *p, size_t count);

/* A file of its directory; *len bytes, to be freed. */
unsigned char *process_file(const struct process *p, const char *name, size_t *len);

/* Removes the directory. */
void process_clean(struct process *p);

/* Runs it with these arguments only: its exit status. */
int process_run(const char *const arguments[]);

#endif
