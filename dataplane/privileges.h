/*
 * What the process gives up: privileges that it does not need once it knows its configuration.
 */
#ifndef DP_PRIVILEGES_H
#define DP_PRIVILEGES_H

#include <stdbool.h>

/*
 * Before EAL starts threads, which inherit it: no privileges by exec, and no capability beyond
 * those that the port and the sockets need. Drivers of PCI devices differ in what they need: with
 * one of them (`pci`) capabilities stay. 0 or -errno.
 */
int dp_privileges_drop(bool pci) __attribute__((warn_unused_result));

/* After start-up: no core dumps, no ptrace, no /proc access by other users. */
void dp_privileges_seal(void);

#endif
