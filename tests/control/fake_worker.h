/*
 * A worker of the dataplane made of memory: pub, sub and packets of the real layouts, and the real
 * producer of the log (dataplane/log_writer.c) and keeper of positions
 * (dataplane/publish_resume.c). Tests write messages as a publisher's would come.
 *
 * The message `n` of a stream has a payload made from `n` alone (fake_byte()), so that a receiver
 * can tell what it got.
 */
#ifndef FAKE_WORKER_H
#define FAKE_WORKER_H

#include <stdbool.h>

#include "abi/attach.h"
#include "abi/play.h"
#include "abi/sub.h"
#include "dataplane/log_writer.h"
#include "dataplane/publish_resume.h"
#include "relay/log_reader.h"

#define FAKE_STREAMS       4u
#define FAKE_PLAYERS       3u
#define FAKE_BLOCKS        4096u
#define FAKE_TRACE_RECORDS 64u
#define FAKE_PACKETS       UINT64_C(67108864)

struct fake_worker {
	int packets_memfd;
	int pub_memfd;
	int sub_memfd;
	int news_fd;
	int events_fd;
	int commands_fd;
	uint8_t *packets;
	struct abi_pub *pub;
	struct abi_sub *sub;
	uint64_t pub_size;
	uint64_t sub_size;
	struct log_regions regions; /* as a reader would map them */

	struct log_pool pool;
	struct log_writer logs[FAKE_STREAMS];
	uint64_t packet_at;  /* next free byte; memory is used in turn, never checked */
	uint64_t given_back; /* references */
	uint64_t refused_tails;
	uint64_t refused_positions;
};

int fake_worker_init(struct fake_worker *w);
void fake_worker_fini(struct fake_worker *w);

struct abi_stream *fake_stream(struct fake_worker *w, uint32_t slot);

void fake_pending(struct fake_worker *w, uint32_t slot, uint64_t generation, const char *app,
		  const char *asked);
/* An empty header block for the stream; the worker never gets it back. */
struct abi_header_block *fake_headers(struct fake_worker *w, uint32_t slot);

void fake_live(struct fake_worker *w, uint32_t slot, const char *name);
void fake_end(struct fake_worker *w, uint32_t slot);
void fake_free(struct fake_worker *w, uint32_t slot);

struct abi_player *fake_player(struct fake_worker *w, uint32_t slot);
/* A player asks, from 198.18.0.1; tells control. */
void fake_asks(struct fake_worker *w, uint32_t slot, uint64_t generation, const char *app,
	       const char *asked);
void fake_plays(struct fake_worker *w, uint32_t slot, const char *name);
void fake_leaves(struct fake_worker *w, uint32_t slot);

struct fake_message {
	uint8_t type;
	uint8_t flags;
	uint32_t timestamp;
	uint32_t length;
	uint32_t slice; /* bytes of each reference, the last one may be shorter */
	uint8_t track;
	const uint8_t *data; /* [length]; NULL: made from its number */
	uint64_t arrived_us; /* 0: now */
};

/* Appends a message and tells the relay. False: the log is full. */
bool fake_send(struct fake_worker *w, uint32_t slot, const struct fake_message *message);

/* Payload byte `i` of message `n`. */
static inline uint8_t fake_byte(uint64_t n, uint32_t i)
{
	return (uint8_t)(n * 31 + (uint64_t)i * 7 + (i >> 8));
}

/* Gives back what the consumer released, as the dataplane would. */
void fake_reclaim(struct fake_worker *w, uint32_t slot);

/* Another control comes: a fresh `sub`, seeded as the dataplane does. */
void fake_attach(struct fake_worker *w);

/* Writes an event and wakes the reader. */
void fake_event(struct fake_worker *w, uint32_t type, uint32_t slot);

#endif
