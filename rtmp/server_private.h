/*
 * Between the files of the server side: server.c reads, server_commands.c answers, of it
 * server_play.c what players ask for.
 */
#ifndef RTMP_SERVER_PRIVATE_H
#define RTMP_SERVER_PRIVATE_H

#include "rtmp/amf0.h"
#include "rtmp/server.h"

static inline void server_note(const struct rtmp_server *s, enum rtmp_note note)
{
	if (s->config->notes != NULL) {
		s->config->notes[note]++;
	}
}

/* A command being carried out. */
struct request {
	struct amf0_reader args; /* behind name and transaction id */
	struct amf0_string name;
	double transaction;
	uint32_t stream_id;
	uint8_t type;
	struct rtmp_out *out;
	struct rtmp_server_event *event;
};

/*
 * Carries out the complete command message in s->gather. Sets `event` when the caller has to know,
 * else leaves it RTMP_SERVER_MORE.
 */
int server_take_command(struct rtmp_server *s, const struct rtmp_message *msg, struct rtmp_out *out,
			struct rtmp_server_event *event) __attribute__((warn_unused_result));

/* Whose media is under way in a slot: index + 1, or 0; set anew with the first piece. */
uint8_t server_owner(struct rtmp_server *s, const struct rtmp_piece *piece);

/* Sets the event that says that a message is set aside, once for each, and counts it. */
void server_set_aside(struct rtmp_server *s, const struct rtmp_piece *piece, enum rtmp_note note,
		      struct rtmp_server_event *event);

/* A piece of an aggregate: the event is that of the first message within, if there is one. */
int server_take_aggregate(struct rtmp_server *s, const struct rtmp_piece *piece,
			  struct rtmp_server_event *event) __attribute__((warn_unused_result));

/* Goes on in the piece that is being taken apart; s->splitting is NULL when it is used up. */
int server_split(struct rtmp_server *s, struct rtmp_server_event *event)
	__attribute__((warn_unused_result));

/* Forgets the aggregate under way in a slot, if there is one. */
void server_drop_aggregate(struct rtmp_server *s, uint32_t slot);

/*
 * Index of the publish that `stream_id` means, or RTMP_SERVER_STREAMS. Encoders that lose track
 * send 0: that means the only publish there is.
 */
uint32_t server_find_publish(const struct rtmp_server *s, uint32_t stream_id);

/* Forgets a publish; what is under way of its messages becomes nobody's. */
void server_end_publish(struct rtmp_server *s, uint32_t index);

/* Index of a created message stream, or RTMP_SERVER_STREAMS. */
uint32_t server_find_stream(const struct rtmp_server *s, uint32_t id);
/* The only stream that was created (`published`: and published on), or RTMP_SERVER_STREAMS. */
uint32_t server_only_stream(const struct rtmp_server *s, bool published);

/* The name that a publish or play asks for, copied to the event. */
int server_set_name(struct rtmp_server_event *event, struct amf0_string name)
	__attribute__((warn_unused_result));

void server_send_status(struct rtmp_server *s, uint32_t stream_id, const char *level,
			const char *code, const char *text, struct rtmp_out *out);

/* Says that the message was set aside. */
int server_ignore(const struct request *q);

/* Commands of players. */
int server_on_play(struct rtmp_server *s, struct request *q);
int server_on_play2(struct rtmp_server *s, struct request *q);
int server_on_pause(struct rtmp_server *s, struct request *q);
int server_on_seek(struct rtmp_server *s, struct request *q);
int server_on_receive_audio(struct rtmp_server *s, struct request *q);
int server_on_receive_video(struct rtmp_server *s, struct request *q);

/* Ends a play by command, if there is one. */
void server_unplay(struct rtmp_server *s, const struct request *q, uint32_t index);

#endif
