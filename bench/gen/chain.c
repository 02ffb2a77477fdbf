#include "bench/gen/chain.h"

#include <string.h>

#define SLICE_MAX 32768u /* data_len has 16 bits */

/* The memory is nobody's to free: whatever the count does, and 16 bits of it wrap, is in order. */
static void keep(void *addr, void *opaque)
{
	(void)addr;
	(void)opaque;
}

void chain_source_init(struct chain_source *s, struct rte_mempool *data_pool,
		       struct rte_mempool *slice_pool)
{
	memset(s, 0, sizeof(*s));
	s->data_pool = data_pool;
	s->slice_pool = slice_pool;
	s->info.free_cb = keep;
	rte_mbuf_ext_refcnt_set(&s->info, 1);
}

void chain_source_share(struct chain_source *s, uint8_t *base, rte_iova_t iova, size_t len)
{
	s->shared = base;
	s->iova = iova;
	s->shared_len = len;
}

struct chain {
	struct rte_mbuf *head;
	struct rte_mbuf *tail;
};

static void append(struct chain *c, struct rte_mbuf *m)
{
	if (c->head == NULL) {
		c->head = m;
	} else {
		c->tail->next = m;
		c->head->nb_segs++;
	}
	c->tail = m;
}

static bool put_copied(struct chain_source *s, struct chain *c, const uint8_t *from, uint32_t len)
{
	while (len > 0) {
		/* Behind a slice there is no room: its buffer is not ours to write. */
		uint32_t room = c->tail != NULL && RTE_MBUF_DIRECT(c->tail)
					? rte_pktmbuf_tailroom(c->tail)
					: 0;
		uint32_t n = len < room ? len : room;

		if (n == 0) {
			struct rte_mbuf *more = rte_pktmbuf_alloc(s->data_pool);

			if (more == NULL) {
				return false;
			}
			append(c, more);
			continue;
		}
		memcpy(rte_pktmbuf_mtod_offset(c->tail, uint8_t *, c->tail->data_len), from, n);
		c->tail->data_len = (uint16_t)(c->tail->data_len + n);
		c->head->pkt_len += n;
		from += n;
		len -= n;
	}
	return true;
}

static bool put_shared(struct chain_source *s, struct chain *c, uint8_t *at, uint32_t len)
{
	while (len > 0) {
		uint32_t n = len < SLICE_MAX ? len : SLICE_MAX;
		struct rte_mbuf *m = rte_pktmbuf_alloc(s->slice_pool);

		if (m == NULL) {
			return false;
		}
		rte_mbuf_ext_refcnt_update(&s->info, 1);
		rte_pktmbuf_attach_extbuf(m, at, s->iova + (rte_iova_t)(at - s->shared),
					  (uint16_t)n, &s->info);
		m->data_len = (uint16_t)n;
		m->pkt_len = 0;
		append(c, m);
		c->head->pkt_len += n;
		at += n;
		len -= n;
	}
	return true;
}

static bool is_shared(const struct chain_source *s, const uint8_t *at, size_t len)
{
	return len >= CHAIN_SHARE_LEAST && s->shared != NULL && at >= s->shared &&
	       at + len <= s->shared + s->shared_len;
}

struct rte_mbuf *chain_make(struct chain_source *s, const struct iovec *iov, uint32_t count)
{
	struct chain c = {NULL, NULL};

	for (uint32_t i = 0; i < count; i++) {
		uint8_t *at = iov[i].iov_base;
		uint32_t len = (uint32_t)iov[i].iov_len;
		bool ok = is_shared(s, at, len) ? put_shared(s, &c, at, len)
						: put_copied(s, &c, at, len);

		if (!ok) {
			rte_pktmbuf_free(c.head);
			return NULL;
		}
	}
	return c.head;
}
