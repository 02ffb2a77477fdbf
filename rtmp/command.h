/*
 * What both sides of a connection share: sending commands (RTMP 1.0 section 7) and protocol control
 * messages (section 5.4), reading commands, and acknowledging.
 */
#ifndef RTMP_COMMAND_H
#define RTMP_COMMAND_H

#include "amf0_write.h"
#include "rtmp/amf3.h"
#include "rtmp/chunk_writer.h"
#include "rtmp/error.h"
#include "rtmp/server.h"

enum command_csid {
	CSID_CONTROL = 2, /* section 5.4 */
	CSID_COMMAND = 3,
	CSID_STATUS = 5,
};

/* A command message in the making. */
struct command {
	struct rtmp_out body;                /* behind the first byte of `bytes` */
	uint8_t bytes[1 + RTMP_COMMAND_MAX]; /* format selector of AMF3 commands, then AMF0 */
};

/* Name and transaction id; the caller appends the arguments to `body`. */
void command_begin(struct command *c, const char *name, double transaction);

/* An information object: level, code, description. */
void command_put_info(struct command *c, const char *level, const char *code, const char *text);

/* Sends it; a full `out` or a command too long sets out->overflow. */
void command_send(struct command *c, struct rtmp_chunk_writer *w, uint32_t csid, uint32_t stream_id,
		  struct rtmp_out *out);

/* name(transaction, null) or name(transaction, null, info). */
void command_send_info(struct rtmp_chunk_writer *w, const char *name, double transaction,
		       uint32_t stream_id, const char *level, const char *code, const char *text,
		       struct rtmp_out *out);

/* Window Ack Size, ACK: any control message with one 32-bit field. */
void control_send(struct rtmp_chunk_writer *w, uint8_t type, uint32_t value, struct rtmp_out *out);
void control_send_peer_bandwidth(struct rtmp_chunk_writer *w, uint32_t value, struct rtmp_out *out);
void control_send_user(struct rtmp_chunk_writer *w, uint16_t event, uint32_t value,
		       struct rtmp_out *out);

/* Answers a ping. Left out when `out` is nearly full: pings must not crowd out replies. */
void control_answer_ping(struct rtmp_chunk_writer *w, uint32_t value, struct rtmp_out *out);

/*
 * Acknowledges `received` when a window of them is new; called once per input span, so that a
 * window of 1 byte costs one ACK per span and no more. Left out when `out` is nearly full: the next
 * one says the same. `acked` is brought up to date.
 */
void control_acknowledge(struct rtmp_chunk_writer *w, uint64_t received, uint32_t window,
			 uint64_t *acked, struct rtmp_out *out);

struct command_header {
	struct amf0_string name;
	double transaction; /* 0 when it is missing or no number: encoders do both */
};

/*
 * Name and transaction id; `r` is left at the command object. `amf3` is what it keeps of values in
 * AMF3, for as long as `r` is read.
 */
int command_read_header(uint8_t type, const uint8_t *data, uint32_t len, struct amf0_reader *r,
			struct amf3_reader *amf3, struct command_header *h)
	__attribute__((warn_unused_result));

/* The next argument when it is a string, else an empty one; steps over it either way. */
struct amf0_string command_read_text(struct amf0_reader *r);

/* Text of a peer for logs and terminals: printable ASCII, cut to fit. */
void command_copy_text(char *to, size_t size, struct amf0_string from);

#endif
