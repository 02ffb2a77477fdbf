#include "dataplane/message.h"

#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/counters.h"
#include "dataplane/packets.h"

static void message_put(struct message_pool *pool, struct message *m)
{
	*m = (struct message){.next_free = pool->free_message};
	pool->free_message = m;
}

/* An empty message; without one, that which is refused. */
static struct message *message_get(struct message_pool *pool)
{
	struct message *m = pool->free_message;

	if (!m) {
		dp_count(pool->counters, DP_COUNTER_messages_aborted, 1);
		return &pool->refused;
	}
	pool->free_message = m->next_free;
	return m;
}

static struct message_block *block_get(struct message_pool *pool)
{
	struct message_block *block = pool->free;
	if (block) {
		pool->free = block->next;
		pool->free_count--;
		block->next = NULL;
		block->count = 0;
	}
	return block;
}

static void blocks_put(struct message_pool *pool, struct message_block *block)
{
	while (block) {
		struct message_block *next = block->next;
		block->next = pool->free;
		pool->free = block;
		pool->free_count++;
		block = next;
	}
}

void message_set_init(struct message_set *set, struct message_pool *pool, uint32_t bytes_max,
		      uint32_t held_max)
{
	*set = (struct message_set){
		.pool = pool,
		.bytes_max = bytes_max,
		.held_max = held_max,
	};
}

static void forget(struct message_set *set, uint32_t slot)
{
	struct message *m = set->messages[slot];

	blocks_put(set->pool, m->first);
	set->bytes -= m->bytes;
	set->held -= m->held;
	set->pool->held -= m->held;
	set->messages[slot] = NULL;
	if (m != &set->pool->refused) {
		message_put(set->pool, m);
	}
}

void message_take(struct message_set *set, uint32_t slot)
{
	forget(set, slot);
}

void message_drop(struct message_set *set, uint32_t slot)
{
	const struct message *m = set->messages[slot];

	for (const struct message_block *b = m->first; b; b = b->next) {
		message_put_refs(set->pool, b->refs, (uint32_t)b->count);
	}
	set->edge = NULL;
	forget(set, slot);
}

/* What was published of it lives on with its references. */
static void drop_collapse(struct message_set *set)
{
	if (!set->collapse) {
		return;
	}
	set->pool->pinned -= rte_mbuf_refcnt_read(set->collapse) == 1;
	rte_pktmbuf_free_seg(set->collapse);
	set->collapse = NULL;
}

void message_set_clear(struct message_set *set)
{
	for (uint32_t slot = 0; slot < RTMP_CHUNK_STREAMS; slot++) {
		if (set->messages[slot]) {
			message_drop(set, slot);
		}
	}
	drop_collapse(set);
}

static void keep_start(struct message *m, const struct rtmp_piece *piece)
{
	uint32_t room = RTMP_CLASSIFY_BYTES - m->start_len;
	uint32_t n = piece->len < room ? piece->len : room;

	memcpy(m->start + m->start_len, piece->data, n);
	m->start_len = (uint8_t)(m->start_len + n);
}

/* Room for one more reference, or NULL. */
static uint64_t *ref_slot(struct message_pool *pool, struct message *m)
{
	if (!m->last || m->last->count == MESSAGE_BLOCK_REFS) {
		struct message_block *block = block_get(pool);
		if (!block) {
			return NULL;
		}
		if (m->last) {
			m->last->next = block;
		} else {
			m->first = block;
		}
		m->last = block;
	}
	return &m->last->refs[m->last->count++];
}

/* Adds a slice and takes over one reference count of `mbuf`. */
static bool add_slice(struct message_set *set, struct message *m, struct rte_mbuf *mbuf,
		      uint8_t *data, uint32_t len)
{
	uint32_t truesize = m->mbuf == mbuf ? 0 : set->pool->truesize;
	if (truesize > set->held_max - set->held) {
		return false;
	}
	uint64_t *ref = ref_slot(set->pool, m);
	if (!ref) {
		return false;
	}
	*ref = dp_packets_ref(set->pool->packets, mbuf, data, len);
	m->held += truesize;
	set->held += truesize;
	set->pool->held += truesize;
	m->mbuf = mbuf;
	m->end = data + len;
	m->slices++;
	return true;
}

/* The connection's mbuf with room for `len` bytes; NULL when there is none to be had. */
static struct rte_mbuf *collapse_room(struct message_set *set, uint32_t len)
{
	struct message_pool *pool = set->pool;

	if (set->collapse && rte_pktmbuf_tailroom(set->collapse) < len) {
		drop_collapse(set);
	}
	if (!set->collapse) {
		set->collapse = rte_pktmbuf_alloc(pool->copies);
		if (!set->collapse) {
			return NULL;
		}
		pool->pinned++;
	}
	return rte_pktmbuf_tailroom(set->collapse) >= len ? set->collapse : NULL;
}

/* Where the bytes of the last slice end in the connection's mbuf, the next ones join it. */
static bool add_collapsed(struct message_set *set, struct message *m,
			  const struct rtmp_piece *piece)
{
	struct rte_mbuf *mbuf = collapse_room(set, piece->len);
	if (!mbuf) {
		return false;
	}
	uint8_t *data = rte_pktmbuf_mtod_offset(mbuf, uint8_t *, mbuf->data_len);
	if (m->mbuf == mbuf && m->end == data) {
		m->last->refs[m->last->count - 1] +=
			piece->len; /* the length is the lowest field */
		m->end += piece->len;
	} else if (add_slice(set, m, mbuf, data, piece->len)) {
		dp_packets_hold(mbuf);
	} else {
		return false;
	}
	memcpy(data, piece->data, piece->len);
	mbuf->data_len = (uint16_t)(mbuf->data_len + piece->len);
	mbuf->pkt_len = mbuf->data_len;
	dp_count(set->pool->counters, DP_COUNTER_bytes_collapsed, piece->len);
	dp_count(set->pool->counters,
		 piece->copied ? DP_COUNTER_pieces_copied : DP_COUNTER_pieces_collapsed, 1);
	return true;
}

