#include "bench/gen/publisher.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <string.h>

#define FILL_MESSAGES 16u
#define REPLY_BYTES   8192u

/* Appends to the last mbuf of a chain, adding mbufs when it is full. False without memory. */
static bool chain_put(struct rte_mempool *pool, struct rte_mbuf *head, const void *data,
		      uint32_t len)
{
	const uint8_t *from = data;

	while (len > 0) {
		struct rte_mbuf *last = rte_pktmbuf_lastseg(head);
		uint32_t room = rte_pktmbuf_tailroom(last);
		uint32_t n = len < room ? len : room;

		if (n == 0) {
			struct rte_mbuf *more = rte_pktmbuf_alloc(pool);

			if (more == NULL || rte_pktmbuf_chain(head, more) != 0) {
				rte_pktmbuf_free(more);
				return false;
			}
			continue;
		}
		memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len), from, n);
		last->data_len = (uint16_t)(last->data_len + n);
		head->pkt_len += n;
		from += n;
		len -= n;
	}
	return true;
}

/* Payload bytes [at, at + len) of a message: its own head, then the pattern. */
static bool chain_put_payload(struct rte_mempool *pool, struct rte_mbuf *head,
			      const struct content_message *m, uint32_t at, uint32_t len)
{
	if (at < CONTENT_HEAD) {
		uint32_t n = CONTENT_HEAD - at < len ? CONTENT_HEAD - at : len;

		if (!chain_put(pool, head, m->head + at, n)) {
			return false;
		}
		at += n;
		len -= n;
	}
	while (len > 0) {
		uint32_t n = len < 65536 ? len : 65536;

		if (!chain_put(pool, head, content_pattern(at), n)) {
			return false;
		}
		at += n;
		len -= n;
	}
	return true;
}

/* Bytes that a message takes on the wire, from above. */
static uint32_t wire_size(const struct publisher *p, uint32_t length)
{
	return length + RTMP_CHUNK_HEADER_MAX + 5 * (length / p->client.writer.chunk_size);
}

/* The message as a chain of mbufs; NULL without memory. */
static struct rte_mbuf *serialise(struct publisher *p, const struct content_message *m)
{
	struct rtmp_chunk_writer before = p->client.writer;
	struct rte_mbuf *head = rte_pktmbuf_alloc(p->all->pool);
	struct rtmp_chunk chunk;
	uint32_t at = 0;

	if (head == NULL) {
		return NULL;
	}
	rtmp_chunk_writer_begin(&p->client.writer, &m->msg);
	while (rtmp_chunk_writer_next(&p->client.writer, &chunk)) {
		if (!chain_put(p->all->pool, head, chunk.header, chunk.header_len) ||
		    !chain_put_payload(p->all->pool, head, m, at, chunk.payload_len)) {
			rte_pktmbuf_free(head);
			p->client.writer = before;
			return NULL;
		}
		at += chunk.payload_len;
	}
	return head;
}

static bool due(const struct publisher *p)
{
	uint64_t allowed = (p->all->now_us - p->started_us) * p->all->bitrate_kbps / 8000;

	return p->all->bitrate_kbps == 0 || p->sent_bytes <= allowed;
}

static bool send_next(struct publisher *p)
{
	struct rte_mbuf *chain;

	if (!p->has_next) {
		content_next(&p->content, p->client.stream_id, &p->next);
		p->has_next = true;
	}
	if (tcp_send_space(p->conn) < wire_size(p, p->next.msg.length)) {
		return false;
	}
	chain = serialise(p, &p->next);
	if (chain == NULL) {
		return false;
	}
	if (tcp_send(p->conn, chain) != 0) {
		rte_pktmbuf_free(chain);
		tcp_abort(p->conn);
		return false;
	}
	p->has_next = false;
	p->sent_bytes += p->next.msg.length;
	p->all->sent_bytes += p->next.msg.length;
	p->all->messages++;
	return true;
}

void publisher_fill(struct publisher *p)
{
	for (uint32_t i = 0; i < FILL_MESSAGES; i++) {
		if (p->conn == NULL || !p->publishing || p->all->finishing || !due(p) ||
		    !send_next(p)) {
			return;
		}
	}
}

