#include "weave.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* Chunk streams with basic headers of 1, 2 and 3 bytes, the last one longer than it need be. */
static const struct {
	uint8_t basic[3];
	uint8_t basic_len;
	uint32_t csid;
} streams[WEAVE_STREAMS] = {
	{{4}, 1, 4},
	{{0, 6}, 2, 70},
	{{1, 0x50, 1}, 3, 400},
	{{1, 36, 0}, 3, 100},
};

/* Every format after every other. The timestamp field is `small`, or `large` with a habit. */
static const struct step {
	uint8_t fmt;
	uint32_t small;
	uint32_t large;
	uint32_t lengths[WEAVE_STREAMS]; /* of fmt 0 and 1; NONE: that of the spec */
} steps[] = {
	{0, 1000, 0xfffffff0u, {NONE, 129, 2, 200}},
	{1, 40, 40, {3, 1, 130, 128}},
	{2, 20, 0x01020304, {0}},
	{3, 0, 0, {0}},
	{1, 23, 0xffffff, {130, 0, 127, 0}},
	{3, 0, 0, {0}},
	{0, 7, 0x01000000, {1, 131, 0, 257}},
	{3, 0, 0, {0}},
	{2, 0xfffffe, 0xfffffffeu, {0}},
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* The sender's side of one chunk stream. */
struct sender {
	struct rtmp_message msg;
	uint32_t step;  /* of the message under way */
	uint32_t sent;  /* payload bytes of it */
	uint32_t field; /* timestamp field of the last fmt 0 to 2 */
	uint32_t delta;
	uint32_t message;
	bool under_way;
};

struct loom {
	struct weave *w;
	struct sender senders[WEAVE_STREAMS];
	uint32_t chunk_size;
	uint32_t random;
};

static void *grown(void *p, uint32_t need, uint32_t *cap, size_t size)
{
	if (need <= *cap) {
		return p;
	}
	*cap = 2 * need;
	p = realloc(p, *cap * size);
	if (p == NULL) {
		abort();
	}
	return p;
}

static void put(struct weave *w, const void *bytes, uint32_t len)
{
	w->bytes = grown(w->bytes, w->len + len, &w->cap, 1);
	memcpy(w->bytes + w->len, bytes, len);
	w->len += len;
}

static void put_be(struct weave *w, uint32_t value, uint32_t bytes)
{
	uint8_t wire[4];

	rtmp_set_be32(wire, value);
	put(w, wire + 4 - bytes, bytes);
}

static void mark_header(struct weave *w)
{
	uint32_t cap = w->header_count;

	w->headers = grown(w->headers, w->header_count + 1, &cap, sizeof(*w->headers));
	w->headers[w->header_count++] = w->len;
}

static void add_run(struct weave *w, uint32_t stream, const struct weave_run *run)
{
	w->runs = grown(w->runs, w->run_count + 1, &w->run_cap, sizeof(*w->runs));
	w->runs[w->run_count] = *run;
	w->runs[w->run_count].next = NONE;
	if (w->last_run[stream] == NONE) {
		w->first_run[stream] = w->run_count;
	} else {
		w->runs[w->last_run[stream]].next = w->run_count;
	}
	w->last_run[stream] = w->run_count++;
}

static void put_basic(struct weave *w, uint32_t stream, uint8_t fmt)
{
	uint8_t basic[3];

	memcpy(basic, streams[stream].basic, sizeof(basic));
	basic[0] = (uint8_t)(basic[0] | fmt << 6);
	mark_header(w);
	put(w, basic, streams[stream].basic_len);
}

static void put_time(struct weave *w, uint32_t field)
{
	put_be(w, field < 0xffffff ? field : 0xffffff, 3);
}

static void put_length_and_type(struct weave *w, const struct rtmp_message *msg)
{
	put_be(w, msg->length, 3);
	put_be(w, msg->type, 1);
}

/* The message header of fmt 0 to 2, extended timestamp included. */
static void put_header(struct weave *w, const struct sender *s, uint8_t fmt)
{
	uint8_t id[4];

	put_time(w, s->field);
	if (fmt <= 1) {
		put_length_and_type(w, &s->msg);
	}
	if (fmt == 0) {
		rtmp_set_le32(id, s->msg.stream_id);
		put(w, id, sizeof(id));
	}
	if (s->field >= 0xffffff) {
		put_be(w, s->field, 4);
	}
}

/* What fmt 3 repeats, by habit. */
static void put_fmt3_time(struct weave *w, const struct sender *s)
{
	if (s->field >= 0xffffff && w->spec.habit == WEAVE_REPEATED) {
		put_be(w, s->field, 4);
	}
}

static void begin_message(struct loom *l, uint32_t stream)
{
	struct sender *s = &l->senders[stream];
	const struct step *step = &steps[s->step];
	uint32_t field = l->w->spec.habit == WEAVE_SMALL ? step->small : step->large;

	if (step->fmt <= 1) {
		s->msg.length =
			step->lengths[stream] != NONE ? step->lengths[stream] : l->w->spec.heavy;
		s->msg.type = (uint8_t)(8 + (s->step + stream) % 2);
	}
	if (step->fmt == 0) {
		s->msg.timestamp = field;
		s->msg.stream_id = 0x01020304u * stream;
		s->delta = 0;
	} else if (step->fmt <= 2) {
		s->delta = field;
	}
	if (step->fmt <= 2) {
		s->field = field;
	}
	/* A delta just below 2^24 that has no extended timestamp is a negative one. */
	if (step->fmt == 2 && field == 0xfffffe) {
		s->delta = (uint32_t)-2;
	}
	s->msg.timestamp += s->delta;
	s->message = l->w->message_count++;
	l->w->messages[s->message].msg = s->msg;
	s->sent = 0;
	s->under_way = true;
	put_basic(l->w, stream, step->fmt);
	if (step->fmt <= 2) {
		put_header(l->w, s, step->fmt);
	} else {
		put_fmt3_time(l->w, s);
	}
}

/* Payload that no timestamp looks like, but for as much of it as the spec wants. */
static void put_payload(struct loom *l, const struct sender *s, uint32_t len)
{
	struct weave *w = l->w;
	uint32_t at = w->len;
	uint8_t time[4];

	w->bytes = grown(w->bytes, w->len + len, &w->cap, 1);
	for (uint32_t i = 0; i < len; i++) {
		w->bytes[at + i] = (uint8_t)(0x40 | ((s->sent + i) * 7 & 0x3f));
	}
	rtmp_set_be32(time, s->field);
	memcpy(w->bytes + at, time, len < w->spec.match ? len : w->spec.match);
	w->len += len;
}

static void put_chunk(struct loom *l, uint32_t stream)
{
	struct sender *s = &l->senders[stream];
	struct weave *w = l->w;
	struct weave_run run = {.first = !s->under_way};
	uint32_t left;

	if (s->under_way) {
		put_basic(w, stream, 3);
		put_fmt3_time(w, s);
	} else {
		begin_message(l, stream);
	}
	left = s->msg.length - s->sent;
	run.len = left < l->chunk_size ? left : l->chunk_size;
	run.at = w->len;
	run.message = s->message;
	run.last = run.len == left;
	put_payload(l, s, run.len);
	add_run(w, stream, &run);
	s->sent += run.len;
	if (run.last) {
		s->under_way = false;
		s->step++;
		w->messages[s->message].end = w->len;
		w->order[w->order_count++] = s->message;
	}
}

/* Set Chunk Size on chunk stream 2: it is cut into chunks of the old size, like all others. */
static void put_resize(struct loom *l, uint32_t size)
{
	uint8_t header[12] = {2, 0, 0, 0, 0, 0, 4, RTMP_TYPE_SET_CHUNK_SIZE};
	uint8_t payload[4];

	mark_header(l->w);
	put(l->w, header, sizeof(header));
	rtmp_set_be32(payload, size);
	for (uint32_t at = 0; at < sizeof(payload);) {
		uint32_t left = (uint32_t)sizeof(payload) - at;
		uint32_t n = left < l->chunk_size ? left : l->chunk_size;

		if (at != 0) {
			mark_header(l->w);
			put_be(l->w, 0xc2, 1);
		}
		put(l->w, payload + at, n);
		at += n;
	}
	l->chunk_size = size;
	l->w->controls++;
}

/* The next chunk stream that has something to say, in no order that repeats. */
static uint32_t choose(struct loom *l)
{
	l->random = l->random * 1664525u + 1013904223u;
	for (uint32_t i = 0; i < WEAVE_STREAMS; i++) {
		uint32_t stream = ((l->random >> 24) + i) % WEAVE_STREAMS;

		if (l->senders[stream].step < STEPS) {
			return stream;
		}
	}
	return WEAVE_STREAMS;
}

void weave_free(struct weave *w)
{
	free(w->bytes);
	free(w->runs);
	free(w->headers);
	memset(w, 0, sizeof(*w));
}

void weave_make(struct weave *w, const struct weave_spec *spec)
{
	struct loom l = {.w = w, .chunk_size = RTMP_DEFAULT_CHUNK_SIZE, .random = 1};
	uint32_t stream = 0;

	weave_free(w);
	w->spec = *spec;
	for (uint32_t i = 0; i < WEAVE_STREAMS; i++) {
		l.senders[i].msg.csid = streams[i].csid;
		w->first_run[i] = w->last_run[i] = NONE;
	}
	put_resize(&l, spec->size);
	do {
		put_chunk(&l, stream);
		/* Behind the first chunk of the longest message, with others under way. */
		if (w->controls == 1 && spec->resize != 0 && w->run_count >= 6) {
			put_resize(&l, spec->resize);
		}
		stream = choose(&l);
	} while (stream != WEAVE_STREAMS);
}

uint32_t weave_complete(const struct weave *w, uint32_t len)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->order_count; i++) {
		count += w->messages[w->order[i]].end <= len;
	}
	return count;
}