static bool can_join(const struct message_set *set, const struct message *m,
		     const struct rtmp_piece *piece, const struct rte_mbuf *mbuf, bool exclusive)
{
	if (m->mbuf != mbuf || !m->end || m->end != set->edge || piece->len > MESSAGE_JOIN_MAX) {
		return false;
	}
	ptrdiff_t gap = piece->data - m->end;
	if (gap < 0 || gap > (ptrdiff_t)RTMP_CHUNK_HEADER_MAX || (gap > 0 && !exclusive)) {
		return false;
	}
	uint64_t last = m->last->refs[m->last->count - 1];
	return abi_ref_length(last) + piece->len <= ABI_REF_LENGTH_MAX;
}

static void join(struct message_pool *pool, struct message *m, const struct rtmp_piece *piece)
{
	if (piece->data != m->end) {
		memmove(m->end, piece->data, piece->len);
	}
	m->last->refs[m->last->count - 1] += piece->len; /* the length is the lowest field */
	m->end += piece->len;
	dp_count(pool->counters, DP_COUNTER_pieces_joined, 1);
}

static bool keep(struct message_set *set, struct message *m, const struct rtmp_piece *piece,
		 struct rte_mbuf *mbuf, bool exclusive)
{
	if (piece->copied || mbuf->data_len < set->pool->collapse_max) {
		return add_collapsed(set, m, piece);
	}
	if (can_join(set, m, piece, mbuf, exclusive)) {
		join(set->pool, m, piece);
		return true;
	}
	if (!add_slice(set, m, mbuf, piece->data, piece->len)) {
		return false;
	}
	dp_packets_hold(mbuf);
	return true;
}

static void refuse(struct message_set *set, uint32_t slot)
{
	message_drop(set, slot);
	set->messages[slot] = &set->pool->refused;
	dp_count(set->pool->counters, DP_COUNTER_messages_aborted, 1);
}

void message_add(struct message_set *set, const struct rtmp_piece *piece, struct rte_mbuf *mbuf,
		 bool exclusive)
{
	struct message *m = set->messages[piece->slot];

	dp_count(set->pool->counters, DP_COUNTER_pieces, 1);
	if (!m) {
		/* Not the first: its beginning belonged to a publication that is gone. */
		m = piece->first ? message_get(set->pool) : &set->pool->refused;
		set->messages[piece->slot] = m;
	}
	if (m->refused || piece->len == 0) {
		set->edge = NULL;
		return;
	}
	keep_start(m, piece);
	if (set->pool->pressure || piece->len > set->bytes_max - set->bytes ||
	    !keep(set, m, piece, mbuf, exclusive)) {
		refuse(set, piece->slot);
		return;
	}
	m->bytes += piece->len;
	set->bytes += piece->len;
	set->edge = m->end;
}

bool message_is_open(const struct message_set *set, uint32_t slot, const struct rte_mbuf *mbuf,
		     bool exclusive)
{
	const struct message *m = set->messages[slot];

	return exclusive && m->mbuf == mbuf && m->start_len == RTMP_CLASSIFY_BYTES;
}

/* Moves bytes to the left, over what lies between: blocks in ascending order may overlap. */
static void move_left(uint8_t *to, const uint8_t *from, uint32_t len)
{
	typedef uint64_t block __attribute__((vector_size(64), aligned(1), may_alias));

	while (len >= sizeof(block)) {
		block bytes = *(const block *)from; /* whole, before any of it is written over */

		*(block *)to = bytes;
		to += sizeof(block);
		from += sizeof(block);
		len -= (uint32_t)sizeof(block);
	}
	memmove(to, from, len);
}

static void close_gaps(uint8_t *to, const struct rtmp_run *run)
{
	const uint8_t *from = run->data + 1;
	uint32_t left = run->len;

	while (left > run->chunk_size) {
		move_left(to, from, run->chunk_size);
		to += run->chunk_size;
		from += run->chunk_size + 1;
		left -= run->chunk_size;
	}
	move_left(to, from, left);
}

void message_extend(struct message_set *set, uint32_t slot, const struct rtmp_run *run)
{
	struct message *m = set->messages[slot];

	dp_count(set->pool->counters, DP_COUNTER_pieces, run->chunks);
	if (run->len > set->bytes_max - set->bytes) {
		refuse(set, slot);
		return;
	}
	close_gaps(m->end, run);
	dp_count(set->pool->counters, DP_COUNTER_pieces_joined, run->chunks);
	m->last->refs[m->last->count - 1] += run->len; /* the length is the lowest field */
	m->end += run->len;
	m->bytes += run->len;
	set->bytes += run->len;
	set->edge = m->end;
}

static uint32_t copy_block(const struct message_pool *pool, const struct message_block *b,
			   uint8_t *to, uint32_t max)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < b->count && done < max; i++) {
		uint32_t len = abi_ref_length(b->refs[i]);
		uint32_t region = abi_ref_region(b->refs[i]);
		const uint8_t *data =
			pool->packets->workers[region].region.base + abi_ref_offset(b->refs[i]);
		len = len < max - done ? len : max - done;
		memcpy(to + done, data, len);
		done += len;
	}
	return done;
}

uint32_t message_copy(const struct message_pool *pool, const struct message *message, uint8_t *to,
		      uint32_t max)
{
	uint32_t done = 0;

	for (const struct message_block *b = message->first; b && done < max; b = b->next) {
		done += copy_block(pool, b, to + done, max - done);
	}
	return done;
}
