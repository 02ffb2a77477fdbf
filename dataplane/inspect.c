#include "dataplane/inspect.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "abi/sub.h"
#include "dataplane/publish.h"
#include "dataplane/session.h"
#include "tcpstack/tcp.h"

#define SLOTS_PER_LOOP       256u
#define CONNECTIONS_PER_LOOP 32u
#define SLOTS_PER_PAGE       4096u

static_assert((int)ABI_CONNECTION_TIMESTAMPS == (int)TCP_INFO_TIMESTAMPS &&
		      (int)ABI_CONNECTION_SACK == (int)TCP_INFO_SACK &&
		      (int)ABI_CONNECTION_WSCALE == (int)TCP_INFO_WSCALE &&
		      (int)ABI_CONNECTION_ECN == (int)TCP_INFO_ECN &&
		      (int)ABI_CONNECTION_RECOVERY == (int)TCP_INFO_RECOVERY &&
		      (int)ABI_CONNECTION_PERSIST == (int)TCP_INFO_PERSIST &&
		      (int)ABI_CONNECTION_FIN_QUEUED == (int)TCP_INFO_FIN_QUEUED &&
		      (int)ABI_CONNECTION_PEER_CLOSED == (int)TCP_INFO_PEER_CLOSED,
	      "flags of a connection");

void dp_inspect_init(struct dp_inspect *inspect, struct abi_pub *pub, const struct tcp_stack *tcp)
{
	*inspect = (struct dp_inspect){
		.page = (void *)((uint8_t *)pub + pub->page_offset),
		.tcp = tcp,
	};
}

static void fill_identity(struct abi_connection *out, const struct tcp_info *info)
{
	out->id = info->id;
	out->slot = info->slot;
	out->flags = (uint16_t)info->flags;
	out->tcp_state = (uint8_t)info->state;
	memcpy(out->local, &info->local.addr, sizeof(out->local));
	memcpy(out->remote, &info->remote.addr, sizeof(out->remote));
	out->local_port = info->local.port;
	out->remote_port = info->remote.port;
	out->age_ms = info->age_ms;
	out->idle_rx_ms = info->idle_rx_ms;
	out->idle_tx_ms = info->idle_tx_ms;
	out->rx_bytes = info->rx_bytes;
	out->tx_bytes = info->tx_bytes;
	(void)snprintf(out->congestion, sizeof(out->congestion), "%s", info->congestion);
}

static void fill_sending(struct abi_connection *out, const struct tcp_info *info)
{
	out->rtt_us = info->rtt_us;
	out->rttvar_us = info->rttvar_us;
	out->rtt_min_us = info->rtt_min_us;
	out->rto_us = info->rto_us;
	out->cwnd = info->cwnd;
	out->ssthresh = info->ssthresh;
	out->mss = (uint16_t)info->mss;
	out->path_mtu = info->path_mtu;
	out->snd_wscale = info->snd_wscale;
	out->snd_wnd = info->snd_wnd;
	out->snd_wnd_max = info->snd_wnd_max;
	out->send_queue = info->send_queue;
	out->in_flight = info->in_flight;
	out->snd_una = info->snd_una;
	out->snd_nxt = info->snd_nxt;
	out->rx_dsacks = info->rx_dsacks;
	out->retransmits = info->retransmits;
	out->timeouts = info->timeouts;
	out->backoff = info->backoff;
	out->dup_acks = info->dup_acks;
	out->retransmit_in_us = info->retransmit_in_us;
}

static void fill_receiving(struct abi_connection *out, const struct tcp_info *info)
{
	out->rcv_mss = info->rcv_mss;
	out->rcv_wscale = info->rcv_wscale;
	out->rcv_wnd = info->rcv_wnd;
	out->rcv_wnd_limit = info->rcv_wnd_limit;
	out->rcv_nxt = info->rcv_nxt;
	out->pinned = info->pinned;
	out->held = info->held;
	out->ooo_segments = info->ooo_segments;
	out->ooo_ranges = info->ooo_ranges;
	out->rx_out_of_order = info->rx_out_of_order;
	out->rx_duplicates = info->rx_duplicates;
	out->ecn_marks = info->ecn_marks;
	out->ack_in_us = info->ack_in_us;
	out->life_in_us = info->life_in_us;
	out->keepalive_probes = info->keepalive_probes;
}

/* One that its owner refused has no session and is never seen here. */
static void fill_session(struct abi_connection *out, const struct session *s)
{
	/* Of several, the one that was asked for last. */
	const struct publication *p = s != NULL ? LIST_FIRST(&s->publications) : NULL;

	out->session_state = s != NULL ? (uint8_t)s->state : SESSION_FREE;
	out->stream_slot = p != NULL ? p->slot : ABI_NO_STREAM;
	out->stream_generation = p != NULL ? p->generation : 0;
}

