/*
 * A hostile control against the real ingest: publishers over a fake TCP whose payload is marked
 * per publisher, lies in every field of `sub`, and an audit of what the logs hold.
 *
 * It runs in rounds, each a world of its own with a seed of its own. In even rounds all is done by
 * one thread and repeats exactly; in odd rounds a second thread lies at the same time, so that a
 * value which is loaded twice shows.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <pthread.h>
#include <stdatomic.h>

#include "dataplane/fake_tcp.h"
#include "dataplane/world.h"
#include "rtmp/client.h"
#include "stress.h"

#define HOSTILE_PUBLISHERS 6u
#define HOSTILE_STREAMS    8u                                  /* slots at most */
#define HOSTILE_MESSAGES   ((size_t)128 * ABI_LOG_BLOCK_UNITS) /* that logs hold at most */
#define HOSTILE_MESSAGE    20000u                              /* bytes at most */
#define HOSTILE_OUT        (1u << 16)

/* One publisher: connects, publishes, sends, is thrown out, comes again under another mark. */
struct hostile_publisher {
	struct world *world;
	struct tcp_conn conn;
	struct rtmp_client client;
	struct rtmp_client_config config;
	struct rtmp_out out;
	bool open;
	bool publishing;
	uint64_t mark;
	uint32_t sent; /* messages */
	char name[24];
	uint8_t bytes[HOSTILE_OUT];
};

/* What the audit knows of the publication in a slot. */
struct hostile_log {
	uint64_t generation;
	uint64_t mark;
	uint64_t head;     /* checked so far */
	uint32_t block;    /* of `head` */
	uint64_t messages; /* seen */
	struct {
		uint64_t position;
		uint64_t next;
		uint32_t slices;
	} seen[HOSTILE_MESSAGES]; /* by number, modulo: more are never held */
};

struct hostile {
	struct world world;
	struct hostile_publisher publishers[HOSTILE_PUBLISHERS];
	struct hostile_log logs[HOSTILE_STREAMS];
	uint16_t *held; /* [packet memory / ABI_SEGMENT_ALIGN] references in logs, by segment */
	uint64_t random;
	uint64_t seed;
	pthread_mutex_t lock; /* guards world.sub against the second liar */
	_Atomic bool stop;
	bool failed;
	bool two; /* liars: commands may be torn */

	uint64_t rounds;
	uint64_t messages; /* checked */
	uint64_t audits;   /* in which every reference was counted */
	uint64_t lies;
	uint64_t live;
	uint64_t refused;
	uint64_t positions; /* handed on, and checked */
};

/* Runs for so long; 0 or 1. */
int hostile_run(unsigned int seconds, uint64_t seed);

void hostile_fail(struct hostile *h, const char *what);
uint32_t hostile_below(uint64_t *random, uint32_t n);

/* A name that says of which publication its command spoke. */
#define HOSTILE_NAME "generation="

/* One burst of lies, some of them the truth. */
void hostile_lie(struct world *w, uint64_t *random);
/* Accepts or releases as an honest control would, so that there is something to lie about. */
void hostile_obey(struct hostile *h);

void hostile_publisher_step(struct hostile *h, struct hostile_publisher *p);
void hostile_publisher_close(struct hostile_publisher *p);
uint8_t hostile_byte(uint64_t mark, uint32_t number, uint32_t i);
uint64_t hostile_mark(uint64_t id);

/* Checks what was appended since the last call; before anything of it can be given back. */
void hostile_check_new(struct hostile *h);
/*
 * Every segment that a log holds has as many reference counts as logs refer to it, all others are
 * free: with messages under way (`strict` false) there may be more.
 */
void hostile_audit(struct hostile *h, bool strict);

#endif
