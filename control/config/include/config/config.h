/*
 * Configuration: one YAML file that both processes read (example: deploy/penstock.yaml).
 *
 * Unknown keys, wrong types and values out of range are errors that name line and key. The loaded
 * tree is constant and belongs to the caller until config_free(). Every optional key has its
 * default filled in: readers never see "unset" except where a comment says so.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define CONFIG_CORES_MAX   64u
#define CONFIG_ORIGINS_MAX 16u /* of one app */

enum config_power { CONFIG_POWER_ADAPTIVE = 0, CONFIG_POWER_PERFORMANCE };
enum config_hugepages {
	CONFIG_HUGEPAGES_AUTO = 0,
	CONFIG_HUGEPAGES_REQUIRED,
	CONFIG_HUGEPAGES_OFF
};
enum config_behind { CONFIG_BEHIND_SKIP = 0, CONFIG_BEHIND_BACKPRESSURE };
enum config_timestamps { CONFIG_TIMESTAMPS_PASS = 0, CONFIG_TIMESTAMPS_REPAIR };
enum config_log_level { CONFIG_LOG_ERROR = 0, CONFIG_LOG_WARN, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };

/* "198.18.0.2/24" or "fd00:198:18::2/64". IPv4 stands as IPv4-mapped IPv6 with prefix + 96. */
struct config_prefix {
	struct in6_addr addr;
	uint8_t length; /* 0 to 128 */
};

struct config_route {
	struct config_prefix to;
	struct in6_addr via;
};

struct config_port {
	char *device; /* "tap", "af_packet", a PCI address, or any EAL --vdev string */
	/* tap: interface to create, default "penstock0"; af_packet: interface to take over,
	 * required; other devices have no use for it: NULL when unset. */
	char *name;
	struct config_prefix *addresses;
	uint32_t addresses_count;
	struct config_route *routes; /* gateways are routes to 0.0.0.0/0 and ::/0 */
	uint32_t routes_count;
	uint32_t mtu;  /* bytes of the IP packet, 1280 to 9000; default 1500 */
	uint32_t vlan; /* tag of all frames, 1 to 4094; default 0: none */
	bool ecn;      /* accepted when a peer asks for it (RFC 3168); default true */
	uint8_t mac[6];
	bool has_mac;
};

/* Per worker. */
struct config_memory {
	uint32_t packets;        /* receive mbufs; default 65535 */
	uint32_t connections;    /* default 4096 */
	uint32_t streams;        /* publications at once; default 1024 */
	uint32_t log_blocks;     /* 4 KiB each; default 8192 */
	uint32_t window_max_kib; /* packet memory of one receive window; default 16384 */
	uint32_t windows_mib;    /* ... of all, beyond what each begins with; 0: half of packets */
};

/* Ports that do not speak RTMP. */
struct config_listen {
	uint16_t discard; /* reads and throws away, for raw TCP generators; default 0: none */
};

/*
 * What one RTMP peer may cost (rtmp/limits.h); 0 where allowed: no limit.
 * X(key, least, most, default)
 */
#define CONFIG_LIMITS(X)                                                                   \
	X(chunk_streams, 4, 16, 16)     /* of a connection */                              \
	X(amf_depth, 4, 16, 16)         /* nesting of values in a command */               \
	X(amf_elements, 64, 4096, 1024) /* values in a command */                          \
	/* until a publish is asked for: */                                                \
	X(early_bytes, 8192, 1u << 24, 65536)                                              \
	X(early_messages, 20, 1000000, 200)                                                \
	X(early_chunks, 200, 10000000, 5000)                                               \
	X(early_message_max, 4096, (1u << 24) - 1, 65536) /* bytes */                      \
	/* until it is accepted: */                                                        \
	X(early_commands, 10, 1000000, 100)                                                \
	X(early_media_kib, 64, 1u << 16, 1024) /* of its media, which is kept */           \
	/* from then on: */                                                                \
	X(commands_per_s, 0, 1000000, 100)                                                 \
	X(controls_per_s, 0, 1000000, 1000)  /* protocol control, and what is set aside */ \
	X(messages_per_s, 0, 10000000, 5000) /* ... and one more for each */               \
	X(bytes_per_message, 0, 1u << 20, 256)                                             \
	X(chunks_per_s, 0, 100000000, 50000) /* ... and one more for each */               \
	X(bytes_per_chunk, 0, 65536, 64)

struct config_limits {
#define CONFIG_LIMIT_FIELD(key, least, most, unset) uint32_t key;
	CONFIG_LIMITS(CONFIG_LIMIT_FIELD)
#undef CONFIG_LIMIT_FIELD
};

struct config_rtmp {
	uint16_t *listen; /* ports; default 1935 */
	uint32_t listen_count;
	uint32_t chunk_size;          /* of what we send; default 4096 */
	uint32_t window_ack_size;     /* bytes; default 2500000 */
	uint32_t message_max;         /* bytes; default 4194304 */
	uint32_t handshake_timeout_s; /* to the end of the handshake and connect; default 5 */
	uint32_t publish_timeout_s;   /* from there to an accepted publish; default 10 */
	uint32_t idle_timeout_s;      /* publisher that sends no media; default 30 */
	uint32_t decision_timeout_ms; /* control has to answer a publish; default 3000 */
	struct config_limits limits;
};

