/*
 * What is read and set aside, or answered with a refusal, without ending the connection: each has
 * a counter, so that nothing is ignored unseen. What ends a connection is in rtmp/error.h.
 */
#ifndef RTMP_NOTE_H
#define RTMP_NOTE_H

/* X(name, counter, sentence) */
#define RTMP_NOTES(X)                                                                              \
	X(UNKNOWN_TYPE, "rtmp_unknown_type", "messages of an unknown type, set aside")             \
	X(AGGREGATE, "rtmp_aggregate", "aggregate messages")                                       \
	X(AGGREGATE_REFUSED, "rtmp_too_many_aggregates", "of them, set aside: too many at a time") \
	X(AGGREGATE_SKIPPED, "rtmp_aggregate_skipped", "messages in them set aside: no media")     \
	X(AGGREGATE_POINTER, "rtmp_aggregate_pointer", "wrong back pointers in them")              \
	X(SHARED_OBJECT, "rtmp_shared_object", "shared object messages, set aside")                \
	X(UNOWNED_MEDIA, "rtmp_unowned_media", "media messages that belong to no publish")         \
	X(UNKNOWN_COMMAND, "rtmp_unknown_command", "commands unknown to us")                       \
	X(USER_CONTROL, "rtmp_user_control", "user control messages, set aside")                   \
	X(PEER_BANDWIDTH, "rtmp_peer_bandwidth", "Set Peer Bandwidth messages, set aside")         \
	X(ABORT, "rtmp_abort", "Abort messages")                                                   \
	X(STREAM_REFUSED, "rtmp_too_many_streams", "createStream refused: too many streams")       \
	X(PUBLISH_REFUSED, "rtmp_publish_refused", "publish refused: the stream publishes")        \
	X(STREAM_FORGOTTEN, "rtmp_chunk_stream_forgotten",                                         \
	  "idle chunk streams forgotten, others came")

enum rtmp_note {
#define RTMP_NOTE_ENUM(name, counter, sentence) RTMP_NOTE_##name,
	RTMP_NOTES(RTMP_NOTE_ENUM)
#undef RTMP_NOTE_ENUM
		RTMP_NOTE_COUNT
};

#endif
