/*
 * A transport without a network: each publisher talks to an RTMP server of ours in the same
 * process, which checks the marks of what comes.
 */
#ifndef TESTS_BENCH_FAKE_SERVER_H
#define TESTS_BENCH_FAKE_SERVER_H

#include "assembly.h"
#include "bench/gen/fleet.h"
#include "rtmp/server.h"

#define FAKE_CONNS 64u

struct fake_conn {
	struct publisher *publisher; /* NULL: free */
	struct rtmp_server rtmp;
	struct assembly assembly;
	bool dialling; /* connected() is due */
	bool fin;      /* the publisher closed its direction */
	bool waiting;  /* it was refused room */
	struct rtmp_out replies;
	uint8_t reply_bytes[32768];
	uint64_t messages; /* audio and video with a number */
	uint64_t next_number;
	uint64_t keyframes;
	uint64_t media_bytes;
	uint32_t last_timestamp;
};

struct fake_server {
	struct transport base;
	uint32_t window; /* bytes taken of a publisher in one turn; 0: none */
	bool refuse;
	uint64_t now_us;
	uint64_t step_us;
	uint32_t taken_max; /* the most in one send() */
	uint32_t publishes;
	uint32_t unpublishes;
	uint64_t wrong; /* marks that are missing, damaged, foreign or not in order */
	uint64_t media_bytes;
	uint64_t sends; /* turns in which media came */
	bool unmarked;  /* content is a file */
	struct fake_conn conns[FAKE_CONNS];
};

void fake_server_init(struct fake_server *server, struct fleet *fleet);
void fake_server_fini(struct fake_server *server);

/* Turns until `us` went by. */
void fake_server_run(struct fake_server *server, uint64_t us);

#endif
