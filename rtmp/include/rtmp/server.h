/*
 * Server side of a connection: what an encoder publishes to, and a player plays from.
 *
 * Handshake (plain and digest), chunk reader, commands and acknowledgements of one connection as
 * one resumable machine: bytes in, events and reply bytes out. It decides nothing: a publish is an
 * event that the caller answers, now or later, with accept or reject.
 *
 * Memory: the struct is the caller's; beside it there is a buffer for moments (rtmp/gather.h). One
 * thread uses it.
 */
#ifndef RTMP_SERVER_H
#define RTMP_SERVER_H

#include "rtmp/aggregate.h"
#include "rtmp/chunk_reader.h"
#include "rtmp/chunk_writer.h"
#include "rtmp/error.h"
#include "rtmp/gather.h"
#include "rtmp/limits.h"
#include "rtmp/note.h"

#define RTMP_APP_MAX        128u /* bytes, with the NUL */
#define RTMP_ENCODER_MAX    64u  /* bytes, with the NUL: flashVer */
#define RTMP_NAME_MAX       512u /* bytes, with the NUL: keys with a query can be long */
/* Message streams created and not deleted: FMLE publishes up to three bit rates on one connection.
 */
#define RTMP_SERVER_STREAMS 4u

enum rtmp_server_event_type {
	RTMP_SERVER_MORE = 0,  /* the span is used up */
	RTMP_SERVER_CONNECTED, /* connect was answered; `app` is set */
	RTMP_SERVER_PUBLISH,   /* asks for accept or reject of `stream_id` */
	RTMP_SERVER_UNPUBLISH, /* the publish on `stream_id` ended by command */
	RTMP_SERVER_MEDIA,     /* a piece of an audio, video or data message that belongs to an
				  accepted or pending publish: the first piece of a message comes
				  first, and `stream_id` is that publish. Aggregates are taken
				  apart: the messages within come one after the other */
	RTMP_SERVER_ABORT,     /* the partial message in `slot` is void */
	RTMP_SERVER_ACK,       /* the peer acknowledged `value` bytes */
	RTMP_SERVER_PLAY,      /* asks for rtmp_server_play_accept() or _end() of `stream_id`; one
				  that is there on it ends */
	RTMP_SERVER_PLAY_SET,  /* a player changed what it wants: `value` is enum rtmp_play_flags */
	RTMP_SERVER_PLAY_END,  /* the play on `stream_id` ended by command */
	RTMP_SERVER_IGNORED,   /* something was read and set aside; `value` is the message type */
};

struct rtmp_server_event {
	enum rtmp_server_event_type type;
	uint32_t stream_id;
	uint32_t slot;
	uint32_t value;
	struct rtmp_piece piece;  /* MEDIA */
	const char *app;          /* CONNECTED, PUBLISH, PLAY: as sent, query removed */
	char name[RTMP_NAME_MAX]; /* PUBLISH, PLAY: as sent, with its query: holds the key */
};

enum rtmp_server_publish_state {
	RTMP_PUBLISH_NONE = 0,
	RTMP_PUBLISH_PENDING,
	RTMP_PUBLISH_ACCEPTED,
};

enum rtmp_server_play_state {
	RTMP_PLAY_NONE = 0,
	RTMP_PLAY_PENDING,
	RTMP_PLAY_ACCEPTED,
};

enum rtmp_play_flags {
	RTMP_PLAY_PAUSED = 1 << 0,
	RTMP_PLAY_NO_AUDIO = 1 << 1,
	RTMP_PLAY_NO_VIDEO = 1 << 2,
};

struct rtmp_server_config {
	uint32_t chunk_size;      /* of what we send; 4096 */
	uint32_t window_ack_size; /* bytes; what we ask the peer to acknowledge after; 2500000 */
	uint32_t peer_bandwidth;  /* bytes; 2500000 */
	uint32_t message_max;     /* bytes; 4 MiB */
	const struct rtmp_buffers *buffers;     /* or rtmp_heap_buffers */
	struct rtmp_aggregate_pool *aggregates; /* NULL: aggregates are set aside */
	uint64_t *notes; /* [RTMP_NOTE_COUNT]: counts what is set aside; NULL: not counted */
	struct rtmp_limits limits;
};

