/*
 * What ingest.c, ingest_commands.c and memory_check.c share.
 */
#ifndef DP_INGEST_PRIVATE_H
#define DP_INGEST_PRIVATE_H

#include <stdalign.h>
#include <stdatomic.h>

#include "dataplane/ingest.h"
#include "dataplane/message.h"
#include "dataplane/play.h"
#include "dataplane/publish.h"
#include "dataplane/session.h"

struct dp_ingest {
	struct publish_table publish;
	struct message_pool messages;
	struct abi_pub *pub;
	struct rte_mempool *packets; /* the worker's */
	struct dp_counters *counters;
	uint64_t command_tail;
	uint32_t reserve_mbufs;
	uint64_t tick_us;
	uint64_t shed_us;
	bool plays; /* somebody may: `play` is set up */
	struct play play;
	struct session_table sessions;
	/* Between the link's thread and the worker. */
	alignas(128) _Atomic(struct abi_sub *) offered;
	alignas(128) _Atomic(struct abi_sub *) current;
	_Atomic bool hung;
};

#endif
