/*
 * Errors of the RTMP library.
 *
 * Every error ends the connection that caused it and nothing else. The one list below gives each
 * error its code, its counter name and its sentence, so that what a log line, a counter and a
 * return value say can never differ.
 */
#ifndef RTMP_ERROR_H
#define RTMP_ERROR_H

/* X(name, counter, sentence) */
#define RTMP_ERRORS(X)                                                                             \
	X(VERSION, "rtmp_bad_version", "C0 carries a version that is not RTMP")                    \
	X(CHUNK_SIZE, "rtmp_bad_chunk_size", "Set Chunk Size is zero or has its top bit set")      \
	X(CHUNK_STREAMS, "rtmp_too_many_chunk_streams", "more chunk streams than the limit")       \
	X(CHUNK_HEADER, "rtmp_bad_chunk_header", "chunk header contradicts the message under way") \
	X(MESSAGE_SIZE, "rtmp_message_too_long", "message longer than the limit")                  \
	X(CONTROL, "rtmp_bad_control", "protocol control message of the wrong length")             \
	X(COMMAND_SIZE, "rtmp_command_too_long", "command message longer than the limit")          \
	X(COMMAND_OVERLAP, "rtmp_command_overlap", "two command messages interleaved")             \
	X(AGGREGATE, "rtmp_bad_aggregate", "message in an aggregate does not fit it")              \
	X(AMF, "rtmp_bad_amf", "AMF value is malformed, too deep or truncated")                    \
	X(COMMAND_ORDER, "rtmp_command_order", "command is not allowed in this state")             \
	X(NAME, "rtmp_bad_name", "application or stream name is empty, too long or has NUL")       \
	X(EARLY_BYTES, "rtmp_early_bytes", "too many bytes before a publish was asked for")        \
	X(EARLY_MESSAGES, "rtmp_early_messages", "too many messages before a publish")             \
	X(EARLY_COMMANDS, "rtmp_early_commands", "too many commands before a publish")             \
	X(EARLY_CHUNKS, "rtmp_early_chunks", "too many chunks before a publish")                   \
	X(EARLY_MESSAGE_SIZE, "rtmp_early_message_too_long", "long message before a publish")      \
	X(COMMAND_RATE, "rtmp_command_rate", "too many commands a second")                         \
	X(CONTROL_RATE, "rtmp_control_rate", "too many control messages a second")                 \
	X(MESSAGE_RATE, "rtmp_message_rate", "too many messages a second for what they carry")     \
	X(CHUNK_RATE, "rtmp_chunk_rate", "too many chunks a second for what they carry")           \
	X(AMF_DEPTH, "rtmp_amf_too_deep", "AMF values nested deeper than the limit")               \
	X(AMF_ELEMENTS, "rtmp_amf_too_many", "more AMF values in a command than the limit")        \
	X(BUFFERS, "rtmp_no_buffer", "no memory to put a handshake or a command together")         \
	X(OUTPUT, "rtmp_output_full", "reply does not fit the output buffer")                      \
	X(REFUSED, "rtmp_refused", "the other side refused connect or publish")

enum rtmp_error {
	RTMP_OK = 0,
#define RTMP_ERROR_ENUM(name, counter, sentence) RTMP_ERROR_INDEX_##name,
	RTMP_ERRORS(RTMP_ERROR_ENUM)
#undef RTMP_ERROR_ENUM
		RTMP_ERROR_COUNT /* one more than the number of errors: index 0 is "no error" */
};

/* Functions return 0 or one of these. */
#define RTMP_ERR(name) (-(int)RTMP_ERROR_INDEX_##name)

/* Counter name and sentence of a negative code; "ok" for 0, never NULL. */
const char *rtmp_error_counter(int code);
const char *rtmp_error_sentence(int code);

#endif