/* Sends reply bytes of the RTMP client. */
static void send_reply(struct publisher *p, const struct rtmp_out *out)
{
	struct rte_mbuf *head;

	if (out->len == 0) {
		return;
	}
	head = rte_pktmbuf_alloc(p->all->pool);
	if (head == NULL || !chain_put(p->all->pool, head, out->data, (uint32_t)out->len) ||
	    tcp_send(p->conn, head) != 0) {
		rte_pktmbuf_free(head);
		tcp_abort(p->conn);
	}
}

static void on_event(struct publisher *p, const struct rtmp_client_event *event)
{
	if (event->type == RTMP_CLIENT_PUBLISHING) {
		p->publishing = true;
		p->started_us = p->all->now_us;
		p->all->publishing++;
	} else if (event->type == RTMP_CLIENT_REFUSED) {
		fprintf(stderr, "penstock-gen: %s: %s\n", event->code, event->text);
		p->all->refused++;
	}
}

/* Reads one segment; false when the connection has to end. */
static bool read_segment(struct publisher *p, struct rte_mbuf *m, struct rtmp_out *out)
{
	struct rtmp_span in = {.data = rte_pktmbuf_mtod(m, uint8_t *), .len = m->data_len};
	struct rtmp_client_event event;

	do {
		if (rtmp_client_next(&p->client, &in, out, &event) != 0) {
			return false;
		}
		on_event(p, &event);
	} while (event.type != RTMP_CLIENT_MORE);
	return true;
}

static void received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct publisher *p = user;
	uint8_t reply[REPLY_BYTES];
	struct rtmp_out out = {.data = reply, .cap = sizeof(reply)};
	bool ok = true;

	for (struct rte_mbuf *m = chain; m != NULL && ok; m = m->next) {
		ok = read_segment(p, m, &out);
	}
	rte_pktmbuf_free(chain);
	if (ok) {
		send_reply(p, &out);
	} else {
		tcp_abort(conn);
	}
}

static void connected(void *user, struct tcp_conn *conn)
{
	struct publisher *p = user;
	uint8_t reply[REPLY_BYTES];
	struct rtmp_out out = {.data = reply, .cap = sizeof(reply)};

	if (rtmp_client_start(&p->client, &out) != 0) {
		tcp_abort(conn);
		return;
	}
	send_reply(p, &out);
}

static void peer_closed(void *user, struct tcp_conn *conn)
{
	(void)user;
	tcp_close(conn);
}

static void writable(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn; /* publisher_fill() looks in every loop */
}

static void closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct publisher *p = user;

	(void)conn;
	if (!p->all->finishing) {
		fprintf(stderr, "penstock-gen: %s: %s\n", p->name, tcp_close_reason_text(reason));
		p->all->lost++;
	}
	if (p->publishing) {
		p->all->publishing--;
	}
	p->publishing = false;
	p->conn = NULL;
}

static bool accepted(void *app, struct tcp_conn *conn)
{
	(void)app;
	(void)conn;
	return false; /* we do not listen */
}

const struct tcp_ops publisher_tcp_ops = {
	.accepted = accepted,
	.connected = connected,
	.received = received,
	.peer_closed = peer_closed,
	.writable = writable,
	.closed = closed,
};

int publisher_start(struct publisher *p, struct publishers *all, const struct tcp_endpoint *local,
		    const struct tcp_endpoint *remote, const char *app, uint32_t index,
		    const char *name)
{
	p->all = all;
	snprintf(p->name, sizeof(p->name), "%s%u", name, index);
	snprintf(p->tc_url, sizeof(p->tc_url), "rtmp://penstock/%s", app);
	rtmp_client_init(&p->client,
			 &(struct rtmp_client_config){
				 .app = app,
				 .tc_url = p->tc_url,
				 .name = p->name,
				 .flash_ver = "FMLE/3.0 (compatible; penstock-gen)",
				 .chunk_size = all->chunk_size,
			 },
			 index + 1);
	content_init(&p->content, index + 1, all->message);
	p->conn = tcp_connect(all->stack, local, remote, p, all->now_us);
	return p->conn != NULL ? 0 : -errno;
}

void publisher_finish(struct publisher *p)
{
	uint8_t reply[REPLY_BYTES];
	struct rtmp_out out = {.data = reply, .cap = sizeof(reply)};

	if (p->conn == NULL) {
		return;
	}
	if (p->publishing && rtmp_client_finish(&p->client, &out) == 0) {
		send_reply(p, &out);
	}
	if (p->conn != NULL) {
		tcp_close(p->conn);
	}
}
