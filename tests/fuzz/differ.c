#include "differ.h"

#include "slow_aggregate.h"

#include <stdlib.h>
#include <string.h>

/* What stands before the payload of an entry. */
struct entry {
	enum { ENTRY_MESSAGE, ENTRY_CONTROL, ENTRY_SKIPPED, ENTRY_MISMATCH, ENTRY_END } kind;
	struct rtmp_message msg;
	struct rtmp_control control;
	int error;
};

static void say_bytes(struct said *said, const void *bytes, uint32_t len)
{
	if (said->len + len > said->cap) {
		said->cap = 2 * (said->len + len);
		said->bytes = realloc(said->bytes, said->cap);
		if (said->bytes == NULL) {
			abort();
		}
	}
	if (len != 0) {
		memcpy(said->bytes + said->len, bytes, len);
		said->len += len;
	}
}

/* Padding is zero on both sides. */
static void say(struct said *said, const struct entry *e, const uint8_t *payload, uint32_t len)
{
	struct entry clean;

	memset(&clean, 0, sizeof(clean));
	clean.kind = e->kind;
	clean.error = e->error;
	clean.msg.timestamp = e->msg.timestamp;
	clean.msg.length = e->msg.length;
	clean.msg.stream_id = e->msg.stream_id;
	clean.msg.csid = e->msg.csid;
	clean.msg.type = e->msg.type;
	clean.control.type = e->control.type;
	clean.control.limit = e->control.limit;
	clean.control.event = e->control.event;
	clean.control.value = e->control.value;
	clean.control.aborted = e->control.aborted;
	say_bytes(said, &clean, sizeof(clean));
	say_bytes(said, payload, len);
}

static void say_kind(struct said *said, int kind, int error)
{
	say(said, &(struct entry){.kind = kind, .error = error}, NULL, 0);
}

/* The slow side. */

static uint32_t be(const uint8_t *bytes, uint32_t count)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < count; i++) {
		value = value << 8 | bytes[i];
	}
	return value;
}

static void slow_control(struct differ *d, const struct slow_message *m)
{
	bool user = m->type == RTMP_TYPE_USER_CONTROL;
	struct entry e = {.kind = ENTRY_CONTROL, .control.type = m->type};

	e.control.event = user ? (uint16_t)be(m->payload, 2) : 0;
	e.control.value = be(m->payload + (user ? 2 : 0), 4);
	e.control.limit = m->type == RTMP_TYPE_SET_PEER_BANDWIDTH ? m->payload[4] : 0;
	e.control.aborted = m->aborted;
	say(&d->slow_said, &e, NULL, 0);
}

static void slow_plain(void *context, const struct slow_message *m)
{
	struct differ *d = context;
	const struct entry e = {.kind = ENTRY_MESSAGE,
				.msg = {.timestamp = m->timestamp,
					.length = m->length,
					.stream_id = m->stream_id,
					.csid = m->csid,
					.type = m->type}};

	say(&d->slow_said, &e, m->payload, m->length);
}

static void slow_skipped(void *context)
{
	say_kind(&((struct differ *)context)->slow_said, ENTRY_SKIPPED, 0);
}

static void slow_mismatch(void *context)
{
	say_kind(&((struct differ *)context)->slow_said, ENTRY_MISMATCH, 0);
}

static void slow_message(void *context, const struct slow_message *m)
{
	struct differ *d = context;
	const struct slow_within within = {context, slow_plain, slow_skipped, slow_mismatch};

	if (m->type >= RTMP_TYPE_SET_CHUNK_SIZE && m->type <= RTMP_TYPE_SET_PEER_BANDWIDTH) {
		slow_control(d, m);
	} else if (m->type == RTMP_TYPE_AGGREGATE) {
		say_kind(&d->slow_said, ENTRY_END, slow_aggregate(m, &within));
	} else {
		slow_plain(d, m);
	}
}

static int feed_slow(struct differ *d, const uint8_t *bytes, uint32_t len)
{
	int rc = 0;

	for (uint32_t i = 0; i < len && rc == 0; i++) {
		rc = slow_reader_byte(&d->slow, bytes[i]);
	}
	return rc;
}

/* The fast side. */

static void require(struct differ *d, bool holds, const char *what)
{
	if (!holds && d->wrong == NULL) {
		d->wrong = what;
	}
}

