/*
 * Seeds of the server's target: connections that get as far as encoders and players do.
 */
#include "handshake.h"
#include "peer.h"
#include "rtmp/amf3.h"
#include "seed.h"

#include <stdio.h>
#include <string.h>

#define HANDSHAKE_BYTES (1u + 2u * HANDSHAKE_SIZE)
#define LIMITS_BYTES    7u /* of fuzz_server.c */

/* With limits that are not met, most of them, and in small spans. */
static void write_limited(const char *name, const uint8_t *chunks, size_t len)
{
	static uint8_t bytes[LIMITS_BYTES + TAPE_MAX] = {0xff, 0xbe, 0xb6, 0xb7, 0xf6, 0x36, 0x09};
	char path[64];

	memcpy(bytes + LIMITS_BYTES, chunks, len);
	snprintf(path, sizeof(path), "%s_limits", name);
	write_seed("server", path, 0x7f, bytes, LIMITS_BYTES + len);
}

/* Behind the handshake, publishes and plays accepted; one by one, in runs, and all refused. */
static void write_connection(const char *name, const struct peer *p)
{
	const uint8_t *chunks = p->tape.bytes + HANDSHAKE_BYTES;
	size_t len = p->tape.len - HANDSHAKE_BYTES;
	char path[64];

	write_seed("server", name, 0xb3, chunks, len);
	snprintf(path, sizeof(path), "%s_runs", name);
	write_seed("server", path, 0xb7, chunks, len);
	snprintf(path, sizeof(path), "%s_small", name);
	write_seed("server", path, 0x47, chunks, len);
	snprintf(path, sizeof(path), "%s_refused", name);
	write_seed("server", path, 0xb1, chunks, len);
	write_limited(name, chunks, len);
}

static void put_media(struct peer *p, uint32_t stream_id)
{
	static const uint8_t metadata[] = {2,   0,   10, 'o', 'n', 'M', 'e', 't', 'a', 'D', 'a',
					   't', 'a', 8,  0,   0,   0,   0,   0,   0,   9};

	tape_fmt0(&p->tape, 5, 0, sizeof(metadata), RTMP_TYPE_DATA_AMF0, stream_id);
	tape_put(&p->tape, metadata, sizeof(metadata));
	for (uint32_t i = 0; i < 3; i++) {
		peer_message(p, RTMP_TYPE_VIDEO, 6, stream_id, 40 * i, (uint8_t)(0x17 + i), 400);
		peer_message(p, RTMP_TYPE_AUDIO, 4, stream_id, 40 * i, (uint8_t)(0xaf + i), 60);
	}
}

/* Three bit rates on one connection, as FMLE; then they end in three ways. */
static void write_publishes(struct peer *p)
{
	static const char *const names[] = {"low", "mid", "high"};

	peer_init(p);
	peer_connect(p);
	for (uint32_t i = 1; i <= 3; i++) {
		peer_command(p, "createStream", i, 0, NULL);
		peer_command(p, "publish", 4 + i, i, names[i - 1]);
		put_media(p, i);
	}
	peer_command(p, "FCUnpublish", 9, 0, "low");
	peer_command(p, "closeStream", 0, 2, NULL);
	peer_command_number(p, "deleteStream", 0, 3);
	peer_command(p, "publish", 10, 2, "again");
	put_media(p, 2);
	write_connection("publishes", p);
}

static void write_play(struct peer *p)
{
	peer_init(p);
	peer_connect(p);
	peer_command(p, "createStream", 2, 0, NULL);
	peer_command(p, "getStreamLength", 3, 0, "cam");
	peer_command(p, "play", 4, 1, "cam?key=secret");
	peer_control(p, RTMP_TYPE_ACK, 4096);
	peer_command(p, "receiveAudio", 0, 1, NULL);
	peer_command(p, "receiveVideo", 0, 1, NULL);
	peer_command(p, "nobodyKnowsThis", 11, 1, NULL);
	peer_command(p, "_result", 12, 1, NULL);
	peer_command(p, "pause", 5, 1, NULL);
	peer_command_number(p, "seek", 6, 1000);
	peer_command(p, "createStream", 7, 0, NULL);
	peer_command(p, "publish", 8, 2, "other");
	put_media(p, 2);
	peer_command(p, "play", 9, 1, "cam2");
	peer_command(p, "closeStream", 0, 1, NULL);
	peer_command(p, "play2", 10, 1, NULL);
	write_connection("play", p);
}

