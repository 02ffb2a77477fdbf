/*
 * What the process gives up: privileges that it does not need once it knows its configuration.
 */
#ifndef DP_PRIVILEGES_H
#define DP_PRIVILEGES_H

#include <stdbool.h>

/*
 * Before EAL starts threads, which inherit it: no privileges by exec, and no capability beyond
 * those that tap and packet sockets need. Other drivers differ in what they need (af_xdp loads BPF,
 * PCI devices want raw I/O): with one of them (`keep_capabilities`) capabilities stay. 0 or -errno.
 */
int dp_privileges_drop(bool keep_capabilities) __attribute__((warn_unused_result));

/* After start-up: no core dumps, no ptrace, no /proc access by other users. */
void dp_privileges_seal(void);

#endif