struct rtmp_server {
	const struct rtmp_server_config *config;
	struct rtmp_chunk_reader reader;
	struct rtmp_chunk_writer writer;
	uint64_t received;    /* bytes since the connection began */
	uint64_t acked;       /* bytes that we acknowledged */
	uint32_t peer_window; /* we acknowledge after so many bytes; 0: the peer did not ask, and
				 the bandwidth that we set for it counts */
	uint32_t messages;    /* since the connection began; of all kinds */
	uint32_t commands;
	uint32_t controls;      /* protocol control, and what was set aside */
	uint32_t look_at;       /* see rtmp/budget.h */
	struct rtmp_tally base; /* what was counted when the second began */
	uint64_t random;        /* state of the filler for S1 and S2: no secret depends on it */
	uint8_t state;
	bool connected;
	bool asked;      /* a publish or play was asked for: limits are rates from then on */
	bool granted;    /* one was accepted */
	bool amf3;       /* the peer asked for objectEncoding 3 */
	bool fc_publish; /* the peer sent FCPublish: it waits for onFCPublish */
	bool enhanced;   /* the peer offered Enhanced RTMP, v1 or v2 */
	uint16_t video_function; /* videoFunction of Enhanced RTMP as the peer sent it, else 0 */
	uint32_t caps_ex;        /* capsEx of Enhanced RTMP v2 as the peer sent it, else 0 */
	uint32_t next_stream_id;
	uint32_t forgotten; /* chunk streams that were, as it was noted last */
	struct {
		uint32_t id;     /* 0: free */
		uint8_t publish; /* enum rtmp_server_publish_state */
		uint8_t play;    /* enum rtmp_server_play_state */
		uint8_t play_flags;
	} streams[RTMP_SERVER_STREAMS];
	uint8_t slot_stream[RTMP_CHUNK_STREAMS]; /* whose media is under way: index + 1, or 0 */
	struct rtmp_aggregate *aggregates;       /* under way, one for each slot that carries one */
	struct rtmp_aggregate *splitting; /* of them, that whose piece is being taken apart */
	struct rtmp_gather gather;        /* C1, then the command message under way */
	char app[RTMP_APP_MAX];
	char encoder[RTMP_ENCODER_MAX]; /* flashVer, printable ASCII, cut to fit */
};

/* `seed` differs from connection to connection; it fills the random parts of the handshake. */
void rtmp_server_init(struct rtmp_server *s, const struct rtmp_server_config *config,
		      uint64_t seed);

/* Gives back what it holds. It may be called in any state, also before rtmp_server_init() on 0. */
void rtmp_server_fini(struct rtmp_server *s);

/*
 * Reads on from `in` up to the next event, appending replies to `out`. Returns 0 with `event` set
 * (RTMP_SERVER_MORE when `in` is used up) or a negative RTMP_ERR(), after which the connection
 * must be closed once `out` is sent. `out` should have 8 KiB free: the handshake reply is 3073 B.
 */
int rtmp_server_next(struct rtmp_server *s, struct rtmp_span *in, struct rtmp_out *out,
		     struct rtmp_server_event *event) __attribute__((warn_unused_result));

/*
 * After a MEDIA event whose piece is not the last of its message, and with the same span: see
 * rtmp_chunk_reader_run(). What the run brings belongs to that event's message and publish.
 */
bool rtmp_server_run(struct rtmp_server *s, struct rtmp_span *in, uint32_t chunk_max,
		     struct rtmp_run *run) __attribute__((warn_unused_result));

/* Whether the message under way in a slot belongs to a publish that is still there. */
static inline bool rtmp_server_owns(const struct rtmp_server *s, uint32_t slot)
{
	return s->slot_stream[slot] != 0;
}
/* Limits that are rates (rtmp/limits.h) count anew. */
void rtmp_server_begin_second(struct rtmp_server *s);

/*
 * After an error: says why in an onStatus for each publish, or for the connection, where the peer
 * got so far that it can read one. The caller closes the connection after sending it.
 */
void rtmp_server_explain(struct rtmp_server *s, int error, struct rtmp_out *out);

/* Whether the handshake is complete: what follows are chunks, connect first (section 5.2). */
bool rtmp_server_shook_hands(const struct rtmp_server *s);

/* Answers a pending publish with Stream Begin and NetStream.Publish.Start. */
int rtmp_server_accept(struct rtmp_server *s, uint32_t stream_id, struct rtmp_out *out)
	__attribute__((warn_unused_result));

/* Why a publish is refused: what the encoder's user gets to see. X(name, onStatus code, text) */
#define RTMP_REJECTS(X)                                                               \
	X(AUTH, "NetStream.Publish.Denied", "stream key is not valid")                \
	X(APP, "NetConnection.Connect.InvalidApp", "no such application")             \
	X(BUSY, "NetStream.Publish.BadName", "stream is already being published")     \
	X(NAME, "NetStream.Publish.BadName", "stream name is not allowed")            \
	X(CAPACITY, "NetStream.Publish.Denied", "no capacity for another stream")     \
	X(TIMEOUT, "NetStream.Publish.Denied", "no decision in time")                 \
	X(KICKED, "NetStream.Unpublish.Success", "stream was ended by the operator")  \
	X(SHUTDOWN, "NetConnection.Connect.Closed", "server is shutting down")        \
	X(IDLE, "NetConnection.Connect.Closed", "no media was received for too long") \
	X(NO_MEDIA, "NetStream.Publish.Rejected", "no audio or video came in time")   \
	X(CODEC, "NetStream.Publish.Rejected", "codec is not allowed here")           \
	X(BITRATE, "NetStream.Publish.Rejected", "bitrate is too high")               \
	X(RESOLUTION, "NetStream.Publish.Rejected", "resolution is too high")         \
	X(FRAME_RATE, "NetStream.Publish.Rejected", "frame rate is too high")         \
	X(KEYFRAMES, "NetStream.Publish.Rejected", "keyframes are too far apart")     \
	X(PROTOCOL, "NetStream.Publish.Rejected", "what was sent is not allowed")     \
	X(DRAINING, "NetStream.Publish.Rejected", "server is going out of service")

