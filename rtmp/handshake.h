/*
 * Handshake (RTMP 1.0 section 5.2) and its digest variant, which players of version 9 and later and
 * many encoders use: C1 and S1 carry an HMAC-SHA256 of themselves at a place computed from their
 * own bytes, in one of two layouts ("schemas"), and S2 and C2 prove that the other's digest was
 * read. The keys are public constants: it proves nothing about the peer.
 */
#ifndef RTMP_HANDSHAKE_H
#define RTMP_HANDSHAKE_H

#include "rtmp/span.h"

#define RTMP_VERSION         3u
#define HANDSHAKE_SIZE       1536u /* C1, S1, C2, S2 */
#define HANDSHAKE_REPLY_SIZE (1u + 2u * HANDSHAKE_SIZE)

enum handshake_schema {
	SCHEMA_KEY_FIRST = 0,    /* "schema 0": the digest is in the second half */
	SCHEMA_DIGEST_FIRST = 1, /* "schema 1" */
	SCHEMA_NONE,             /* no valid digest: plain */
};

/* How `c1` was made. */
enum handshake_schema handshake_detect(const uint8_t c1[HANDSHAKE_SIZE]);

/* Whether a server can answer version `c0` (section 5.2.2). */
bool handshake_version_allowed(uint8_t c0);

/* Appends S0, S1 and S2 in answer to `c1`. `random` is advanced. False when `out` is full. */
bool handshake_reply(const uint8_t c1[HANDSHAKE_SIZE], uint64_t *random, struct rtmp_out *out);

/* Fills `c1` for a plain handshake. */
void handshake_make_plain(uint8_t c1[HANDSHAKE_SIZE], uint64_t *random);

/* Fills `c1` with a digest in layout `schema`. Test peers use it; our client is plain. */
void handshake_make_digest(uint8_t c1[HANDSHAKE_SIZE], enum handshake_schema schema,
			   uint64_t *random);

#endif
