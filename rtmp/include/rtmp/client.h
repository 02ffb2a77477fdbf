/*
 * Publisher side of a connection: towards origins, and in the load generator.
 *
 * Plain handshake, connect, releaseStream, FCPublish, createStream, publish; then the caller
 * writes media with `writer` on the message stream `stream_id`, on chunk streams 4 to 9. Bytes in,
 * events and bytes out, like rtmp/server.h. Memory: the struct is the caller's and is all there is.
 */
#ifndef RTMP_CLIENT_H
#define RTMP_CLIENT_H

#include "rtmp/server.h"

enum rtmp_client_event_type {
	RTMP_CLIENT_MORE = 0,   /* the span is used up */
	RTMP_CLIENT_PUBLISHING, /* NetStream.Publish.Start came: media may be written */
	RTMP_CLIENT_REFUSED,    /* connect or publish was refused: `code` and `text` say why */
	RTMP_CLIENT_ACK, /* the peer acknowledged `acked` bytes in all (64 bits, unwrapped): it may
			    or may not count the 3073 bytes of the handshake */
	RTMP_CLIENT_STATUS, /* any other onStatus: `code` and `text` */
};

struct rtmp_client_event {
	enum rtmp_client_event_type type;
	uint64_t acked;
	char code[128]; /* printable ASCII, cut to fit */
	char text[256];
};

struct rtmp_client_config {
	const char *app;          /* "live" */
	const char *tc_url;       /* "rtmp://host:1935/live" */
	const char *name;         /* stream name or key, with its query */
	const char *flash_ver;    /* "FMLE/3.0 (compatible; Penstock/0.1)" */
	uint32_t chunk_size;      /* of what we send; 128 sends no Set Chunk Size */
	uint32_t window_ack_size; /* bytes; asks the peer to acknowledge; 0: do not ask */
	bool enhanced;            /* offer Enhanced RTMP in connect: some old servers refuse it */
	bool reconnects;          /* ... and to connect anew when asked (RTMP_CLIENT_STATUS) */
	const struct rtmp_buffers *buffers; /* or rtmp_heap_buffers; they outlive the struct */
};

struct rtmp_client {
	struct rtmp_client_config config; /* strings must outlive the struct */
	struct rtmp_chunk_reader reader;
	struct rtmp_chunk_writer writer;
	uint64_t received;
	uint64_t acked_sent; /* bytes that we acknowledged */
	uint64_t peer_acked; /* unwrapped */
	uint32_t peer_ack;   /* the last one as it came */
	uint32_t peer_window;
	uint32_t stream_id; /* message stream of the publish, 0 before createStream is answered */
	uint64_t random;
	uint8_t state;
	uint8_t phase;
	struct rtmp_gather gather; /* S1, then the command message under way */
};

void rtmp_client_init(struct rtmp_client *c, const struct rtmp_client_config *config,
		      uint64_t seed);

/* Gives back what it holds. */
void rtmp_client_fini(struct rtmp_client *c);

/* Writes C0 and C1. */
int rtmp_client_start(struct rtmp_client *c, struct rtmp_out *out)
	__attribute__((warn_unused_result));

/* As rtmp_server_next(). A refusal is an event first and RTMP_ERR(REFUSED) at the next call. */
int rtmp_client_next(struct rtmp_client *c, struct rtmp_span *in, struct rtmp_out *out,
		     struct rtmp_client_event *event) __attribute__((warn_unused_result));

/* Writes FCUnpublish and deleteStream: the orderly end of a publish. */
int rtmp_client_finish(struct rtmp_client *c, struct rtmp_out *out)
	__attribute__((warn_unused_result));

#endif
