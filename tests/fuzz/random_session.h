/*
 * Connections at random, but such that a reader gets far: chunk streams with ids of 1, 2 and 3
 * bytes woven into each other, every chunk format, timestamps with and without extension in both
 * habits, chunk sizes that change, aborts, aggregates, and now and then something that is wrong.
 */
#ifndef FUZZ_RANDOM_SESSION_H
#define FUZZ_RANDOM_SESSION_H

#include "tape.h"

/* Appends about `len` bytes; the same for the same seed. */
void random_session(struct tape *tape, uint32_t seed, uint32_t len);

#endif
