/*
 * The dataplane comes and goes: attaching, heartbeats both ways, and what is to be done when it is
 * gone. Main thread.
 *
 * Our heartbeat (abi/sub.h) of a worker says that the main thread and the relay thread of that
 * worker both get on: when either stands still the dataplane kills us, and whoever starts us again
 * gets a control that works. A worker whose heartbeat stands still is reported; when all of them
 * do, or the socket ends, the dataplane is gone.
 */
#ifndef ATTACHMENT_H
#define ATTACHMENT_H

#include "control.h"

void attachment_init(struct control *control);

/* Attaches when it is time to try, else looks after heartbeats; ends relays that are done. */
void attachment_tick(struct control *control);

void attachment_heartbeat(struct control *control);

/*
 * The dataplane is gone: unmaps it at once, for its memory is not free before, and lets the relays
 * end every stream at its origins in order. Does not return when a relay thread does not let go.
 */
void attachment_lost(struct control *control, const char *why);

/* The end of this process: closes everything. */
void attachment_close(struct control *control);

#endif
