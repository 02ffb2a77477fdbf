/*
 * Ingest: RTMP sessions of one worker, from in-order TCP payload to the media log.
 *
 * It is the owner of the worker's TCP connections (struct tcp_ops) and the only writer of the
 * worker's `pub` region. Publish decisions come from control through `sub`. The worker calls it
 * between receiving and sending; everything runs on the worker's thread.
 */
#ifndef DP_INGEST_H
#define DP_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "tcpstack/tcp.h"

struct abi_pub;
struct abi_sub;
struct dp_counters;
struct dp_ingest;
struct dp_packets_table;
struct dp_region;
struct play_mesh;

struct dp_ingest_config {
	uint32_t worker;
	int numa_node;
	const struct config_rtmp *rtmp;
	uint16_t discard_port; /* config: listen.discard */
	const struct config_memory *memory;
	const struct config_admission *admission; /* NULL: all publishes that fit are admitted */
	uint16_t mtu;                             /* 0: 1500 */
	uint16_t rx_descriptors;                  /* of the worker's queue */
	const struct dp_packets_table *packets;
	struct rte_mempool *reply_pool; /* mbufs for what we send */
	struct dp_region *pub;          /* laid out by dp_pub_create() */
	int news_fd;                    /* eventfd that wakes the relay thread */
	int events_fd;                  /* eventfd that wakes control's main thread */
	uint64_t seed;                  /* random */
	struct dp_counters *counters;   /* where ingest counts; the caller's */
	struct play_mesh *play;         /* NULL: nobody may play, and pub->players is 0 */
};

extern const struct tcp_ops dp_ingest_tcp_ops; /* app: struct dp_ingest */

/* Everything is allocated here. NULL with errno. */
struct dp_ingest *dp_ingest_create(const struct dp_ingest_config *config);
void dp_ingest_destroy(struct dp_ingest *ingest);

/*
 * Start of a loop: takes over a new `sub` (or its loss) from the link and obeys commands. Returns
 * how many commands there were.
 */
uint32_t dp_ingest_commands(struct dp_ingest *ingest, uint64_t now_us);

/* Whether it would find any, or a player or what feeds one has something to do. */
bool dp_ingest_commanded(const struct dp_ingest *ingest);

/*
 * End of a loop: gives back what control released, runs session time limits (bounded work), and
 * wakes control once if there is news. Returns true while there is work left that should not wait.
 */
bool dp_ingest_poll(struct dp_ingest *ingest, uint64_t now_us);

/* Packets or log blocks run short: what can be sent again should go. */
bool dp_ingest_is_short(const struct dp_ingest *ingest);
/* The same for tcp_set_pressure(). */
enum tcp_pressure dp_ingest_tcp_pressure(const struct dp_ingest *ingest);

/*
 * Who pins packet memory, to `pub`: each by its own count, so that their sum tells whether anybody
 * holds what is nobody's. `ooo_segments` is what TCP holds, `in_flight` what the port and the rings
 * between workers hold, in mbufs.
 */
void dp_ingest_publish_memory(struct dp_ingest *ingest, uint32_t ooo_segments, uint32_t in_flight);

/*
 * For tests: whether the mbufs that logs, messages and collapsing refer to, counted one by one, are
 * as many as the accounts say, and the reservations of all publications as large. Allocates.
 */
bool dp_ingest_check_memory(const struct dp_ingest *ingest);

/*
 * Ends every session in order (onStatus, FIN). Poll goes on until dp_ingest_idle(): the sessions
 * are gone and control has read what they left. A control that does not read is the caller's to
 * give up on: dp_ingest_destroy() gives everything back.
 */
void dp_ingest_shutdown(struct dp_ingest *ingest, uint64_t now_us);
bool dp_ingest_idle(const struct dp_ingest *ingest);

/* Connections ended by an RTMP error, indexed by -code - 1 (as dp_counters_publish() wants it). */
const uint64_t *dp_ingest_rtmp_errors(const struct dp_ingest *ingest);
/* What connections sent that was set aside, by enum rtmp_note. */
const uint64_t *dp_ingest_rtmp_notes(const struct dp_ingest *ingest);

/*
 * When ingest wants to be polled at the latest (a session's time limit, or an ended publication
 * that control may have read), UINT64_MAX for never: how long a worker may sleep that has nothing
 * else to do.
 */
uint64_t dp_ingest_next_us(const struct dp_ingest *ingest);

/*
 * From the link's thread: hands a fresh `sub` to the worker, or NULL when control is gone. The
 * worker takes it over in dp_ingest_commands(); dp_ingest_sub() tells which one it uses, so that
 * the link can unmap the old one afterwards.
 */
void dp_ingest_offer_sub(struct dp_ingest *ingest, struct abi_sub *sub);
struct abi_sub *dp_ingest_sub(const struct dp_ingest *ingest);

/* From the link's thread: the control that is attached does not release what ended. */
bool dp_ingest_hung(const struct dp_ingest *ingest);

#endif
