#include "tape.h"

#include <stdlib.h>
#include <string.h>

#define HASH_START  0xcbf29ce484222325u
#define MESSAGE_MAX (1u << 20)

void tape_reset(struct tape *t)
{
	t->len = 0;
}

void tape_put(struct tape *t, const void *bytes, uint32_t len)
{
	if (len > TAPE_MAX - t->len) {
		abort();
	}
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

void tape_byte(struct tape *t, uint8_t byte)
{
	tape_put(t, &byte, 1);
}

void tape_be24(struct tape *t, uint32_t value)
{
	tape_byte(t, (uint8_t)(value >> 16));
	tape_byte(t, (uint8_t)(value >> 8));
	tape_byte(t, (uint8_t)value);
}

void tape_be32(struct tape *t, uint32_t value)
{
	tape_byte(t, (uint8_t)(value >> 24));
	tape_be24(t, value);
}

void tape_fill(struct tape *t, uint8_t seed, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		tape_byte(t, (uint8_t)(seed + i));
	}
}

static void put_time(struct tape *t, uint32_t time)
{
	tape_be24(t, time < 0xffffff ? time : 0xffffff);
}

static void put_extended(struct tape *t, uint32_t time)
{
	if (time >= 0xffffff) {
		tape_be32(t, time);
	}
}

void tape_fmt0(struct tape *t, uint8_t csid, uint32_t time, uint32_t length, uint8_t type,
	       uint32_t stream_id)
{
	tape_byte(t, csid);
	put_time(t, time);
	tape_be24(t, length);
	tape_byte(t, type);
	for (uint32_t shift = 0; shift < 32; shift += 8) {
		tape_byte(t, (uint8_t)(stream_id >> shift));
	}
	put_extended(t, time);
}

void tape_fmt1(struct tape *t, uint8_t csid, uint32_t delta, uint32_t length, uint8_t type)
{
	tape_byte(t, 0x40 | csid);
	put_time(t, delta);
	tape_be24(t, length);
	tape_byte(t, type);
	put_extended(t, delta);
}

void tape_fmt2(struct tape *t, uint8_t csid, uint32_t delta)
{
	tape_byte(t, 0x80 | csid);
	put_time(t, delta);
	put_extended(t, delta);
}

void tape_fmt3(struct tape *t, uint8_t csid)
{
	tape_byte(t, 0xc0 | csid);
}

void tape_control(struct tape *t, uint8_t csid, uint8_t type, uint32_t value)
{
	tape_fmt0(t, csid, 0, 4, type, 0);
	tape_be32(t, value);
}

uint64_t hash_bytes(uint64_t hash, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	}
	return hash;
}

uint64_t hash_fill(uint8_t seed, uint32_t len)
{
	uint64_t hash = HASH_START;

	for (uint32_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(seed + i);

		hash = hash_bytes(hash, &byte, 1);
	}
	return hash;
}

void recorder_init(struct recorder *r, struct record *record, uint32_t message_max)
{
	memset(r, 0, sizeof(*r));
	record->count = 0;
	record->error = 0;
	record->copied = 0;
	record->violations = 0;
	r->record = record;
	rtmp_chunk_reader_init(&r->reader, message_max);
}

static struct record_entry *add_entry(struct record *record)
{
	if (record->count == RECORD_MAX) {
		abort();
	}
	memset(&record->entries[record->count], 0, sizeof(record->entries[0]));
	return &record->entries[record->count++];
}

static bool lies_in(const struct rtmp_piece *p, const uint8_t *span, uint32_t len)
{
	return p->data >= span && p->data + p->len <= span + len;
}

static void take_piece(struct recorder *r, const struct rtmp_piece *p, const uint8_t *span,
		       uint32_t len)
{
	uint32_t *got = &r->got[p->slot];

	if (p->first) {
		*got = 0;
		r->hash[p->slot] = HASH_START;
	}
	r->record->violations += p->first != (*got == 0);
	r->record->violations += p->len == 0 && (p->msg->length != 0 || p->data != NULL);
	r->record->violations += p->len != 0 && !p->copied && !lies_in(p, span, len);
	r->record->violations += p->copied && p->len > RTMP_COPIED_MAX;
	r->hash[p->slot] = hash_bytes(r->hash[p->slot], p->data, p->len);
	*got += p->len;
	r->record->copied += p->copied ? p->len : 0;
	r->record->violations += p->last != (*got == p->msg->length);
	if (p->last) {
		struct record_entry *e = add_entry(r->record);

		e->msg = *p->msg;
		e->hash = r->hash[p->slot];
	}
}

