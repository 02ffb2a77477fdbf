/*
 * What tests of players have in common: one or two workers that share a mesh, a publisher on the
 * first, and players.
 */
#ifndef TEST_PLAY_STAGE_H
#define TEST_PLAY_STAGE_H

#include "publisher.h"
#include "viewer.h"

extern struct world a; /* of the publisher */
extern struct world b; /* another worker */
extern struct play_mesh mesh;
extern struct publisher pub;
extern struct viewer v;
extern struct viewer other;
extern uint32_t slot; /* of the publication */

extern const struct config_play stage_defaults; /* of a small mesh */

/* The publisher is live, and has sent metadata and sequence headers. */
void start(uint32_t workers);
void start_with(const struct config_play *config, uint32_t workers);
/* The publisher leaves; all that players had has come back. */
void stop(uint32_t workers);

/* Media of the publisher, whose bytes say its time. */
void video(uint32_t timestamp, bool key, uint32_t len);
void audio(uint32_t timestamp);

/* A message that a viewer got, by number. */
void expect_message(const struct viewer *who, uint32_t number, uint8_t type, uint32_t timestamp,
		    uint32_t length);
/* |RtmpSampleAccess, metadata without its address, and both sequence headers, at that time. */
void expect_headers(const struct viewer *who, uint32_t timestamp);

/* The first player of a worker, as control sees it. */
const struct abi_player *shown(const struct world *w);

/* Media of the publisher's worker goes to `v`, on the other one. */
void poll_both(void);

#endif
