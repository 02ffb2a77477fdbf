/*
 * Counters of a stack. Every packet that is dropped has a named reason here; the names are what
 * operators see. X(name, text)
 */
#ifndef TCPSTACK_COUNTERS_H
#define TCPSTACK_COUNTERS_H

#define TCP_COUNTERS(X)                                                               \
	X(rx_segments, "segments received")                                           \
	X(rx_merged, "segments merged with the one before in their burst (GRO)")      \
	X(rx_bytes, "payload bytes delivered in order")                               \
	X(tx_segments, "segments sent")                                               \
	X(tx_bytes, "payload bytes sent, retransmissions included")                   \
	X(tx_large, "packets left to the port to cut into segments (TSO)")            \
	X(drop_short, "dropped: shorter than its headers say")                        \
	X(drop_ip_checksum, "dropped: IPv4 header checksum")                          \
	X(drop_tcp_checksum, "dropped: TCP checksum")                                 \
	X(drop_not_ours, "dropped: not for one of our addresses")                     \
	X(drop_fragment, "dropped: IP fragment")                                      \
	X(drop_bad_options, "dropped: malformed TCP options")                         \
	X(drop_bad_source, "dropped: source address cannot be a peer")                \
	X(drop_no_listener, "answered with RST: nobody listens")                      \
	X(drop_source_limit, "refused: too many connections of its source")           \
	X(drop_syn_limit, "dropped: too many half-open connections, no cookie")       \
	X(syn_cookies_sent, "SYNs answered with a cookie: half-open limit")           \
	X(syn_cookies_limited, "dropped: SYN, the worker has no time to answer")      \
	X(syn_cookies_accepted, "connections opened by a SYN cookie")                 \
	X(syn_cookies_rejected, "dropped: ACK without connection, no cookie")         \
	X(drop_table_full, "dropped: connection table is full")                       \
	X(drop_out_of_window, "dropped: outside the receive window")                  \
	X(drop_paws, "dropped: timestamp too old (PAWS)")                             \
	X(drop_bad_ack, "dropped: acknowledges what was not sent")                    \
	X(drop_no_ack, "dropped: no ACK bit")                                         \
	X(drop_duplicate, "dropped: all of it was received before")                   \
	X(drop_ooo_limit, "dropped: out-of-order limit of the connection")            \
	X(shed_ooo, "dropped: out of order, memory ran short")                        \
	X(drop_window_budget, "dropped: receive budget of the connection")            \
	X(drop_after_close, "dropped: data or RST after the end")                     \
	X(window_grown, "receive windows made larger")                                \
	X(window_shrunk, "receive windows made smaller: others need the memory")      \
	X(window_refused_connection, "growth refused: receive_budget")                \
	X(window_refused_total, "growth refused: all windows together")               \
	X(window_refused_pool, "growth refused: packets run short")                   \
	X(drop_no_mbuf, "not sent: no mbuf")                                          \
	X(rx_out_of_order, "segments that came out of order and were kept")           \
	X(ooo_collapsed, "mbufs saved: small segments out of order, copied together") \
	X(rx_resets, "valid RSTs received")                                           \
	X(rx_bad_resets, "RSTs answered with a challenge ACK")                        \
	X(resets_limited, "RSTs withheld by the rate limit")                          \
	X(tx_resets, "RSTs sent")                                                     \
	X(challenge_acks, "challenge ACKs sent (RFC 5961)")                           \
	X(challenge_acks_limited, "challenge ACKs withheld by the rate limit")        \
	X(delayed_acks, "ACKs sent by the delayed-ACK timer")                         \
	X(retransmits, "segments retransmitted")                                      \
	X(retransmit_timeouts, "retransmission timeouts")                             \
	X(fast_retransmits, "fast retransmissions begun")                             \
	X(loss_probes, "tail loss probes sent")                                       \
	X(recoveries_undone, "reductions of cwnd that proved wrong, undone")          \
	X(sack_reneged, "peers that dropped what they had reported by SACK")          \
	X(no_sender, "flights sent without a sender record: the pool is empty")       \
	X(no_transmission, "flights no longer recorded: the pool is empty")           \
	X(zero_window_probes, "zero-window probes sent")                              \
	X(keepalive_probes, "keepalive probes sent")                                  \
	X(pmtu_lowered, "path MTU lowered: a router said so")                         \
	X(pmtu_raised, "path MTU raised: ten minutes after it was lowered")           \
	X(pmtu_black_holes, "path MTU lowered: large packets vanished")               \
	X(ecn_connections, "connections that use ECN")                                \
	X(rx_ce, "segments received with a congestion mark (ECN)")                    \
	X(ecn_reductions, "windows reduced because marks were echoed (ECN)")          \
	X(icmp_mtu_delayed, "ICMP packet too big: believed after a timeout only")     \
	X(icmp_mtu_known, "ICMP packet too big: nothing new")                         \
	X(icmp_mtu_refused, "ICMP packet too big: less than any path has")            \
	X(icmp_soft, "ICMP errors that change nothing")                               \
	X(icmp_refused, "ICMP errors that ended an active open")                      \
	X(icmp_bad_sequence, "ICMP errors ignored: quote what is not in flight")      \
	X(icmp_no_connection, "ICMP errors ignored: of no connection")                \
	X(passive_opens, "connections accepted")                                      \
	X(active_opens, "connections opened by us")                                   \
	X(refused_by_owner, "connections reset because their owner had no room")      \
	X(closed, "connections ended in order")                                       \
	X(closed_reset, "connections ended by RST")                                   \
	X(closed_timeout, "connections given up")                                     \
	X(time_wait_recycled, "TIME_WAIT records recycled early")

enum tcp_counter {
#define TCP_COUNTER_ENUM(name, text) TCP_COUNTER_##name,
	TCP_COUNTERS(TCP_COUNTER_ENUM)
#undef TCP_COUNTER_ENUM
		TCP_COUNTER_COUNT
};

const char *tcp_counter_name(enum tcp_counter counter);
const char *tcp_counter_text(enum tcp_counter counter);

#endif
