/*
 * A source of frames behind one queue of a DPDK port: the publishers of one worker, played on the
 * worker's own core at the moment when it polls.
 *
 * The port is the null PMD's: its receive gives empty mbufs of the queue's pool, its transmit frees
 * what it gets. Two callbacks of ethdev make a wire of it: one fills the mbufs received with what
 * the publishers send next (ARP, TCP handshakes, RTMP, media), one reads what goes out. The
 * dataplane above runs unchanged. What the filling costs is counted by itself.
 */
#ifndef REPLAY_SOURCE_H
#define REPLAY_SOURCE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "bench/replay_src/flow.h"

enum source_mode {
	SOURCE_SILENT = 0, /* nobody connects: without a control publishes are refused */
	SOURCE_SETUP,      /* connect and publish, then wait */
	SOURCE_MEDIA,
	SOURCE_PAUSE, /* no new media */
};

struct source_config {
	uint16_t port;
	uint16_t queue;
	struct rte_ether_addr server_mac;
	uint32_t server; /* IPv4 in network byte order */
	uint32_t client;
	const struct stream *stream;
	uint32_t flows;
	uint32_t train; /* segments of one publisher in a row */
	uint32_t chunk_size;
	bool free_running; /* media at once, to a receiver that never answers */
	bool checksums;    /* left to the worker to verify */
};

/* Written by the worker, read by the main thread. */
struct source_counts {
	_Atomic uint64_t frames;   /* given to the worker */
	_Atomic uint64_t bytes;    /* ... from the Ethernet header on */
	_Atomic uint64_t cycles;   /* spent in the callbacks */
	_Atomic uint64_t returned; /* frames that the worker sent */
	_Atomic uint64_t rewinds;
	_Atomic clockid_t
		cpu_clock; /* time that the worker's thread ran; set when it first polls */
	_Atomic uint32_t publishing; /* flows */
	_Atomic uint32_t failed;
	_Atomic uint32_t flying; /* flows with segments that are not acknowledged */
};

struct source {
	struct source_config config;
	struct flow *flows;
	uint32_t next;
	bool announced;
	bool noted; /* whose thread polls */
	uint64_t tsc_hz;
	const struct rte_eth_rxtx_callback *rx;
	const struct rte_eth_rxtx_callback *tx;
	alignas(128) struct source_counts counts;
	alignas(128) _Atomic uint32_t mode; /* enum source_mode; main thread */
};

/* Installs it on the queue, which nobody polls yet. NULL with errno. */
struct source *source_create(const struct source_config *config);
/* The port is closed, or nobody polls the queue any more. */
void source_destroy(struct source *source);

void source_set_mode(struct source *source, enum source_mode mode);

/* Messages that were sent whole and acknowledged; the worker has stopped, or the source pauses. */
uint64_t source_messages(const struct source *source);

#endif
