#include "network.h"

#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#define QUOTE_LEN 68 /* of a packet, in an error about it */

void network_init(struct network *net, uint64_t seed, uint32_t severity_pm, uint64_t now_us)
{
	static const uint32_t grains_us[] = {1, 50, 1000, 1000};
	struct rng rng = {seed};

	memset(net, 0, sizeof(*net));
	link_init(&net->link[0], rng_next(&rng), severity_pm, now_us);
	link_init(&net->link[1], rng_next(&rng), severity_pm, now_us);
	net->grain_us = grains_us[rng_range(&rng, 0, 3)];
	net->rng = rng;
}

void network_fini(struct network *net)
{
	for (uint32_t to = 0; to < 2; to++) {
		struct network_inbox *inbox = &net->inbox[to];

		while (inbox->count > 0) {
			free(inbox->heap[--inbox->count]);
		}
		free(inbox->heap);
	}
}

static bool before(const struct network_packet *a, const struct network_packet *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void push(struct network_inbox *inbox, struct network_packet *packet)
{
	uint32_t at = inbox->count++;

	if (at == inbox->room) {
		inbox->room = inbox->room == 0 ? 64 : inbox->room * 2;
		inbox->heap = realloc(inbox->heap, inbox->room * sizeof(struct network_packet *));
		if (inbox->heap == NULL) {
			abort();
		}
	}
	while (at > 0 && before(packet, inbox->heap[(at - 1) / 2])) {
		inbox->heap[at] = inbox->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	inbox->heap[at] = packet;
}

static struct network_packet *pop(struct network_inbox *inbox)
{
	struct network_packet *first = inbox->heap[0];
	struct network_packet *last = inbox->heap[--inbox->count];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child + 1 < inbox->count &&
		    before(inbox->heap[child + 1], inbox->heap[child])) {
			child++;
		}
		if (child >= inbox->count || !before(inbox->heap[child], last)) {
			break;
		}
		inbox->heap[at] = inbox->heap[child];
		at = child;
	}
	inbox->heap[at] = last;
	return first;
}

/*
 * A burst of at most eight wrong bits, which no checksum of the Internet overlooks (RFC 1071), in a
 * byte that one protects: IPv6 leaves traffic class, flow label and hop limit without.
 */
static void corrupt(struct network *net, struct network_packet *packet)
{
	bool v6 = packet->data[0] >> 4 == 6;
	uint32_t at;

	do {
		at = rng_range(&net->rng, 0, packet->len - 1);
	} while (v6 && (at < 4 || at == 7));
	packet->data[at] ^= (uint8_t)rng_range(&net->rng, 1, 255);
	packet->corrupt = true;
	packet->corrupt_at = at;
}

static uint64_t round_up(const struct network *net, uint64_t at_us)
{
	return (at_us + net->grain_us - 1) / net->grain_us * net->grain_us;
}

/* RFC 3168 section 5: packets that may be marked are marked, others are left alone. */
static void mark(uint8_t *bytes)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)bytes;

	if (bytes[0] >> 4 == 6) {
		bytes[1] |= bytes[1] & 0x30 ? 0x30 : 0;
	} else if (ip->type_of_service & RTE_IPV4_HDR_ECN_MASK) {
		ip->type_of_service |= RTE_IPV4_HDR_ECN_MASK;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
}

static struct network_packet *create(struct network *net, uint64_t at_us, const uint8_t *bytes,
				     uint32_t len)
{
	struct network_packet *packet = malloc(sizeof(*packet) + len);

	if (packet == NULL) {
		abort();
	}
	*packet = (struct network_packet){
		.at_us = round_up(net, at_us), .order = net->order++, .len = len};
	memcpy(packet->data, bytes, len);
	return packet;
}

/* The error takes the link of the other direction, but no counter of packets. */
static void tell_too_big(struct network *net, uint32_t to, const uint8_t *bytes, uint32_t len,
			 uint64_t now_us)
{
	const struct link_conditions *way = &net->link[to].now;
	const struct link_conditions *back = &net->link[1 - to].now;
	struct network_packet *error;

	if (way->silent || rng_chance(&net->rng, back->loss_pm)) {
		return;
	}
	error = create(net, now_us + back->delay_us, bytes, len < QUOTE_LEN ? len : QUOTE_LEN);
	error->too_big = true;
	error->mtu = way->vague ? 0 : way->mtu;
	push(&net->inbox[1 - to], error);
}

void network_send(struct network *net, uint32_t to, const uint8_t *bytes, uint32_t len,
		  uint64_t now_us)
{
	struct link_fate fate = link_carry(&net->link[to], len, now_us);

	if (fate.too_big) {
		tell_too_big(net, to, bytes, len, now_us);
	}
	for (uint32_t i = 0; i < fate.copies; i++) {
		struct network_packet *packet = create(net, fate.at_us[i], bytes, len);

		if (fate.mark) {
			mark(packet->data);
		}
		if (i == 0 && fate.corrupt) {
			corrupt(net, packet);
		}
		push(&net->inbox[to], packet);
	}
}

struct network_packet *network_peek(const struct network *net, uint32_t to, uint64_t now_us)
{
	return network_next_us(net, to) <= now_us ? net->inbox[to].heap[0] : NULL;
}

struct network_packet *network_receive(struct network *net, uint32_t to, uint64_t now_us)
{
	return network_next_us(net, to) <= now_us ? pop(&net->inbox[to]) : NULL;
}

uint64_t network_next_us(const struct network *net, uint32_t to)
{
	const struct network_inbox *inbox = &net->inbox[to];

	return inbox->count == 0 ? UINT64_MAX : inbox->heap[0]->at_us;
}
