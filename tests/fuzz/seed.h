/*
 * Seeds of the fuzz targets, as files.
 */
#ifndef FUZZ_SEED_H
#define FUZZ_SEED_H

#include <stddef.h>
#include <stdint.h>

/* A file of `first` and `bytes`. */
void write_seed(const char *target, const char *name, uint8_t first, const uint8_t *bytes,
		size_t len);
/* Connections of encoders and players; `peer` is scratch. */
struct peer;
void write_servers(struct peer *peer);
/* Codecs and heads of media messages. */
void write_media(void);
/* Those of TCP and its options. */
void write_tcp(void);

#endif