/* Keeps a piece of the message whose bytes so far are in `payload`; whole: it can be said. */
static bool gather(struct differ *d, const struct rtmp_piece *p, uint8_t *payload, uint32_t *got)
{
	if (p->first) {
		*got = 0;
	}
	require(d, p->first == (*got == 0), "first");
	require(d, p->len <= p->msg->length - *got, "more than the message");
	if (d->wrong != NULL) {
		return false;
	}
	if (p->len != 0) {
		memcpy(payload + *got, p->data, p->len);
	}
	*got += p->len;
	require(d, p->last == (*got == p->msg->length), "last");
	return p->last;
}

static void take_within(struct differ *d, struct differ_slot *slot, const struct rtmp_piece *p)
{
	if (gather(d, p, slot->inner, &slot->inner_got)) {
		const struct entry e = {.kind = ENTRY_MESSAGE, .msg = *p->msg};

		say(&slot->within, &e, slot->inner, p->msg->length);
		d->counts.within++;
	}
}

static void read_aggregate(struct differ *d, struct differ_slot *slot, const struct rtmp_piece *p)
{
	struct rtmp_piece out;
	int rc;

	rtmp_aggregate_feed(&slot->aggregate, p);
	while ((rc = rtmp_aggregate_next(&slot->aggregate, &out)) > 0 && d->wrong == NULL) {
		if (rc == RTMP_AGGREGATE_PIECE) {
			take_within(d, slot, &out);
		} else {
			say_kind(&slot->within,
				 rc == RTMP_AGGREGATE_SKIPPED ? ENTRY_SKIPPED : ENTRY_MISMATCH, 0);
			d->counts.mismatches += rc == RTMP_AGGREGATE_MISMATCH;
		}
	}
	slot->aggregate_error = rc;
}

/* The slow side knows what is within only when all of it is there. */
static void take_aggregate(struct differ *d, const struct rtmp_piece *p)
{
	struct differ_slot *slot = &d->slots[p->slot];

	if (p->first) {
		rtmp_aggregate_begin(&slot->aggregate, p);
		slot->within.len = 0;
		slot->aggregate_error = 0;
	}
	if (slot->aggregate_error == 0) {
		read_aggregate(d, slot, p);
	}
	if (gather(d, p, slot->payload, &slot->got)) {
		say_bytes(&d->fast_said, slot->within.bytes, slot->within.len);
		say_kind(&d->fast_said, ENTRY_END, slot->aggregate_error);
		d->counts.aggregate_errors += slot->aggregate_error < 0;
	}
}

static void take_piece(struct differ *d, const struct rtmp_piece *p)
{
	struct differ_slot *slot = &d->slots[p->slot];

	if (p->msg->type == RTMP_TYPE_AGGREGATE) {
		take_aggregate(d, p);
	} else if (gather(d, p, slot->payload, &slot->got)) {
		const struct entry e = {.kind = ENTRY_MESSAGE, .msg = *p->msg};

		say(&d->fast_said, &e, slot->payload, p->msg->length);
		d->counts.messages++;
	}
}

/* A run is so many pieces, each behind one byte of header. */
static void take_run(struct differ *d, const struct rtmp_piece *before, const struct rtmp_run *run)
{
	const uint32_t header = 0xc0 | before->msg->csid;
	struct rtmp_piece p = *before;
	uint32_t left = run->len;

	p.first = false;
	p.copied = false;
	p.data = run->data;
	for (uint32_t i = 1; i <= run->chunks && d->wrong == NULL; i++) {
		require(d, *p.data == header, "header in a run");
		p.data++;
		p.len = i < run->chunks ? run->chunk_size : left;
		p.last = i == run->chunks && run->last;
		require(d, p.len > 0 && p.len <= run->chunk_size, "chunk in a run");
		take_piece(d, &p);
		p.data += p.len;
		left -= p.len;
	}
	require(d, left == 0, "length of a run");
	d->counts.runs++;
}

static bool lies_in(const struct rtmp_piece *p, const uint8_t *span, uint32_t len)
{
	return p->data >= span && p->data + p->len <= span + len;
}

static void check_piece(struct differ *d, const struct rtmp_piece *p, const uint8_t *span,
			uint32_t len)
{
	require(d, (p->data == NULL) == (p->len == 0), "empty piece");
	require(d, p->len == 0 || p->copied || lies_in(p, span, len), "piece outside the span");
	require(d, !p->copied || p->len <= RTMP_COPIED_MAX, "length of a copied piece");
	d->counts.copied += p->copied;
}