void weave_start(struct weave_reading *r, const struct weave *w, bool runs)
{
	memset(r, 0, sizeof(*r));
	r->weave = w;
	r->runs = runs;
	memcpy(r->run, w->first_run, sizeof(r->run));
	rtmp_chunk_reader_init(&r->reader, 0xffffff);
}

static uint32_t stream_of(uint32_t csid)
{
	uint32_t i = 0;

	while (i < WEAVE_STREAMS && streams[i].csid != csid) {
		i++;
	}
	return i;
}

static bool same_message(const struct rtmp_message *a, const struct rtmp_message *b)
{
	return a->timestamp == b->timestamp && a->length == b->length &&
	       a->stream_id == b->stream_id && a->csid == b->csid && a->type == b->type;
}

/* Whether the piece is what comes next of its chunk stream. */
static bool is_next(const struct weave_reading *r, uint32_t stream, const struct rtmp_piece *p)
{
	const struct weave_run *run = &r->weave->runs[r->run[stream]];
	uint32_t offset = r->offset[stream];
	const uint8_t *place = r->weave->bytes + run->at + offset;

	if (!same_message(p->msg, &r->weave->messages[run->message].msg) ||
	    p->first != (run->first && offset == 0) || p->len > run->len - offset ||
	    p->last != (run->last && offset + p->len == run->len)) {
		return false;
	}
	if (p->len == 0) {
		return run->len == 0 && p->data == NULL;
	}
	return p->copied ? p->len <= RTMP_COPIED_MAX && memcmp(p->data, place, p->len) == 0
			 : p->data == place;
}