enum rtmp_reject {
#define RTMP_REJECT_ENUM(name, code, text) RTMP_REJECT_##name,
	RTMP_REJECTS(RTMP_REJECT_ENUM)
#undef RTMP_REJECT_ENUM
		RTMP_REJECT_COUNT
};

const char *rtmp_reject_code(enum rtmp_reject why);
const char *rtmp_reject_text(enum rtmp_reject why);

/*
 * Answers a pending publish, or ends an accepted one, with onStatus level "error". The caller
 * closes the connection after sending it: encoders hang otherwise.
 */
int rtmp_server_reject(struct rtmp_server *s, uint32_t stream_id, enum rtmp_reject why,
		       struct rtmp_out *out) __attribute__((warn_unused_result));

/* The same with a description of its own, such as "bitrate 12.1 Mb/s exceeds 8 Mb/s". */
int rtmp_server_reject_with(struct rtmp_server *s, uint32_t stream_id, enum rtmp_reject why,
			    const char *text, struct rtmp_out *out)
	__attribute__((warn_unused_result));

/*
 * Narrows what messages may be long from here on. One under way is not cut: its header is behind.
 */
void rtmp_server_limit_message(struct rtmp_server *s, uint32_t message_max);

#define RTMP_CAPS_RECONNECT 1u /* of caps_ex: the peer understands a ReconnectRequest */

/*
 * Asks the peer to connect anew, to `tc_url` or, when that is empty, to where it is connected
 * (Enhanced RTMP v2, "Reconnect Request"). It goes on here until it is there; who did not offer it
 * is not asked. Returns whether it was.
 */
bool rtmp_server_reconnect(struct rtmp_server *s, const char *tc_url, const char *text,
			   struct rtmp_out *out);

/*
 * Answers a pending play with Stream Begin, NetStream.Play.Reset and NetStream.Play.Start. Media
 * goes to the player by a chunk writer of the caller's, on chunk streams above
 * RTMP_CSID_REPLIES_MAX and in chunks of the configured size.
 */
int rtmp_server_play_accept(struct rtmp_server *s, uint32_t stream_id, struct rtmp_out *out)
	__attribute__((warn_unused_result));

#define RTMP_CSID_REPLIES_MAX 5u

/* Why a play is refused or ends. X(name, onStatus code, text) */
#define RTMP_PLAY_REJECTS(X)                                                                 \
	X(NOT_FOUND, "NetStream.Play.StreamNotFound", "no such stream")                      \
	X(AUTH, "NetStream.Play.Failed", "not allowed to play")                              \
	X(BUSY, "NetStream.Play.Failed", "message stream or connection is not free to play") \
	X(CAPACITY, "NetStream.Play.Failed", "no capacity for another player")               \
	X(TIMEOUT, "NetStream.Play.Failed", "no decision in time")                           \
	X(ENDED, "NetStream.Play.UnpublishNotify", "stream is no longer published")          \
	X(KICKED, "NetStream.Play.Failed", "player was ended by the operator")               \
	X(SLOW, "NetStream.Play.Failed", "player is too slow for the stream")                \
	X(SHUTDOWN, "NetConnection.Connect.Closed", "server is shutting down")               \
	X(DRAINING, "NetStream.Play.Failed", "server is going out of service")               \
	X(DRAINED, "NetStream.Play.UnpublishNotify", "server is going out of service")

enum rtmp_play_reject {
#define RTMP_PLAY_REJECT_ENUM(name, code, text) RTMP_PLAY_REJECT_##name,
	RTMP_PLAY_REJECTS(RTMP_PLAY_REJECT_ENUM)
#undef RTMP_PLAY_REJECT_ENUM
		RTMP_PLAY_REJECT_COUNT
};

const char *rtmp_play_reject_code(enum rtmp_play_reject why);
const char *rtmp_play_reject_text(enum rtmp_play_reject why);

/*
 * Refuses a pending play with onStatus level "error"; ends an accepted one with Stream EOF, its
 * reason, and NetStream.Play.Stop.
 */
int rtmp_server_play_end(struct rtmp_server *s, uint32_t stream_id, enum rtmp_play_reject why,
			 struct rtmp_out *out) __attribute__((warn_unused_result));

#endif
