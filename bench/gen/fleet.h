/*
 * Fleet: all publishers, their timers, and what is counted of them.
 */
#ifndef GEN_FLEET_H
#define GEN_FLEET_H

#include "bench/common/histogram.h"
#include "bench/gen/publisher.h"

#define FLEET_SETUP_MAX 256u /* being set up at a time: a listener's backlog is no more */

struct fleet_counts {
	uint64_t publishes; /* that were accepted */
	uint64_t messages;
	uint64_t payload_bytes;
	uint64_t refused;
	uint64_t lost;
	uint64_t errors[GEN_END_COUNT];
};

struct fleet {
	const struct gen_options *options;
	struct transport *transport;
	struct content_config content;
	struct publisher *publishers;
	uint64_t now_us;
	uint64_t begin_us; /* of the ramp */
	uint64_t random;
	uint32_t started;    /* publishers that began at least once */
	uint32_t arrivals;   /* sessions begun */
	uint32_t setup;      /* connecting or being set up */
	uint32_t publishing; /* now */
	uint32_t open;       /* sessions with a connection */
	uint32_t gone;       /* publishers that ended and will not come again */
	bool reached;        /* somebody got an answer: until then one goes ahead */
	bool finishing;      /* nobody arrives any more */
	struct fleet_counts counts;
	struct histogram setup_us; /* from connect to NetStream.Publish.Start */
	struct histogram lag_us;   /* paced: how late a message was handed to TCP */
	struct outbox_pool outboxes;
	char tc_url[160];
	uint8_t c1[1536]; /* with digest; used with --rate-publishes */
	struct wheel wheel;
};

/* 0 or -ENOMEM. The transport is set already. */
int fleet_init(struct fleet *fleet, const struct gen_options *options)
	__attribute__((warn_unused_result));
void fleet_fini(struct fleet *fleet);

/* Reads the clock, runs who is due, starts who has to arrive. Called from the transport's turn. */
void fleet_turn(struct fleet *fleet, uint64_t now_us);

/* How long the fleet has nothing to do, at most `max_us`. */
uint64_t fleet_idle_us(const struct fleet *fleet, uint64_t max_us);

/* Counts begin anew: what came before was the ramp. */
void fleet_reset(struct fleet *fleet);

/* Everybody ends in order. */
void fleet_finish(struct fleet *fleet);

/* For publishers: a session was accepted, ended. */
void fleet_published(struct fleet *fleet, struct publisher *p);
void fleet_ended(struct fleet *fleet, struct publisher *p, enum gen_end why);

#endif