static void take_control(struct differ *d, struct rtmp_control control)
{
	uint32_t slot = control.aborted;

	control.aborted = slot < RTMP_CHUNK_STREAMS ? d->reader.streams[slot].msg.csid : 0;
	control.limit = control.type == RTMP_TYPE_SET_PEER_BANDWIDTH ? control.limit : 0;
	say(&d->fast_said, &(struct entry){.kind = ENTRY_CONTROL, .control = control}, NULL, 0);
	d->counts.controls++;
	d->counts.aborted += control.aborted != 0;
}

static int read_span(struct differ *d, uint8_t *span, uint32_t len, bool runs)
{
	struct rtmp_span in = {.data = span, .len = len};
	struct rtmp_control control;
	struct rtmp_piece piece;
	struct rtmp_run run;
	int rc;

	do {
		rc = rtmp_chunk_reader_next(&d->reader, &in, &piece, &control);
		if (rc == RTMP_READ_PIECE) {
			check_piece(d, &piece, span, len);
			take_piece(d, &piece);
			if (runs && !piece.last &&
			    rtmp_chunk_reader_run(&d->reader, &in, UINT32_MAX, &run)) {
				take_run(d, &piece, &run);
			}
		} else if (rc == RTMP_READ_CONTROL) {
			take_control(d, control);
		}
	} while (rc > 0 && d->wrong == NULL);
	require(d, rc != RTMP_READ_MORE || in.len == 0, "span not used up");
	return rc;
}

/* In memory of its own that is gone afterwards: the sanitizer sees who looks further. */
static int feed_fast(struct differ *d, const uint8_t *bytes, uint32_t len, bool runs)
{
	uint8_t *span = malloc(len != 0 ? len : 1);
	int rc;

	if (span == NULL) {
		abort();
	}
	if (len != 0) {
		memcpy(span, bytes, len);
	}
	rc = read_span(d, span, len, runs);
	free(span);
	return rc;
}

static bool same(const struct said *a, const struct said *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

bool differ_feed(struct differ *d, const uint8_t *bytes, uint32_t len, bool runs)
{
	int fast = feed_fast(d, bytes, len, runs);
	int slow = feed_slow(d, bytes, len);

	require(d, fast == slow, "error");
	require(d, same(&d->fast_said, &d->slow_said), "messages");
	require(d, d->reader.chunks == d->slow.chunks, "number of chunks");
	require(d, fast < 0 || d->reader.chunk_size == d->slow.chunk_size, "chunk size");
	d->fast_said.len = 0;
	d->slow_said.len = 0;
	d->error = fast;
	return fast == 0 && d->wrong == NULL;
}

void differ_init(struct differ *d, uint32_t streams_max)
{
	rtmp_chunk_reader_init(&d->reader, SLOW_MESSAGE_MAX);
	d->reader.streams_max = streams_max;
	slow_reader_init(&d->slow, streams_max, slow_message, d);
	d->fast_said.len = 0;
	d->slow_said.len = 0;
	d->wrong = NULL;
	d->error = 0;
}

void differ_free(struct differ *d)
{
	free(d->fast_said.bytes);
	free(d->slow_said.bytes);
	for (uint32_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		free(d->slots[i].within.bytes);
	}
	memset(d, 0, sizeof(*d));
}

/* Mostly a few bytes, now and then a packet; in some sessions nothing but a few bytes. */
static uint32_t span_length(uint32_t random, bool short_ones)
{
	static const uint32_t most[] = {1, 4, 16, 64, 300, 1460};

	return 1 + (random >> 8) % most[random % (short_ones ? 2 : 6)];
}

const char *differ_session(struct differ *d, const uint8_t *bytes, uint32_t len, uint32_t seed)
{
	bool short_ones = seed % 4 == 0;
	bool going = true;
	uint32_t n;

	for (uint32_t at = 0; at < len && going; at += n) {
		seed = seed * 1664525u + 1013904223u;
		n = span_length(seed >> 8, short_ones);
		n = n < len - at ? n : len - at;
		going = differ_feed(d, bytes + at, n, seed >> 31);
	}
	d->counts.forgotten += d->reader.forgotten;
	d->counts.errors[-d->error]++;
	return d->wrong;
}
