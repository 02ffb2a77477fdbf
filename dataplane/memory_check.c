/*
 * dp_ingest_check_memory(): the accounts against what is really there, reference by reference.
 */
#include <rte_mbuf.h>
#include <stdlib.h>

#include "dataplane/ingest_private.h"
#include "dataplane/packets.h"

struct census {
	const struct dp_packets_table *packets;
	uint64_t *seen[ABI_REGIONS_MAX]; /* a bit for each 64 bytes of a region */
	uint64_t mbufs;
};

static void see(void *app, uint64_t ref)
{
	struct census *census = app;
	uint64_t unit = abi_ref_segment(ref) / ABI_SEGMENT_ALIGN;
	uint64_t *word = &census->seen[abi_ref_region(ref)][unit / 64];

	census->mbufs += !(*word >> unit % 64 & 1);
	*word |= UINT64_C(1) << unit % 64;
}

static void see_set(struct census *census, const struct message_set *set)
{
	for (uint32_t slot = 0; slot < RTMP_CHUNK_STREAMS; slot++) {
		const struct message *m = set->messages[slot];
		for (const struct message_block *b = m ? m->first : NULL; b; b = b->next) {
			for (uint32_t i = 0; i < b->count; i++) {
				see(census, b->refs[i]);
			}
		}
	}
	if (set->collapse) {
		const uint8_t *data = rte_pktmbuf_mtod(set->collapse, const uint8_t *);
		see(census, dp_packets_ref(census->packets, set->collapse, data, 1));
	}
}

static void see_all(struct census *census, const struct dp_ingest *ingest)
{
	const struct session_table *sessions = &ingest->sessions;

	for (uint32_t i = 0; i < ingest->publish.active_count; i++) {
		const struct publication *p = publish_active(&ingest->publish, i);

		log_walk(&p->log, see, census);
	}
	for (uint32_t i = 0; i < sessions->config.connections; i++) {
		if (sessions->sessions[i].state != SESSION_FREE) {
			see_set(census, &sessions->sessions[i].messages);
		}
	}
}

static uint64_t promised(const struct dp_ingest *ingest)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < ingest->publish.active_count; i++) {
		const struct publication *p = publish_active(&ingest->publish, i);

		bytes += p->reservation.bytes;
	}
	return bytes;
}

bool dp_ingest_check_memory(const struct dp_ingest *ingest)
{
	struct census census = {.packets = ingest->messages.packets};
	bool complete = true;

	for (uint32_t i = 0; i < census.packets->count; i++) {
		size_t units = census.packets->workers[i].region.size / ABI_SEGMENT_ALIGN;
		census.seen[i] = calloc(units / 64 + 1, sizeof(uint64_t));
		complete &= census.seen[i] != NULL;
	}
	if (complete) {
		see_all(&census, ingest);
	}
	for (uint32_t i = 0; i < census.packets->count; i++) {
		free(census.seen[i]);
	}
	return complete && census.mbufs == ingest->messages.pinned &&
	       promised(ingest) == ingest->publish.admission.promised;
}
