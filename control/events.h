/*
 * What the workers tell (abi/pub.h, events) and what control answers (abi/sub.h, commands).
 *
 * An event only says which slot to look at: everything follows from the slot's state, so that
 * events lost, doubled or late change nothing, and a fresh attach is the same as an event for
 * every slot.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "control.h"

/* Looks at every slot of the worker: after the attach, and when its ring was overrun. */
void events_sync(struct control *control, uint32_t worker);

/* Reads the worker's ring. */
void events_read(struct control *control, uint32_t worker);

/* True when the ring has something unread: the second look of the sleep protocol. */
bool events_waiting(const struct control *control, uint32_t worker);

/* Answers that found no room, and slots that changed without an event. */
void events_tick(struct control *control);

/* Gives the worker a command: 0, or -1 when the ring is full. events_wake() after the last. */
int events_send(struct dataplane_worker *worker, const struct abi_command *command)
	__attribute__((warn_unused_result));
void events_wake(struct dataplane_worker *worker);

/*
 * Ends a live publication: 0, or -1 when the command ring is full. `text` says more than the reason
 * does, or is empty.
 */
int events_end(struct control *control, struct registry_stream *stream, enum rtmp_reject why,
	       const char *text) __attribute__((warn_unused_result));

#endif
