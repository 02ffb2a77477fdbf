#include <rte_mbuf.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/ingest.h"
#include "hostile.h"
#include "rtmp/heap_buffers.h"
#include "tcpstack/tcp.h"

uint64_t hostile_mark(uint64_t id)
{
	uint64_t z = (id + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ z >> 31;
}

/* Byte `i` of message `number`: the first two look like H.264 to whoever classifies it. */
uint8_t hostile_byte(uint64_t mark, uint32_t number, uint32_t i)
{
	if (i < 2) {
		return i == 0 ? (number % 8 == 0 ? 0x17 : 0x27) : 1;
	}
	return (uint8_t)((mark >> i % 8 * 8) ^ (number * 31 + i / 8));
}

/* A chain of segments with the first bytes of `data`; NULL: no packets are left. */
static struct rte_mbuf *chain_of(struct hostile *h, const uint8_t **data, size_t *len)
{
	uint32_t segments = 1 + hostile_below(&h->random, 4);
	struct rte_mbuf *head = NULL;
	struct rte_mbuf *last = NULL;

	for (uint32_t i = 0; i<segments && * len> 0; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(h->world.packets.pool);
		uint32_t most = hostile_below(&h->random, 4) == 0 ? 40 : 1448;
		size_t n = 1 + hostile_below(&h->random, most);
		if (!m) {
			break;
		}
		n = n < *len ? n : *len;
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), *data, n);
		*data += n;
		*len -= n;
		if (!head) {
			head = m;
		} else {
			last->next = m;
			head->nb_segs++;
			head->pkt_len += m->data_len;
		}
		last = m;
	}
	return head;
}

/* Gives the first `len` bytes of what is to be sent. */
static void deliver(struct hostile *h, struct hostile_publisher *p, size_t len)
{
	const uint8_t *data = p->bytes;
	size_t left = len;

	while (left > 0 && !p->conn.gone) {
		struct rte_mbuf *chain = chain_of(h, &data, &left);
		if (!chain) {
			break; /* the port lost them: TCP would send them again, later */
		}
		dp_ingest_tcp_ops.received(p->conn.user, &p->conn, chain);
	}
	p->out.len -= len - left;
	memmove(p->bytes, data, p->out.len);
}

/* False when the connection is of no use any more. */
static bool read_replies(struct hostile_publisher *p)
{
	struct rtmp_span span = {.data = p->conn.sent, .len = (uint32_t)p->conn.sent_len};
	struct rtmp_client_event event;

	do {
		if (rtmp_client_next(&p->client, &span, &p->out, &event) < 0) {
			return false;
		}
		p->publishing |= event.type == RTMP_CLIENT_PUBLISHING;
	} while (event.type != RTMP_CLIENT_MORE);
	p->conn.sent_len = 0;
	return true;
}

static void put_media(struct hostile *h, struct hostile_publisher *p)
{
	static uint8_t payload[HOSTILE_MESSAGE];
	uint32_t most = hostile_below(&h->random, 3) == 0 ? HOSTILE_MESSAGE : 300;
	struct rtmp_message msg = {
		.timestamp = p->sent,
		.length = 1 + hostile_below(&h->random, most),
		.stream_id = p->client.stream_id,
		.csid = 6,
		.type = RTMP_TYPE_VIDEO,
	};
	size_t before = p->out.len;

	for (uint32_t i = 0; i < msg.length; i++) {
		payload[i] = hostile_byte(p->mark, p->sent, i);
	}
	if (rtmp_chunk_writer_put(&p->client.writer, &msg, payload, &p->out)) {
		p->sent++;
	} else {
		p->out.len = before;
		p->out.overflow = false;
	}
}

static void open_publisher(struct hostile *h, struct hostile_publisher *p)
{
	uint64_t id = stress_random(&h->random);

	memset(p, 0, offsetof(struct hostile_publisher, bytes));
	p->world = &h->world;
	p->mark = hostile_mark(id);
	(void)snprintf(p->name, sizeof(p->name), "%lu", (unsigned long)id);
	p->out = (struct rtmp_out){.data = p->bytes, .cap = sizeof(p->bytes)};
	p->config = (struct rtmp_client_config){
		.buffers = &rtmp_heap_buffers,
		.app = "live",
		.tc_url = "rtmp://198.18.0.2/live",
		.name = p->name,
		.flash_ver = "test",
		.chunk_size = hostile_below(&h->random, 2) ? 128 : 4096,
	};
	fake_tcp_init(&p->conn);
	rtmp_client_init(&p->client, &p->config, id);
	p->open = dp_ingest_tcp_ops.accepted(h->world.ingest, &p->conn);
	if (p->open && rtmp_client_start(&p->client, &p->out) < 0) {
		hostile_fail(h, "the client does not start");
	}
}

void hostile_publisher_close(struct hostile_publisher *p)
{
	if (p->open) {
		fake_tcp_gone(&p->conn);
		fake_tcp_fini(&p->conn);
		rtmp_client_fini(&p->client);
		p->open = false;
		p->out.len = 0;
	}
}

/* The end from the publisher's side: in order, half of it, or none. */
static void leave(struct hostile *h, struct hostile_publisher *p)
{
	switch (hostile_below(&h->random, 3)) {
	case 0:
		if (rtmp_client_finish(&p->client, &p->out) == 0) {
			deliver(h, p, p->out.len);
		}
		break;
	case 1:
		dp_ingest_tcp_ops.peer_closed(p->conn.user, &p->conn);
		break;
	default:
		break;
	}
	hostile_check_new(h);
	hostile_publisher_close(p);
}

static void send_some(struct hostile *h, struct hostile_publisher *p)
{
	/* Some send media before they are told that they may. */
	bool may = p->publishing || (p->client.stream_id && hostile_below(&h->random, 8) == 0);
	uint32_t count = may ? hostile_below(&h->random, 4) : 0;

	for (uint32_t i = 0; i < count; i++) {
		put_media(h, p);
	}
	/* Mostly all of it, sometimes up to the middle of something. */
	size_t len = p->out.len;
	if (len > 0 && hostile_below(&h->random, 4) == 0) {
		len = hostile_below(&h->random, (uint32_t)len);
	}
	deliver(h, p, len);
}

void hostile_publisher_step(struct hostile *h, struct hostile_publisher *p)
{
	if (!p->open) {
		if (hostile_below(&h->random, 8) == 0) {
			open_publisher(h, p);
		}
		return;
	}
	if (p->conn.gone || p->conn.closed || !read_replies(p) ||
	    hostile_below(&h->random, 600) == 0) {
		p->conn.gone ? hostile_publisher_close(p) : leave(h, p);
		return;
	}
	send_some(h, p);
}