static void take_piece(struct weave_reading *r, const struct rtmp_piece *p)
{
	uint32_t stream = stream_of(p->msg->csid);
	const struct weave_run *run;

	if (stream == WEAVE_STREAMS || r->run[stream] == NONE || !is_next(r, stream, p)) {
		r->wrong = true;
		return;
	}
	run = &r->weave->runs[r->run[stream]];
	r->offset[stream] += p->len;
	if (p->last) {
		r->wrong |= r->weave->order[r->completed++] != run->message;
	}
	if (r->offset[stream] == run->len) {
		r->run[stream] = run->next;
		r->offset[stream] = 0;
	}
}

static void take_run(struct weave_reading *r, const struct rtmp_piece *before,
		     const struct rtmp_run *run)
{
	struct rtmp_piece piece = {.msg = before->msg, .slot = before->slot, .data = run->data};
	uint32_t left = run->len;

	for (uint32_t i = 0; i < run->chunks && !r->wrong; i++) {
		bool end = i + 1 == run->chunks;

		piece.len = end ? left : run->chunk_size;
		piece.last = end && run->last;
		piece.data++;
		take_piece(r, &piece);
		piece.data += piece.len;
		left -= piece.len;
	}
	r->wrong |= left != 0;
}

void weave_read(struct weave_reading *r, uint32_t from, uint32_t to)
{
	struct rtmp_span in = {.data = r->weave->bytes + from, .len = to - from};
	struct rtmp_control control;
	struct rtmp_piece piece;
	struct rtmp_run run;

	while (!r->wrong) {
		switch (rtmp_chunk_reader_next(&r->reader, &in, &piece, &control)) {
		case RTMP_READ_PIECE:
			take_piece(r, &piece);
			if (r->runs && !piece.last &&
			    rtmp_chunk_reader_run(&r->reader, &in, UINT32_MAX, &run)) {
				take_run(r, &piece, &run);
			}
			break;
		case RTMP_READ_CONTROL:
			r->wrong |= control.type != RTMP_TYPE_SET_CHUNK_SIZE;
			r->controls++;
			break;
		case RTMP_READ_MORE:
			r->wrong |= in.len != 0;
			return;
		default:
			r->wrong = true;
			break;
		}
	}
}

bool weave_done(const struct weave_reading *r)
{
	return !r->wrong && r->completed == r->weave->order_count &&
	       r->controls == r->weave->controls;
}
