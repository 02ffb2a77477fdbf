/*
 * One worker's ingest with packets, pub and sub around it, and control outside: commands, tails, a
 * log reader.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "abi/sub.h"
#include "config/config.h"
#include "dataplane/counters.h"
#include "dataplane/ingest.h"
#include "dataplane/packets.h"
#include "dataplane/play_mesh.h"
#include "dataplane/pub.h"

struct world {
	struct dp_packets packets;
	struct dp_packets_table table;
	struct rte_mempool *reply;
	struct dp_region pub_region;
	struct abi_pub *pub;
	struct abi_sub *sub;
	struct dp_ingest *ingest;
	struct dp_counters counters;
	struct config_rtmp rtmp;
	uint16_t discard_port; /* 0: none */
	struct config_memory memory;
	struct config_admission admission; /* 0: all are admitted */
	struct play_mesh *play;            /* NULL: nobody may play */
	uint32_t worker;                   /* in `play`; a world of its own all the same */
	int news_fd;
	int events_fd;
	uint64_t now_us;
	uint64_t event_tail;
};

/* Once per process. */
void world_start_eal(void);

/* Defaults of a small worker; a test may change rtmp and memory before world_open(). */
void world_init(struct world *w);
void world_open(struct world *w);
/* Checks that all mbufs and blocks came back, with no connection left. */
void world_close(struct world *w);
/* What remains to be done after dp_ingest_destroy(). */
void world_release(struct world *w);

void world_attach(struct world *w);
void world_detach(struct world *w);
void world_poll(struct world *w);
/* The accounts are what is there, to the mbuf. */
void world_check_memory(struct world *w);
uint64_t world_count(const struct world *w, enum dp_counter counter);

struct abi_stream *world_stream(const struct world *w, uint32_t slot);
/* Takes the next event; false when there is none. */
bool world_event(struct world *w, struct abi_event *event);
/* The next event, which has to be there and of this type. */
struct abi_event world_expect(struct world *w, uint32_t type);
void world_command(struct world *w, uint32_t type, uint32_t slot, uint64_t generation,
		   uint32_t value, const char *name);
void world_set_tail(struct world *w, uint32_t slot, uint64_t position);

/* A log reader. */
struct reader {
	const struct world *world;
	uint64_t position;
	uint32_t block;
	uint32_t slot;
	struct abi_log_entry entry;
	uint64_t refs[8192];
	uint8_t payload[1 << 20];
};

void reader_init(struct reader *r, const struct world *w, uint32_t slot);
/* Reads the next message with its payload; false when there is none. */
bool reader_next(struct reader *r);

#endif