/* Aggregates within a publish, one of them with an end that does not fit. */
static void write_aggregates(struct peer *p)
{
	static const uint8_t tag[] = {9, 0, 0, 4, 0, 0, 40, 0, 0, 0, 0, 0x27, 1, 0, 0, 0, 0, 0, 15};

	peer_init(p);
	peer_publish(p);
	for (uint32_t cut = 0; cut < 6; cut += 5) {
		uint32_t length = 3 * (uint32_t)sizeof(tag) - cut;

		tape_fmt0(&p->tape, 7, 1000, length, RTMP_TYPE_AGGREGATE, 1);
		for (uint32_t i = 0; i < 3; i++) {
			tape_put(&p->tape, tag, sizeof(tag) - (i == 2 ? cut : 0));
		}
	}
	write_connection("aggregates", p);
	tape_reset(&p->tape);
	for (uint32_t i = 0; i < 3; i++) {
		tape_put(&p->tape, tag, sizeof(tag));
	}
	write_seed("aggregate", "three", 0, p->tape.bytes, p->tape.len);
}

static void put_amf3(struct peer *p, uint8_t type, const void *body, uint32_t len)
{
	tape_fmt0(&p->tape, 3, 0, len, type, 0);
	tape_put(&p->tape, body, len);
}

static void write_amf3(struct peer *p)
{
	static const uint8_t connect[] = {
		0,    2,    0,   7,   'c',         'o', 'n', 'n', 'e',  'c',         't',  0,
		0x3f, 0xf0, 0,   0,   0,           0,   0,   0,   0x11, AMF3_OBJECT, 0x0b, 1,
		7,    'a',  'p', 'p', AMF3_STRING, 9,   'l', 'i', 'v',  'e',         1,
	};
	static const uint8_t create[] = {0,   2,   0,   12,  'c', 'r', 'e', 'a', 't',
					 'e', 'S', 't', 'r', 'e', 'a', 'm', 0,   0x40,
					 0,   0,   0,   0,   0,   0,   0,   5};
	static const uint8_t values[] = {
		AMF3_ARRAY, 5,    3,           'a',         AMF3_TRUE,   1, AMF3_INTEGER,
		0x81,       0x01, AMF3_NULL,   AMF3_OBJECT, 0x23,        1, 3,
		'x',        3,    'y',         AMF3_FALSE,  AMF3_DOUBLE, 0, 0,
		0,          0,    0,           0,           0,           0, AMF3_VECTOR_INT,
		3,          0,    0,           0,           0,           1, AMF3_BYTE_ARRAY,
		5,          1,    2,           AMF3_DATE,   1,           0, 0,
		0,          0,    0,           0,           0,           0, AMF3_DICTIONARY,
		3,          0,    AMF3_STRING, 2,           AMF3_TRUE,
	};

	peer_init(p);
	put_amf3(p, RTMP_TYPE_COMMAND_AMF3, connect, sizeof(connect));
	put_amf3(p, RTMP_TYPE_COMMAND_AMF3, create, sizeof(create));
	peer_command(p, "publish", 3, 1, "cam");
	put_media(p, 1);
	write_connection("amf3", p);
	write_seed("amf3", "values", AMF3_UNDEFINED, values, sizeof(values));
	write_seed("amf3", "object", AMF3_OBJECT, connect + 22, sizeof(connect) - 22);
	write_seed("amf3", "array", AMF3_ARRAY, values + 1, sizeof(values) - 1);
}

void write_servers(struct peer *peer)
{
	write_publishes(peer);
	write_play(peer);
	write_aggregates(peer);
	write_amf3(peer);
	peer_init(peer);
	peer_publish(peer);
	for (uint8_t how = 0; how < 4; how++) {
		char name[16];

		snprintf(name, sizeof(name), "publish%u", how);
		write_seed("handshake", name, (uint8_t)(how + 40), peer->tape.bytes,
			   peer->tape.len);
	}
}
