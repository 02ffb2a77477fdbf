#include "schema.h"

#define OPT_PTR                (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

/* Two words for what is said a hundred times below. */
#define NUMBER(key, structure) CYAML_FIELD_UINT_PTR(#key, OPT_PTR, structure, key)
#define STRING(key, flags, structure) \
	CYAML_FIELD_STRING_PTR(#key, flags, structure, key, 1, CONFIG_STRING_MAX)
#define ENUM(key, structure, names)                                                    \
	CYAML_FIELD_ENUM_PTR(#key, OPT_PTR | CYAML_FLAG_STRICT, structure, key, names, \
			     sizeof(names) / sizeof((names)[0]))

static const cyaml_strval_t power_names[] = {
	{"adaptive", CONFIG_POWER_ADAPTIVE},
	{"performance", CONFIG_POWER_PERFORMANCE},
};

/* YAML 1.1 reads a bare `off` as a string here: libcyaml has no implicit types. */
static const cyaml_strval_t hugepages_names[] = {
	{"auto", CONFIG_HUGEPAGES_AUTO},
	{"required", CONFIG_HUGEPAGES_REQUIRED},
	{"off", CONFIG_HUGEPAGES_OFF},
};

static const cyaml_strval_t behind_names[] = {
	{"skip", CONFIG_BEHIND_SKIP},
	{"backpressure", CONFIG_BEHIND_BACKPRESSURE},
};

static const cyaml_strval_t timestamps_names[] = {
	{"pass", CONFIG_TIMESTAMPS_PASS},
	{"repair", CONFIG_TIMESTAMPS_REPAIR},
};

static const cyaml_strval_t log_level_names[] = {
	{"error", CONFIG_LOG_ERROR},
	{"warn", CONFIG_LOG_WARN},
	{"info", CONFIG_LOG_INFO},
	{"debug", CONFIG_LOG_DEBUG},
};

/* Not CYAML_BOOL, which takes any word but "no" and its like for true: `open: flase` would open. */
static const cyaml_strval_t bool_names[] = {
	{"false", 0},
	{"true", 1},
	{"no", 0},
	{"yes", 1},
};

static const cyaml_schema_value_t uint_entry = {CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t)};

static const cyaml_schema_value_t string_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, CONFIG_STRING_MAX)};

static const cyaml_schema_field_t route_fields[] = {
	STRING(to, CYAML_FLAG_POINTER, struct file_route),
	STRING(via, CYAML_FLAG_POINTER, struct file_route),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t route_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_route, route_fields)};

static const cyaml_schema_field_t port_fields[] = {
	STRING(device, CYAML_FLAG_POINTER, struct file_port),
	STRING(name, OPT_PTR, struct file_port),
	CYAML_FIELD_SEQUENCE("addresses", CYAML_FLAG_POINTER, struct file_port, addresses,
			     &string_entry, 1, CONFIG_ADDRESSES_MAX),
	CYAML_FIELD_SEQUENCE("routes", OPT_PTR, struct file_port, routes, &route_entry, 0,
			     CONFIG_ROUTES_MAX),
	NUMBER(mtu, struct file_port),
	NUMBER(vlan, struct file_port),
	ENUM(ecn, struct file_port, bool_names),
	STRING(mac, OPT_PTR, struct file_port),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t port_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_port, port_fields)};

