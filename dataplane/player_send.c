#include "dataplane/player_send.h"

#include <rte_mbuf.h>

#include "dataplane/player.h"
#include "dataplane/session.h"
#include "tcpstack/tcp.h"

static_assert(2 * PLAYER_SEND_MAX <= SESSION_SEND_MAX, "a queue of less takes a chain of any size");

/* `mbufs` of the feed are not ours any more. */
static void count_returned(struct player *player, uint32_t mbufs)
{
	_Atomic uint64_t *returned = &player->feed->returned_mbufs;
	uint64_t value = atomic_load_explicit(returned, memory_order_relaxed);

	atomic_store_explicit(returned, value + mbufs, memory_order_relaxed);
}

/* What TCP got rid of since we looked last. Replies of the session that it holds only delay it. */
static void note_acknowledged(struct player *player, uint32_t send_queue)
{
	if (player->sent_bytes > send_queue) {
		count_returned(player, player_unacked_take(&player->unacked,
							   player->sent_bytes - send_queue));
	}
}

/* How the connection gets on, and so what it may get. Not at each turn: it is a lot to ask for. */
static void look(struct player *player, uint64_t now_us)
{
	struct tcp_info info;
	uint64_t most;

	if (now_us - player->looked_us < PLAYER_LOOK_US) {
		return;
	}
	tcp_conn_info(player->session->conn, &info);
	note_acknowledged(player, info.send_queue);
	most = 2 * (uint64_t)info.cwnd;
	most = most < PLAYER_SEND_MIN ? PLAYER_SEND_MIN : most;
	most = most > PLAYER_SEND_MAX ? PLAYER_SEND_MAX : most;
	player->room = most > info.send_queue ? (uint32_t)most - info.send_queue : 0;
	player->looked_us = now_us;
}

/* Bytes that TCP may get now. */
static uint32_t room_of(const struct player *player)
{
	uint32_t space = tcp_send_space(player->session->conn);

	return player->room < space ? player->room : space;
}

/* Cuts off what comes behind the first mbufs of at most `space` bytes; NULL: nothing does. */
static struct rte_mbuf *cut(struct rte_mbuf *chain, uint32_t space)
{
	struct rte_mbuf *last = chain;
	uint32_t bytes = chain->data_len;
	uint16_t mbufs = 1;

	while (last->next != NULL && bytes + last->next->data_len <= space) {
		last = last->next;
		bytes += last->data_len;
		mbufs++;
	}
	struct rte_mbuf *rest = last->next;
	if (rest != NULL) {
		rest->pkt_len = chain->pkt_len - bytes;
		rest->nb_segs = (uint16_t)(chain->nb_segs - mbufs);
		last->next = NULL;
		chain->pkt_len = bytes;
		chain->nb_segs = mbufs;
	}
	return rest;
}

/* False: TCP refuses it. */
static bool hand_over(struct player *player, struct rte_mbuf *head, bool of_feed)
{
	uint32_t bytes = head->pkt_len;
	uint16_t mbufs = head->nb_segs;

	if (tcp_send(player->session->conn, head) < 0) {
		rte_pktmbuf_free(head);
		if (of_feed) {
			count_returned(player, mbufs);
		}
		player->session->doomed = true;
		return false;
	}
	if (of_feed) {
		player_unacked_add(&player->unacked, player->sent_bytes, bytes, mbufs);
		unread_replies_pass(&player->session->unread, bytes);
	} else if (!session_note_replies(player->session, bytes)) {
		player->session->doomed = true;
	}
	player->sent_bytes += bytes;
	player->room -= bytes < player->room ? bytes : player->room;
	return true;
}

/* False: TCP takes nothing now, or never again (its session is doomed then). */
static bool give(struct player *player, struct rte_mbuf **chain, uint64_t now_us)
{
	struct rte_mbuf *head = *chain;

	if (head->data_len > room_of(player)) {
		look(player, now_us);
	}
	uint32_t room = room_of(player);
	if (head->data_len > room) {
		return false;
	}
	*chain = cut(head, room);
	return hand_over(player, head, chain == &player->chain);
}

static bool give_chain(struct player *player, uint64_t now_us)
{
	bool given = give(player, &player->chain, now_us);

	if (given || player->session->doomed) {
		player->cut = player->chain != NULL;
	}
	return given && player->chain == NULL;
}

static bool give_replies(struct player *player, uint64_t now_us)
{
	while (player->replies != NULL) {
		if (!give(player, &player->replies, now_us)) {
			return false;
		}
	}
	return true;
}

bool player_send(struct player *player, uint64_t now_us)
{
	if (player_unacked_any(&player->unacked)) {
		look(player, now_us);
	}
	for (;;) {
		if (!player->cut && !give_replies(player, now_us)) {
			return false;
		}
		if (player->chain == NULL) {
			player->chain = play_ring_get(&player->feed->ring);
		}
		if (player->chain == NULL) {
			return true;
		}
		if (!give_chain(player, now_us)) {
			return false;
		}
	}
}

void player_finish(struct player *player)
{
	struct rte_mbuf *rest = player->cut ? player->chain : NULL;
	struct rte_mbuf *replies = player->replies;

	if (rest != NULL) {
		player->chain = NULL;
		player->cut = false;
		if (!hand_over(player, rest, true)) {
			return;
		}
	}
	if (replies != NULL) {
		player->replies = NULL;
		(void)hand_over(player, replies, false);
	}
}

void player_drop(struct player *player)
{
	struct rte_mbuf *chain;

	rte_pktmbuf_free(player->chain);
	rte_pktmbuf_free(player->replies);
	player->chain = NULL;
	player->replies = NULL;
	player->cut = false;
	while ((chain = play_ring_get(&player->feed->ring)) != NULL) {
		rte_pktmbuf_free(chain);
	}
}
