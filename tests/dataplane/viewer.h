/*
 * A player by hand over a fake TCP: says what it is told, and keeps the messages that it gets.
 */
#ifndef TEST_VIEWER_H
#define TEST_VIEWER_H

#include "abi/play.h"
#include "fake_tcp.h"
#include "rtmp/chunk_reader.h"
#include "rtmp/chunk_writer.h"
#include "world.h"

#define VIEWER_MESSAGES 512u

struct viewer_message {
	struct rtmp_message header;
	uint8_t *payload;
};

struct viewer {
	struct world *world;
	struct tcp_conn conn;
	struct rtmp_chunk_writer writer;
	struct rtmp_chunk_reader reader;
	struct rtmp_out out;
	uint8_t bytes[8192];
	uint32_t handshake_left;              /* of the server's */
	uint8_t *partial[RTMP_CHUNK_STREAMS]; /* messages under way */
	uint32_t filled[RTMP_CHUNK_STREAMS];
	struct viewer_message messages[VIEWER_MESSAGES]; /* media and data */
	uint32_t count;
	char said[8192]; /* codes of onStatus, one behind the other, and "EOF " */
	uint32_t pongs;
	uint32_t slot; /* of the player, once asked */
	uint64_t generation;
};

/* Connects and asks to play; control sees the event. */
void viewer_open(struct viewer *v, struct world *w, const char *name);
void viewer_close(struct viewer *v);

/* A command with a string, or NULL, or a flag. */
void viewer_command(struct viewer *v, uint32_t stream_id, const char *name, const char *text);
void viewer_flag(struct viewer *v, const char *name, bool value);
void viewer_ping(struct viewer *v);

/* Gives what is to be said to the session, and reads what came. */
void viewer_pump(struct viewer *v);
void viewer_read(struct viewer *v);

/* Control accepts it: the publication in `slot` of world `of`. */
void viewer_accept(struct viewer *v, const struct world *of, uint32_t slot);
void viewer_answer(struct viewer *v, uint32_t type, uint32_t value);

#endif