/* A run is what the pieces would have been; each must lie in the span, behind one header. */
static void take_run(struct recorder *r, const struct rtmp_piece *before,
		     const struct rtmp_run *run, const uint8_t *span, uint32_t len)
{
	struct rtmp_piece piece = {.msg = before->msg, .slot = before->slot, .data = run->data};
	uint32_t left = run->len;

	r->record->violations += run->chunks == 0 || run->chunk_size != r->reader.chunk_size;
	for (uint32_t i = 0; i < run->chunks; i++) {
		bool end = i + 1 == run->chunks;

		piece.len = end ? left : run->chunk_size;
		piece.last = end && run->last;
		piece.data++;
		take_piece(r, &piece, span, len);
		piece.data += piece.len;
		left -= piece.len;
	}
	r->record->violations += left != 0;
}

static void read_run(struct recorder *r, struct rtmp_span *in, const struct rtmp_piece *before,
		     const uint8_t *span, uint32_t len)
{
	struct rtmp_run run;

	if (r->runs && !before->last && rtmp_chunk_reader_run(&r->reader, in, UINT32_MAX, &run)) {
		take_run(r, before, &run, span, len);
	}
}

static bool feed_exact(struct recorder *r, uint8_t *span, uint32_t len)
{
	struct rtmp_span in = {.data = span, .len = len};
	struct rtmp_control control;
	struct rtmp_piece piece;
	int rc;

	for (;;) {
		memset(&control, 0, sizeof(control));
		rc = rtmp_chunk_reader_next(&r->reader, &in, &piece, &control);
		switch (rc) {
		case RTMP_READ_PIECE:
			take_piece(r, &piece, span, len);
			read_run(r, &in, &piece, span, len);
			break;
		case RTMP_READ_CONTROL: {
			struct record_entry *e = add_entry(r->record);

			e->control = true;
			e->ctl = control;
			break;
		}
		case RTMP_READ_MORE:
			r->record->violations += in.len != 0;
			return true;
		default:
			r->record->error = rc;
			return false;
		}
	}
}

bool recorder_feed(struct recorder *r, const uint8_t *bytes, uint32_t len)
{
	uint8_t *span;
	bool going;

	if (r->record->error != 0) {
		return false;
	}
	span = malloc(len != 0 ? len : 1);
	if (span == NULL) {
		abort();
	}
	if (len != 0) {
		memcpy(span, bytes, len);
	}
	going = feed_exact(r, span, len);
	free(span);
	return going;
}

void record_whole(const struct tape *t, struct record *record)
{
	record_cut(t, t->len, record);
}

void record_cut(const struct tape *t, uint32_t cut, struct record *record)
{
	struct recorder r;

	recorder_init(&r, record, MESSAGE_MAX);
	recorder_feed(&r, t->bytes, cut);
	recorder_feed(&r, t->bytes + cut, t->len - cut);
}

static void feed_steps(struct recorder *r, const struct tape *t, uint32_t step)
{
	for (uint32_t at = 0; at < t->len; at += step) {
		recorder_feed(r, t->bytes + at, t->len - at < step ? t->len - at : step);
	}
}

void record_steps(const struct tape *t, uint32_t step, struct record *record)
{
	struct recorder r;

	recorder_init(&r, record, MESSAGE_MAX);
	feed_steps(&r, t, step);
}

void record_runs(const struct tape *t, uint32_t step, struct record *record)
{
	struct recorder r;

	recorder_init(&r, record, MESSAGE_MAX);
	r.runs = true;
	feed_steps(&r, t, step);
}

static bool entry_equal(const struct record_entry *a, const struct record_entry *b)
{
	return a->control == b->control && a->hash == b->hash &&
	       a->msg.timestamp == b->msg.timestamp && a->msg.length == b->msg.length &&
	       a->msg.stream_id == b->msg.stream_id && a->msg.csid == b->msg.csid &&
	       a->msg.type == b->msg.type && a->ctl.type == b->ctl.type &&
	       a->ctl.limit == b->ctl.limit && a->ctl.event == b->ctl.event &&
	       a->ctl.value == b->ctl.value && a->ctl.aborted == b->ctl.aborted;
}

bool record_equal(const struct record *a, const struct record *b)
{
	if (a->count != b->count || a->error != b->error || a->violations != b->violations) {
		return false;
	}
	for (uint32_t i = 0; i < a->count; i++) {
		if (!entry_equal(&a->entries[i], &b->entries[i])) {
			return false;
		}
	}
	return true;
}

bool tape_same_at_every_cut(const struct tape *t, const struct record *whole)
{
	static struct record other;

	for (uint32_t cut = 0; cut <= t->len; cut++) {
		record_cut(t, cut, &other);
		if (!record_equal(whole, &other)) {
			return false;
		}
		record_runs(t, cut + 1, &other);
		if (!record_equal(whole, &other)) {
			return false;
		}
	}
	for (uint32_t step = 1; step <= 8; step++) {
		record_steps(t, step, &other);
		if (!record_equal(whole, &other)) {
			return false;
		}
	}
	return true;
}
