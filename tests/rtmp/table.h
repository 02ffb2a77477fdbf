/*
 * What the conformance tables share: an encoder in static memory, and the two ways to look at what
 * becomes of its bytes: messages of the chunk reader, or events and replies of a session.
 *
 * The name of a test begins with the line of CONFORMANCE.md that it proves ("B3 ...").
 */
#ifndef TESTS_RTMP_TABLE_H
#define TESTS_RTMP_TABLE_H

#include "peer.h"
#include "rtmp/media.h"
#include "runner.h"

extern struct peer encoder;
extern struct tape tape;
extern struct record record;

/* Reads the tape whole and cut at every byte: the result, in `record`, must be the same. */
void table_read(void);

/* How the reading ended: messages and control messages together, and the error or 0. */
void table_end(uint32_t count, int error);

/* Entry `i` is this message, with the payload of tape_fill(seed). */
void table_message(uint32_t i, uint32_t time, uint8_t type, uint32_t length, uint8_t seed);
void table_control(uint32_t i, uint8_t type, uint32_t value);

#define TABLE_CONNECTED ">5=2500000 >6=2500000 >1=4096 >_result:1:NetConnection.Connect.Success "

/* A new session: the handshake is on the encoder's tape. */
void table_begin(void);

/* A new session behind connect, and one that publishes live/key on message stream 1. */
void table_connected(void);
void table_live(void);

/* Appends a message with this payload. */
void table_send(uint8_t type, uint32_t csid, uint32_t stream_id, const void *payload, uint32_t len);

/*
 * Runs what is on the encoder's tape and compares what came since the last time: the error, the
 * events, the replies. NULL: any.
 */
void table_expect(int error, const char *events, const char *replies);

/* Runs what is on the encoder's tape; whether the session ended with some error. */
bool table_fails(void);

/* Whether the replies hold these bytes, and the place behind them, or NULL. */
const uint8_t *table_replied(const void *bytes, size_t len);
#define table_said(text) (table_replied(text, sizeof(text) - 1) != NULL)

/* Flags of enum rtmp_media_flags by which a message is known. */
uint8_t table_flags(uint8_t type, const uint8_t *bytes, uint32_t len);

/* rtmp_media_read() of a message in memory of exactly its size. */
int table_head(struct rtmp_media *media, uint8_t type, const void *bytes, size_t len);

/* An AMF0 number as it stands on the wire, with its marker. */
void table_number(uint8_t wire[9], double value);

#endif