static struct abi_connection *next_entry(struct dp_inspect *inspect)
{
	struct abi_connection *out = &inspect->page->connections[inspect->page->count++];

	memset(out, 0, sizeof(*out));
	return out;
}

static void add(struct dp_inspect *inspect, const struct tcp_conn *conn)
{
	struct abi_connection *out;
	struct tcp_info info;

	tcp_conn_info(conn, &info);
	if (inspect->id != 0 && inspect->id != info.id) {
		return;
	}
	out = next_entry(inspect);
	fill_identity(out, &info);
	fill_sending(out, &info);
	fill_receiving(out, &info);
	fill_session(out, tcp_user(conn));
}

/* Half-open and TIME_WAIT have no id, so that who wants one connection does not mean them. */
static void add_record(struct dp_inspect *inspect, const struct tcp_info *info)
{
	struct abi_connection *out;

	if (inspect->id != 0) {
		return;
	}
	out = next_entry(inspect);
	fill_identity(out, info);
	out->slot |= ABI_PAGE_RECORDS;
	out->retransmits = info->retransmits;
	out->retransmit_in_us = info->retransmit_in_us;
	out->life_in_us = info->life_in_us;
	fill_session(out, NULL);
}

static uint32_t slots(const struct dp_inspect *inspect)
{
	return inspect->records ? tcp_records(inspect->tcp) : tcp_slots(inspect->tcp);
}

/* Whether there was one. */
static bool look_at(struct dp_inspect *inspect, uint32_t slot)
{
	struct tcp_info info;

	if (inspect->records) {
		if (!tcp_record_info(inspect->tcp, slot, &info)) {
			return false;
		}
		info.slot = slot;
		add_record(inspect, &info);
		return true;
	}
	const struct tcp_conn *conn = tcp_at(inspect->tcp, slot);
	if (conn == NULL) {
		return false;
	}
	add(inspect, conn);
	return true;
}

static void begin(struct dp_inspect *inspect, const struct abi_inspect *wanted, uint64_t request)
{
	inspect->request = request;
	inspect->busy = true;
	/* Any value will do: beyond the table there is nothing, and an id may be nobody's. */
	uint32_t from = atomic_load_explicit(&wanted->from, memory_order_relaxed);
	inspect->records = from & ABI_PAGE_RECORDS;
	inspect->slot = from & ~ABI_PAGE_RECORDS;
	inspect->id = atomic_load_explicit(&wanted->id, memory_order_relaxed);
	inspect->examined = 0;
	inspect->page->count = 0;
}

static void end(struct dp_inspect *inspect, uint64_t now_us)
{
	struct abi_page *page = inspect->page;

	page->next = ABI_PAGE_END;
	if (inspect->slot < slots(inspect)) {
		page->next = inspect->slot | (inspect->records ? ABI_PAGE_RECORDS : 0);
	}
	page->half_open = tcp_half_open_count(inspect->tcp);
	page->time_wait = tcp_time_wait_count(inspect->tcp);
	page->time_us = now_us;
	inspect->busy = false;
	/* Pairs with the acquire of control: the page is complete. */
	atomic_store_explicit(&page->answered, inspect->request, memory_order_release);
}

static bool page_ends(const struct dp_inspect *inspect)
{
	return inspect->slot >= slots(inspect) || inspect->page->count == ABI_PAGE_CONNECTIONS ||
	       inspect->examined >= SLOTS_PER_PAGE;
}

static uint32_t look(struct dp_inspect *inspect)
{
	uint32_t looked = 0;
	uint32_t found = 0;

	while (looked < SLOTS_PER_LOOP && found < CONNECTIONS_PER_LOOP && !page_ends(inspect)) {
		inspect->examined++;
		looked++;
		found += look_at(inspect, inspect->slot++);
	}
	return looked;
}

static uint64_t requested(const struct abi_sub *sub)
{
	/* Pairs with the release of control: what is wanted is written, the last page read. */
	return atomic_load_explicit(&sub->inspect.request, memory_order_acquire);
}

bool dp_inspect_pending(const struct dp_inspect *inspect, const struct abi_sub *sub)
{
	if (sub == NULL) {
		return false;
	}
	uint64_t request = requested(sub);
	return request != 0 && (inspect->busy || request != inspect->request);
}

uint32_t dp_inspect_poll(struct dp_inspect *inspect, const struct abi_sub *sub, uint64_t now_us)
{
	if (sub == NULL) {
		inspect->busy = false;
		return 0;
	}
	uint64_t request = requested(sub);
	if (request == 0 || (request == inspect->request && !inspect->busy)) {
		return 0;
	}
	if (request != inspect->request) {
		begin(inspect, &sub->inspect, request);
	}
	uint32_t looked = look(inspect);
	if (page_ends(inspect)) {
		end(inspect, now_us);
	}
	return looked;
}
