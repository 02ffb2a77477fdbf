/*
 * The file's shape as libcyaml reads it: every optional scalar is a pointer, so that "not written"
 * and "written as 0" differ. build.c turns this into struct config.
 *
 * Values are checked here for type, key names and number of entries only.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/config.h"

#include <cyaml/cyaml.h>
#include <stdint.h>

#define CONFIG_ADDRESSES_MAX      16u
#define CONFIG_ROUTES_MAX         256u
#define CONFIG_LISTEN_MAX         16u
#define CONFIG_APPS_MAX           1024u
#define CONFIG_KEYS_MAX           4096u
#define CONFIG_CODECS_MAX         32u
#define CONFIG_STRING_MAX         512u /* bytes of any string, without the NUL */
#define CONFIG_PLAY_ADDRESSES_MAX 256u

struct file_route {
	char *to;
	char *via;
};

struct file_port {
	char *device;
	char *name;
	char **addresses;
	uint32_t addresses_count;
	struct file_route *routes;
	uint32_t routes_count;
	uint32_t *mtu;
	uint32_t *vlan;
	int32_t *ecn;
	char *mac;
};

struct file_memory {
	uint32_t *packets;
	uint32_t *connections;
	uint32_t *streams;
	uint32_t *log_blocks;
	uint32_t *window_max_kib;
	uint32_t *windows_mib;
};

struct file_admission {
	uint32_t *bitrate_kbps;
	uint32_t *gop_ms;
};

struct file_per_source {
	uint32_t *connections;
	uint32_t *half_open;
	uint32_t *rate;
};

struct file_limits {
#define FILE_LIMIT_FIELD(key, least, most, unset) uint32_t *key;
	CONFIG_LIMITS(FILE_LIMIT_FIELD)
#undef FILE_LIMIT_FIELD
};

struct file_rtmp {
	uint32_t *listen;
	uint32_t listen_count;
	uint32_t *chunk_size;
	uint32_t *window_ack_size;
	uint32_t *message_max;
	uint32_t *handshake_timeout_s;
	uint32_t *publish_timeout_s;
	uint32_t *idle_timeout_s;
	uint32_t *decision_timeout_ms;
	struct file_limits *limits;
};

struct file_listen {
	uint32_t *discard;
};

struct file_play {
	uint32_t *players;
	uint32_t *memory_mib;
	uint32_t *player_kib;
	uint32_t *lag_max_ms;
	uint32_t *behind_max_ms;
};

struct file_dataplane {
	uint32_t *cores;
	uint32_t cores_count;
	int32_t *power;
	int32_t *hugepages;
	struct file_memory *memory;
	struct file_admission *admission;
	struct file_per_source *per_source;
	uint32_t *control_timeout_ms;
	struct file_port *ports;
	uint32_t ports_count;
	struct file_rtmp *rtmp;
	struct file_listen *listen;
	struct file_play *play;
};

struct file_control {
	char *user;
	int32_t *log_level;
};

struct file_key {
	char *name;
	char *key;
};

struct file_origin {
	char *url;
	int32_t *when_behind;
	uint32_t *behind_max_kib;
};

struct file_stream_limits {
	char **video_codecs;
	uint32_t video_codecs_count;
	char **audio_codecs;
	uint32_t audio_codecs_count;
	char *resolution_max;
#define FILE_STREAM_LIMIT_FIELD(key, least, most, unset) uint32_t *key;
	CONFIG_STREAM_LIMITS(FILE_STREAM_LIMIT_FIELD)
#undef FILE_STREAM_LIMIT_FIELD
};

struct file_app_play {
	char *key;
	char **addresses;
	uint32_t addresses_count;
	uint32_t *max_players;
};

struct file_app {
	char *name;
	int32_t *open;
	struct file_key *keys;
	uint32_t keys_count;
	struct file_origin *origins;
	uint32_t origins_count;
	uint32_t *gop_max_kib;
	struct file_stream_limits *admission;
	int32_t *timestamps;
	struct file_app_play *play;
};

struct file {
	char *run_dir;
	struct file_dataplane *dataplane;
	struct file_control *control;
	struct file_app *apps;
	uint32_t apps_count;
};

/* Loads a struct file. */
extern const cyaml_schema_value_t config_schema;

#endif
