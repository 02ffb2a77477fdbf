/*
 * An encoder by hand: writes what is told byte by byte, runs it through a server, and keeps what
 * the server said and which events it gave.
 */
#ifndef TESTS_RTMP_PEER_H
#define TESTS_RTMP_PEER_H

#include "command.h"
#include "rtmp/server.h"
#include "tape.h"

#define PEER_LOG 4096u

struct peer {
	struct rtmp_server server;
	struct rtmp_chunk_writer writer; /* of the encoder */
	struct tape tape;                /* what the encoder says */
	struct rtmp_out out;             /* what the server says */
	uint8_t replies[1 << 17];
	char log[PEER_LOG]; /* events and, behind them, replies; one word each */
	uint64_t media_hash;
	uint32_t media_bytes;
	int error;
	bool accepts; /* answer a publish at once */
};

extern const struct rtmp_server_config peer_config;
extern uint8_t peer_reply_type;              /* message type of the last command that was read */
extern uint64_t peer_notes[RTMP_NOTE_COUNT]; /* of the one that was made last */

/* A fresh encoder, in static memory; its tape holds C0, C1, C2. */
void peer_init(struct peer *p);

/* Appends commands to the tape. `arg` NULL: none behind the null object. */
void peer_connect(struct peer *p);
void peer_command(struct peer *p, const char *name, double transaction, uint32_t stream_id,
		  const char *arg);
void peer_command_number(struct peer *p, const char *name, double transaction, double arg);
void peer_send(struct peer *p, struct command *c, uint32_t stream_id);
void peer_message(struct peer *p, uint8_t type, uint32_t csid, uint32_t stream_id, uint32_t time,
		  uint8_t seed, uint32_t length);
void peer_control(struct peer *p, uint8_t type, uint32_t value);

/* connect, releaseStream, FCPublish, createStream, publish of live/key, as OBS and ffmpeg do. */
void peer_publish(struct peer *p);

/* Hands the tape to the server in spans of `step` bytes; cut once first when `cut` is not 0. */
void peer_run(struct peer *p, uint32_t step, uint32_t cut);

/* Puts the replies into the log: ">name:transaction:code" and ">type=value". */
void peer_read_replies(struct peer *p);

#endif
