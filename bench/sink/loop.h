/*
 * Event loop: descriptors with what to call when they are ready. Level-triggered epoll.
 */
#ifndef SINK_LOOP_H
#define SINK_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct sink;

struct loop_source {
	int fd;
	void (*ready)(struct sink *sink, struct loop_source *source, uint32_t events);
};

struct loop {
	int epoll_fd;
};

int loop_open(struct loop *loop) __attribute__((warn_unused_result));
void loop_close(struct loop *loop);

/* A descriptor leaves the loop by being closed. The source must outlive it. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
	__attribute__((warn_unused_result));
void loop_change(struct loop *loop, struct loop_source *source, uint32_t events);

/* Waits for events and handles each source that has any, once. */
int loop_run_once(struct loop *loop, struct sink *sink) __attribute__((warn_unused_result));

#endif
