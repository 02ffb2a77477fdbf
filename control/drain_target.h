/*
 * Where publishers are asked to go: "rtmp://[user[:password]@]host[:port][/app[/more][?query]]", or
 * rtmps. What stands in it beside host and application may be secret: operators do not see it
 * again. Pure functions.
 */
#ifndef DRAIN_TARGET_H
#define DRAIN_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define DRAIN_TARGET_MAX 256u /* bytes, with the NUL */

/* Whether it is such a URL, of printable characters. */
bool drain_target_valid(const char *target);

/* As it may be shown: secrets are "***". "" stays empty. */
void drain_target_show(char *out, size_t size, const char *target);

/* The URL for a publisher of `app`: with its application unless the target names one. */
void drain_target_for(char *out, size_t size, const char *target, const char *app);

#endif
