/*
 * Names in `pub` (abi/inspect.h): what the numbers in traces and connections mean, which control
 * cannot know.
 */
#ifndef DP_DESCRIBE_H
#define DP_DESCRIBE_H

struct abi_pub;

/* Fills in the tables of trace events and of names. Their offsets are set. */
void dp_describe(struct abi_pub *pub);

#endif