/*
 * What a new publisher is promised before it is accepted: packet memory for its bitrate over one
 * GOP and what an origin may leave unacknowledged, twice. Longer GOPs and higher rates live on what
 * is free.
 */
struct config_admission {
	uint32_t bitrate_kbps; /* default 6000 */
	uint32_t gop_ms;       /* default 2000 */
};

/* What one source may have of each worker; 0: no limit. */
struct config_per_source {
	uint32_t connections; /* default: a quarter of memory.connections, and at least 16 */
	uint32_t half_open;   /* default 256 */
	uint32_t rate;        /* connections a second; default 200 */
	bool by_default;      /* nobody said how many connections */
};

/* What players (RTMP play) may have; apps say who may play. */
struct config_play {
	uint32_t players;       /* of each worker; default 32; 0: no app lets anybody play */
	uint32_t memory_mib;    /* copies that wait for players of all workers; default 16, or 1 for
				   each 8 players if that is more */
	uint32_t player_kib;    /* ... for one player, and under way to it; default 2048 */
	uint32_t lag_max_ms;    /* one further behind goes on at the next keyframe; default 5000 */
	uint32_t behind_max_ms; /* one that does not catch up for so long is ended; default 20000;
				   0: no bound */
};

struct config_dataplane {
	uint32_t *cores; /* CPU of each worker; default: [0] */
	uint32_t cores_count;
	enum config_power power;
	enum config_hugepages hugepages;
	struct config_memory memory;
	struct config_admission admission;
	struct config_per_source per_source;
	uint32_t control_timeout_ms; /* a control without heartbeat is killed; default 2000 */
	struct config_port *ports;   /* exactly one for now; default: tap, 198.18.0.2/24 */
	uint32_t ports_count;
	struct config_rtmp rtmp;
	struct config_listen listen;
	struct config_play play;
};

struct config_control {
	char *user; /* that control runs as; default "nobody" */
	enum config_log_level log_level;
};

struct config_key {
	char *name; /* public name of the stream: letters, digits and -._~ */
	char *key;  /* secret; printable ASCII without space ? & # / " \ */
};

struct config_origin {
	char *url; /* rtmp://host[:port]/app[/name]; validated at load */
	char *host;
	uint16_t port;
	char *app;  /* first part of the path */
	char *name; /* the rest of it, with its query; NULL: the public name of the stream */
	enum config_behind when_behind;
	uint32_t behind_max_kib; /* an origin further behind is moved on; default 8192 */
};

/*
 * What streams of an application may be; 0: whatever they are. Codecs are FourCCs, big-endian, as
 * Enhanced RTMP has them; those of FLV stand under the names that containers use.
 * X(key, least, most, default)
 */
#define CONFIG_STREAM_LIMITS(X)                                                     \
	X(bitrate_max_kbps, 16, 1000000, 0)                                         \
	X(bitrate_window_s, 1, 300, 10) /* so much of that rate may come at once */ \
	X(keyframe_interval_max_ms, 100, 600000, 0)                                 \
	X(frame_rate_max, 1, 1000, 0)                                               \
	X(message_max, 4096, (1u << 24) - 1, 0) /* bytes */                         \
	X(first_media_timeout_s, 1, 3600, 0)                                        \
	X(idle_timeout_s, 1, 86400, 0)

struct config_stream_limits {
	uint32_t *video_codecs; /* NULL: all */
	uint32_t video_codecs_count;
	uint32_t *audio_codecs; /* NULL: all */
	uint32_t audio_codecs_count;
	uint32_t long_side_max; /* pixels: upright video is as good as lying */
	uint32_t short_side_max;
#define CONFIG_STREAM_LIMIT_FIELD(key, least, most, unset) uint32_t key;
	CONFIG_STREAM_LIMITS(CONFIG_STREAM_LIMIT_FIELD)
#undef CONFIG_STREAM_LIMIT_FIELD
};

/* Who may play the streams of an app: who comes from an address and has the key, where given. */
struct config_app_play {
	bool allowed;
	char *key;                       /* secret, as of config_key; NULL: none is needed */
	struct config_prefix *addresses; /* none: any */
	uint32_t addresses_count;
	uint32_t max_players; /* at once; default 8 */
};

struct config_app {
	char *name;
	bool open; /* accept any name without a key; default false */
	struct config_key *keys;
	uint32_t keys_count;
	struct config_origin *origins;
	uint32_t origins_count;
	uint32_t gop_max_kib; /* a longer GOP is not kept for new origins; default 32768 */
	struct config_stream_limits admission;
	enum config_timestamps timestamps; /* default: pass */
	struct config_app_play play;
};

struct config {
	char *run_dir; /* sockets; default "/run/penstock" */
	struct config_dataplane dataplane;
	struct config_control control;
	struct config_app *apps;
	uint32_t apps_count;
};

struct config_error {
	char text[512]; /* "penstock.yaml:12: unknown key \"orgins\" in apps[0]" */
};

/* 0, or -1 with `error` filled. */
int config_load(const char *path, struct config **config, struct config_error *error)
	__attribute__((warn_unused_result));
void config_free(struct config *config);

#endif