static const cyaml_schema_field_t memory_fields[] = {
	NUMBER(packets, struct file_memory),
	NUMBER(connections, struct file_memory),
	NUMBER(streams, struct file_memory),
	NUMBER(log_blocks, struct file_memory),
	NUMBER(window_max_kib, struct file_memory),
	NUMBER(windows_mib, struct file_memory),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t admission_fields[] = {
	NUMBER(bitrate_kbps, struct file_admission),
	NUMBER(gop_ms, struct file_admission),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t per_source_fields[] = {
	NUMBER(connections, struct file_per_source),
	NUMBER(half_open, struct file_per_source),
	NUMBER(rate, struct file_per_source),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
#define LIMIT_FIELD(key, least, most, unset) NUMBER(key, struct file_limits),
	CONFIG_LIMITS(LIMIT_FIELD)
#undef LIMIT_FIELD
		CYAML_FIELD_END,
};

static const cyaml_schema_field_t rtmp_fields[] = {
	CYAML_FIELD_SEQUENCE("listen", OPT_PTR, struct file_rtmp, listen, &uint_entry, 1,
			     CONFIG_LISTEN_MAX),
	NUMBER(chunk_size, struct file_rtmp),
	NUMBER(window_ack_size, struct file_rtmp),
	NUMBER(message_max, struct file_rtmp),
	NUMBER(handshake_timeout_s, struct file_rtmp),
	NUMBER(publish_timeout_s, struct file_rtmp),
	NUMBER(idle_timeout_s, struct file_rtmp),
	NUMBER(decision_timeout_ms, struct file_rtmp),
	CYAML_FIELD_MAPPING_PTR("limits", OPT_PTR, struct file_rtmp, limits, limits_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t listen_fields[] = {
	NUMBER(discard, struct file_listen),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t play_fields[] = {
	NUMBER(players, struct file_play),       NUMBER(memory_mib, struct file_play),
	NUMBER(player_kib, struct file_play),    NUMBER(lag_max_ms, struct file_play),
	NUMBER(behind_max_ms, struct file_play), CYAML_FIELD_END,
};

static const cyaml_schema_field_t dataplane_fields[] = {
	CYAML_FIELD_SEQUENCE("cores", OPT_PTR, struct file_dataplane, cores, &uint_entry, 1,
			     CONFIG_CORES_MAX),
	ENUM(power, struct file_dataplane, power_names),
	ENUM(hugepages, struct file_dataplane, hugepages_names),
	CYAML_FIELD_MAPPING_PTR("memory", OPT_PTR, struct file_dataplane, memory, memory_fields),
	CYAML_FIELD_MAPPING_PTR("admission", OPT_PTR, struct file_dataplane, admission,
				admission_fields),
	CYAML_FIELD_MAPPING_PTR("per_source", OPT_PTR, struct file_dataplane, per_source,
				per_source_fields),
	NUMBER(control_timeout_ms, struct file_dataplane),
	CYAML_FIELD_SEQUENCE("ports", OPT_PTR, struct file_dataplane, ports, &port_entry, 1, 1),
	CYAML_FIELD_MAPPING_PTR("rtmp", OPT_PTR, struct file_dataplane, rtmp, rtmp_fields),
	CYAML_FIELD_MAPPING_PTR("listen", OPT_PTR, struct file_dataplane, listen, listen_fields),
	CYAML_FIELD_MAPPING_PTR("play", OPT_PTR, struct file_dataplane, play, play_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t control_fields[] = {
	STRING(user, OPT_PTR, struct file_control),
	ENUM(log_level, struct file_control, log_level_names),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t key_fields[] = {
	STRING(name, CYAML_FLAG_POINTER, struct file_key),
	STRING(key, CYAML_FLAG_POINTER, struct file_key),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t key_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_key, key_fields)};

static const cyaml_schema_field_t origin_fields[] = {
	STRING(url, CYAML_FLAG_POINTER, struct file_origin),
	ENUM(when_behind, struct file_origin, behind_names),
	NUMBER(behind_max_kib, struct file_origin),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t origin_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_origin, origin_fields)};

static const cyaml_schema_field_t stream_limits_fields[] = {
	CYAML_FIELD_SEQUENCE("video_codecs", OPT_PTR, struct file_stream_limits, video_codecs,
			     &string_entry, 1, CONFIG_CODECS_MAX),
	CYAML_FIELD_SEQUENCE("audio_codecs", OPT_PTR, struct file_stream_limits, audio_codecs,
			     &string_entry, 1, CONFIG_CODECS_MAX),
	STRING(resolution_max, OPT_PTR, struct file_stream_limits),
#define STREAM_LIMIT_FIELD(key, least, most, unset) NUMBER(key, struct file_stream_limits),
	CONFIG_STREAM_LIMITS(STREAM_LIMIT_FIELD)
#undef STREAM_LIMIT_FIELD
		CYAML_FIELD_END,
};

static const cyaml_schema_field_t app_play_fields[] = {
	STRING(key, OPT_PTR, struct file_app_play),
	CYAML_FIELD_SEQUENCE("addresses", OPT_PTR, struct file_app_play, addresses, &string_entry,
			     1, CONFIG_PLAY_ADDRESSES_MAX),
	NUMBER(max_players, struct file_app_play),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t app_fields[] = {
	STRING(name, CYAML_FLAG_POINTER, struct file_app),
	ENUM(open, struct file_app, bool_names),
	CYAML_FIELD_SEQUENCE("keys", OPT_PTR, struct file_app, keys, &key_entry, 0,
			     CONFIG_KEYS_MAX),
	CYAML_FIELD_SEQUENCE("origins", OPT_PTR, struct file_app, origins, &origin_entry, 0,
			     CONFIG_ORIGINS_MAX),
	NUMBER(gop_max_kib, struct file_app),
	CYAML_FIELD_MAPPING_PTR("admission", OPT_PTR, struct file_app, admission,
				stream_limits_fields),
	ENUM(timestamps, struct file_app, timestamps_names),
	CYAML_FIELD_MAPPING_PTR("play", OPT_PTR, struct file_app, play, app_play_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t app_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_app, app_fields)};

static const cyaml_schema_field_t file_fields[] = {
	STRING(run_dir, OPT_PTR, struct file),
	CYAML_FIELD_MAPPING_PTR("dataplane", OPT_PTR, struct file, dataplane, dataplane_fields),
	CYAML_FIELD_MAPPING_PTR("control", OPT_PTR, struct file, control, control_fields),
	CYAML_FIELD_SEQUENCE("apps", OPT_PTR, struct file, apps, &app_entry, 0, CONFIG_APPS_MAX),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields)};
