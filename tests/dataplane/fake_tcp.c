#include "fake_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/ingest.h"
#include "tcpstack/tcp.h"

void fake_tcp_init(struct tcp_conn *conn)
{
	*conn = (struct tcp_conn){.send_space = UINT32_MAX};
}

void fake_tcp_fini(struct tcp_conn *conn)
{
	fake_tcp_acknowledge(conn, UINT32_MAX);
	free(conn->sent);
	conn->sent = NULL;
}

void fake_tcp_drop_sent(struct tcp_conn *conn, size_t n)
{
	memmove(conn->sent, conn->sent + n, conn->sent_len - n);
	conn->sent_len -= n;
}

void fake_tcp_acknowledge(struct tcp_conn *conn, uint32_t bytes)
{
	while (conn->queue && bytes > 0) {
		struct rte_mbuf *m = conn->queue;
		uint16_t n = bytes < m->data_len ? (uint16_t)bytes : m->data_len;

		m->data_off = (uint16_t)(m->data_off + n);
		m->data_len = (uint16_t)(m->data_len - n);
		conn->send_queue -= n;
		conn->send_space += n < UINT32_MAX - conn->send_space ? n : 0;
		bytes -= n;
		if (m->data_len == 0) {
			conn->queue = m->next;
			rte_pktmbuf_free_seg(m);
		}
	}
}

void fake_tcp_gone(struct tcp_conn *conn)
{
	if (!conn->gone) {
		conn->gone = true;
		fake_tcp_acknowledge(conn, UINT32_MAX);
		dp_ingest_tcp_ops.closed(conn->user, conn, TCP_CLOSE_RESET);
	}
}

void tcp_set_user(struct tcp_conn *conn, void *user)
{
	conn->user = user;
}

uint32_t tcp_send_space(const struct tcp_conn *conn)
{
	return conn->send_space;
}

static void keep(struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct rte_mbuf **end = &conn->queue;

	while (*end) {
		end = &(*end)->next;
	}
	*end = chain;
	conn->send_queue += chain->pkt_len;
}

int tcp_send(struct tcp_conn *conn, struct rte_mbuf *chain)
{
	if (conn->send_error) {
		return conn->send_error; /* the chain is still the caller's */
	}
	conn->send_space -= chain->pkt_len < conn->send_space ? chain->pkt_len : conn->send_space;
	conn->sent = realloc(conn->sent, conn->sent_len + chain->pkt_len);
	for (const struct rte_mbuf *m = chain; m; m = m->next) {
		memcpy(conn->sent + conn->sent_len, rte_pktmbuf_mtod(m, const void *), m->data_len);
		conn->sent_len += m->data_len;
	}
	if (conn->keeps) {
		keep(conn, chain);
	} else {
		rte_pktmbuf_free(chain);
	}
	return 0;
}

void tcp_close(struct tcp_conn *conn)
{
	conn->closed = true;
}

void tcp_abort(struct tcp_conn *conn)
{
	conn->aborted = true;
	fake_tcp_gone(conn);
}

void tcp_hold(struct tcp_conn *conn, uint32_t truesize)
{
	conn->held += truesize;
}

void tcp_release(struct tcp_conn *conn, uint32_t truesize)
{
	conn->held -= truesize;
}

void tcp_conn_info(const struct tcp_conn *conn, struct tcp_info *info)
{
	memset(info, 0, sizeof(*info));
	info->local.port = conn->local_port;
	inet_pton(AF_INET6, "::ffff:198.18.0.1", &info->remote.addr);
	info->remote.port = 50000;
	info->cwnd = conn->cwnd;
	info->send_queue = conn->send_queue;
}
