/*
 * Counters of a worker: one list for what the link layer, the network layer and ingest count.
 * Counters of tcpstack/ and the errors of rtmp/ are appended when they are published to `pub`.
 * X(name, text)
 */
#ifndef DP_COUNTERS_H
#define DP_COUNTERS_H

#include <stdint.h>

struct abi_counter;
struct abi_pub;

#define DP_COUNTERS(X)                                                                           \
	X(rx_packets, "packets received from the port")                                          \
	X(rx_bytes, "bytes received from the port")                                              \
	X(tx_packets, "packets given to the port")                                               \
	X(tx_bytes, "bytes given to the port")                                                   \
	X(tx_full, "packets dropped: the port's ring was full")                                  \
	X(port_missed, "packets lost at the port: its receive ring was full")                    \
	X(port_no_mbuf, "packets lost at the port: no receive mbuf was left")                    \
	X(port_errors, "packets lost at the port: damaged")                                      \
	X(rx_forwarded, "packets handed to the worker that owns the flow")                       \
	X(forward_full, "packets dropped: the ring to another worker was full")                  \
	X(drop_ethertype, "dropped: neither ARP, IPv4 nor IPv6")                                 \
	X(drop_vlan, "dropped: tagged for another VLAN, or not tagged")                          \
	X(drop_not_ours, "dropped: not for one of our addresses")                                \
	X(drop_malformed, "dropped: header shorter or longer than the packet")                   \
	X(drop_protocol, "dropped: neither TCP nor ICMP")                                        \
	X(drop_fragment, "dropped: IP fragment that is not TCP over IPv4")                       \
	X(drop_extension, "dropped: IPv6 extension headers that we do not take")                 \
	X(drop_no_neighbour, "dropped: link address of the next hop not known in time")          \
	X(drop_no_route, "dropped: no route to the destination")                                 \
	X(arp_requests, "ARP requests answered")                                                 \
	X(ndp_solicitations, "neighbour solicitations answered")                                 \
	X(icmp_echoes, "ICMP echo requests answered")                                            \
	X(icmp_errors, "ICMP errors given to TCP")                                               \
	X(icmp_other, "other ICMP messages, ignored")                                            \
	X(limit_echoes, "ICMP echo requests dropped: too many a second")                         \
	X(limit_icmp_errors, "ICMP errors dropped: too many a second")                           \
	X(limit_neighbours, "ARP and neighbour requests not answered: too many a second")        \
	X(sessions_opened, "connections accepted")                                               \
	X(sessions_closed, "connections ended")                                                  \
	X(sessions_refused, "RTMP connections refused: no session left")                         \
	X(discard_connections, "of the connections accepted: to the discard port")               \
	X(discard_bytes, "bytes read from the discard port, and thrown away")                    \
	X(timeout_handshake, "sessions closed: no handshake in time")                            \
	X(timeout_connect, "sessions closed: no connect in time after the handshake")            \
	X(buffers_taken_back, "sessions closed: half a command for the longest, others waited")  \
	X(timeout_publish, "sessions closed: no publish in time")                                \
	X(timeout_idle, "publishers closed: nothing received")                                   \
	X(timeout_first_media, "publishers closed: no audio or video came in time")              \
	X(timeout_decision, "publishes refused: control did not answer in time")                 \
	X(publish_asked, "publishes asked for")                                                  \
	X(publish_accepted, "publishes accepted")                                                \
	X(publish_rejected, "publishes rejected by control")                                     \
	X(publish_no_control, "publishes refused: no control attached")                          \
	X(publish_no_slot, "publishes refused: no stream slot left")                             \
	X(publish_no_memory, "publishes refused: packet memory is promised to others")           \
	X(publish_kicked, "publishers ended by control: by the operator, by admission, drained") \
	X(reconnects_asked, "publishers and players asked to connect anew")                      \
	X(reconnects_not_offered, "publishers, players not asked: they did not say they can")    \
	X(publish_ended, "publications ended")                                                   \
	X(play_asked, "plays asked for")                                                         \
	X(play_accepted, "plays accepted")                                                       \
	X(play_refused, "plays refused: by control, or nobody may")                              \
	X(play_no_control, "plays refused: no control attached")                                 \
	X(play_no_slot, "plays refused: no player slot left")                                    \
	X(play_timeout, "plays refused: control did not answer in time")                         \
	X(play_kicked, "players ended by the operator")                                          \
	X(play_drained, "players ended: the time to drain was over")                             \
	X(play_slow, "players ended: they took nothing, or did not catch up, for too long")      \
	X(play_done, "plays that ended with their stream")                                       \
	X(play_skips, "players moved to another keyframe: they fell behind")                     \
	X(play_skipped_messages, "media messages that players missed for that")                  \
	X(play_no_memory, "times that a message for a player found no memory")                   \
	X(play_messages, "media messages copied for players")                                    \
	X(play_bytes, "bytes given to players")                                                  \
	X(messages, "media messages completed")                                                  \
	X(message_bytes, "payload bytes of completed messages")                                  \
	X(messages_dropped, "media messages dropped: no room in the log")                        \
	X(messages_aborted, "media messages given up before they were complete")                 \
	X(messages_early, "media messages of publishes not decided yet, kept")                   \
	X(pieces, "pieces of messages")                                                          \
	X(pieces_joined, "pieces moved over the chunk header before them")                       \
	X(pieces_copied, "pieces copied to memory of their own")                                 \
	X(pieces_collapsed, "pieces of small segments copied together")                          \
	X(bytes_collapsed, "bytes of small segments copied together")                            \
	X(log_blocks_missing, "no log block was free")                                           \
	X(headers_left_out, "sequence headers and metadata without room in the header block")    \
	X(log_reclaimed_units, "log units given back")                                           \
	X(log_dropped_unread, "log units given back unread: no control attached")                \
	X(messages_dropped_unread, "media messages given up: no control to read them")           \
	X(gops_shed_unread, "GOPs given up: packets ran short, no control")                      \
	X(control_attached, "times that a control attached")                                     \
	X(control_gone, "times that an attached control exited")                                 \
	X(control_killed, "controls killed: no heartbeat, or no release")                        \
	X(control_hung, "times that control did not release what ended")                         \
	X(sub_refused, "values of control refused: out of range")                                \
	X(resume_refused, "positions of origins refused: beyond the log")                        \
	X(commands, "commands of control obeyed")                                                \
	X(commands_stale, "commands of control for publications that are gone")                  \
	X(events_full, "events lost: control does not read them")                                \
	X(wakeups, "times that control was woken")

enum dp_counter {
#define DP_COUNTER_ENUM(name, text) DP_COUNTER_##name,
	DP_COUNTERS(DP_COUNTER_ENUM)
#undef DP_COUNTER_ENUM
		DP_COUNTER_COUNT
};

/*
 * Where worker and ingest count. The worker copies it, the TCP counters and the RTMP error counts
 * to `pub` a hundred times a second, in the order of dp_counters_describe().
 */
struct dp_counters {
	uint64_t value[DP_COUNTER_COUNT];
};

static inline void dp_count(struct dp_counters *counters, enum dp_counter counter, uint64_t n)
{
	counters->value[counter] += n;
}

/* Writes name and text of every counter, at most `max` of them, and returns how many. */
uint32_t dp_counters_describe(struct abi_counter *out, uint32_t max);

/*
 * Copies the values to `pub`: ours, then `tcp` (indexed by enum tcp_counter), then `rtmp` (errors,
 * indexed by -code - 1), then `notes` (by enum rtmp_note). Each of them may be NULL: its counters
 * stay 0.
 */
void dp_counters_publish(struct abi_pub *pub, const struct dp_counters *counters,
			 const uint64_t *tcp, const uint64_t *rtmp, const uint64_t *notes);

#endif
