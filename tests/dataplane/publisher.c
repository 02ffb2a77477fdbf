#include "publisher.h"

#include <CUnit/CUnit.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/ingest.h"
#include "rtmp/amf0.h"
#include "rtmp/heap_buffers.h"
#include "tcpstack/tcp.h"

/* Cuts `len` bytes into segments of p->segment and gives them in chains of p->chain. */
static void deliver(struct publisher *p, const uint8_t *data, size_t len)
{
	while (len > 0 && !p->conn.gone) {
		struct rte_mbuf *head = NULL;
		struct rte_mbuf *last = NULL;
		for (uint32_t i = 0; i < p->chain && len > 0; i++) {
			struct rte_mbuf *m = rte_pktmbuf_alloc(p->world->packets.pool);
			size_t n = len < p->segment ? len : p->segment;
			if (!m) {
				CU_FAIL_FATAL("out of packets");
			}
			memcpy(rte_pktmbuf_append(m, (uint16_t)n), data, n);
			data += n;
			len -= n;
			if (!head) {
				head = m;
			} else {
				last->next = m;
				head->nb_segs++;
				head->pkt_len += m->data_len;
			}
			last = m;
		}
		dp_ingest_tcp_ops.received(p->conn.user, &p->conn, head);
	}
}

static void read_replies(struct publisher *p)
{
	struct rtmp_client_event event;
	struct rtmp_span span = {.data = p->conn.sent, .len = (uint32_t)p->conn.sent_len};

	do {
		int err = rtmp_client_next(&p->client, &span, &p->out, &event);
		if (err < 0) {
			break;
		}
		if (event.type == RTMP_CLIENT_PUBLISHING) {
			p->publishing = true;
		} else if (event.type == RTMP_CLIENT_REFUSED) {
			p->refused = true;
			memcpy(p->code, event.code, sizeof(p->code));
		}
	} while (event.type != RTMP_CLIENT_MORE);
	p->conn.sent_len = 0;
}

void publisher_pump(struct publisher *p)
{
	do {
		size_t len = p->out.len;
		uint8_t *copy = malloc(len + 1);
		memcpy(copy, p->out.data, len);
		p->out.len = 0;
		deliver(p, copy, len);
		free(copy);
		world_poll(p->world);
		read_replies(p);
	} while (p->out.len > 0 && !p->conn.gone);
}

void publisher_open_as(struct publisher *p, struct world *w,
		       const struct rtmp_client_config *config, uint32_t segment)
{
	memset(p, 0, offsetof(struct publisher, bytes));
	p->world = w;
	p->segment = segment;
	p->chain = 3;
	p->publishing = p->refused = false;
	p->out = (struct rtmp_out){.data = p->bytes, .cap = sizeof(p->bytes)};
	p->config = *config;
	p->config.buffers = &rtmp_heap_buffers;
	p->config.app = "live";
	p->config.tc_url = "rtmp://198.18.0.2/live";
	p->config.flash_ver = "test";
	fake_tcp_init(&p->conn);
	rtmp_client_init(&p->client, &p->config, 9);
	CU_ASSERT_TRUE_FATAL(dp_ingest_tcp_ops.accepted(w->ingest, &p->conn));
	CU_ASSERT_EQUAL_FATAL(rtmp_client_start(&p->client, &p->out), 0);
	publisher_pump(p);
}

void publisher_open(struct publisher *p, struct world *w, const char *name, uint32_t chunk_size,
		    uint32_t segment)
{
	const struct rtmp_client_config config = {.name = name, .chunk_size = chunk_size};

	publisher_open_as(p, w, &config, segment);
}

void publisher_media(struct publisher *p, uint8_t type, uint32_t csid, uint32_t timestamp,
		     const void *payload, uint32_t len)
{
	struct rtmp_message msg = {.timestamp = timestamp,
				   .length = len,
				   .stream_id = p->client.stream_id,
				   .csid = csid,
				   .type = type};
	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_put(&p->client.writer, &msg, payload, &p->out));
}

void publisher_command(struct publisher *p, uint32_t stream_id, const char *name,
		       const char *stream)
{
	uint8_t bytes[256];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};
	struct rtmp_message msg = {
		.stream_id = stream_id, .csid = 3, .type = RTMP_TYPE_COMMAND_AMF0};

	amf0_write_string(&out, name);
	amf0_write_number(&out, 9);
	amf0_write_null(&out);
	if (stream) {
		amf0_write_string(&out, stream);
		amf0_write_string(&out, "live");
	}
	msg.length = (uint32_t)out.len;
	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_put(&p->client.writer, &msg, bytes, &p->out));
}

void publisher_publish(struct publisher *p, uint32_t stream_id, const char *stream)
{
	publisher_command(p, 0, "createStream", NULL);
	publisher_command(p, stream_id, "publish", stream);
	publisher_pump(p);
}

void publisher_close(struct publisher *p)
{
	fake_tcp_gone(&p->conn);
	fake_tcp_fini(&p->conn);
	rtmp_client_fini(&p->client);
	world_poll(p->world);
}

uint32_t publisher_go_live(struct publisher *p, struct world *w, const char *name,
			   uint32_t chunk_size, uint32_t segment)
{
	publisher_open(p, w, name, chunk_size, segment);
	struct abi_event event = world_expect(w, ABI_EVENT_PUBLISH);
	uint32_t slot = event.slot;
	world_command(w, ABI_COMMAND_ACCEPT, slot, event.generation, 0, "public");
	world_poll(w);
	publisher_pump(p);
	CU_ASSERT_TRUE(p->publishing);
	(void)world_expect(w, ABI_EVENT_LIVE);
	return slot;
}
