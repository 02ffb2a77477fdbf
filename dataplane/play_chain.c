#include "dataplane/play_chain.h"

#include <rte_mbuf.h>
#include <string.h>

static bool add_mbuf(struct play_chain *chain)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(chain->pool);

	if (m == NULL) {
		chain->lacking = true;
		return false;
	}
	if (chain->head == NULL) {
		chain->head = m;
	} else {
		chain->last->next = m;
		chain->head->nb_segs++;
	}
	chain->last = m;
	chain->mbufs++;
	return true;
}

void play_chain_put(struct play_chain *chain, const void *data, uint32_t len)
{
	const uint8_t *from = data;

	while (len > 0 && !chain->lacking) {
		uint16_t room = chain->last == NULL ? 0 : rte_pktmbuf_tailroom(chain->last);
		uint16_t n = len < room ? (uint16_t)len : room;

		if (n == 0) {
			if (!add_mbuf(chain)) {
				return;
			}
			continue;
		}
		memcpy(rte_pktmbuf_mtod_offset(chain->last, uint8_t *, chain->last->data_len), from,
		       n);
		chain->last->data_len = (uint16_t)(chain->last->data_len + n);
		chain->head->pkt_len += n;
		from += n;
		len -= n;
	}
}

struct play_mark play_chain_mark(const struct play_chain *chain)
{
	return (struct play_mark){
		.last = chain->last,
		.mbufs = chain->mbufs,
		.bytes = chain->head != NULL ? chain->head->pkt_len : 0,
		.last_len = chain->last != NULL ? chain->last->data_len : 0,
	};
}

void play_chain_cut(struct play_chain *chain, const struct play_mark *mark)
{
	struct rte_mbuf *behind = mark->last != NULL ? mark->last->next : chain->head;

	chain->lacking = false;
	chain->last = mark->last;
	if (mark->last == NULL) {
		chain->head = NULL;
	} else {
		mark->last->next = NULL;
		mark->last->data_len = mark->last_len;
		chain->head->pkt_len = mark->bytes;
		chain->head->nb_segs = (uint16_t)mark->mbufs;
	}
	chain->mbufs = mark->mbufs;
	while (behind != NULL) {
		struct rte_mbuf *next = behind->next;

		rte_pktmbuf_free_seg(behind);
		behind = next;
	}
}
