/*
 * What origin.c (life of a connection) and origin_pump.c (what goes over it) share.
 */
#ifndef ORIGIN_PRIVATE_H
#define ORIGIN_PRIVATE_H

#include "origin.h"

#define ORIGIN_CHUNK_SIZE 60000u /* few headers in large messages; what ffmpeg sends as well */

/* The connection broke or was refused: closes it; backs off where returning is worth it. */
void origin_fail(struct origin *o, const char *text, uint64_t now_us);
void origin_fail_errno(struct origin *o, const char *what, int error, uint64_t now_us);

void origin_close(struct origin *o); /* socket and batch; the state is the caller's */

void origin_log(const struct origin *o, enum config_log_level level, const char *event,
		const char *text);

#endif
