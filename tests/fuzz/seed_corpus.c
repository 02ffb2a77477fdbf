/*
 * Writes the seeds of the fuzz targets: seed_corpus DIRECTORY makes DIRECTORY/<target>/<name>.
 */
#include "handshake.h"
#include "peer.h"
#include "random_session.h"
#include "seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HANDSHAKE_BYTES (1u + 2u * HANDSHAKE_SIZE)

static const char *directory;

void write_seed(const char *target, const char *name, uint8_t first, const uint8_t *bytes,
		size_t len)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, target);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", directory, target, name);
	file = fopen(path, "wb");
	if (file == NULL || fputc(first, file) == EOF || fwrite(bytes, 1, len, file) != len ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

/* What an encoder says, as input of the chunk reader and of the server. */
static void write_encoder(const char *name, const struct peer *p)
{
	const uint8_t *chunks = p->tape.bytes + HANDSHAKE_BYTES;
	size_t len = p->tape.len - HANDSHAKE_BYTES;

	write_seed("chunk_reader", name, 7, chunks, len);
	write_seed("server", name, 0xb3, chunks, len);
}

static void write_publish(struct peer *p)
{
	peer_init(p);
	peer_publish(p);
	peer_message(p, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 300);
	peer_control(p, RTMP_TYPE_SET_CHUNK_SIZE, 77);
	peer_message(p, RTMP_TYPE_AUDIO, 4, 1, 0x01020304, 3, 200);
	peer_control(p, RTMP_TYPE_WINDOW_ACK_SIZE, 100);
	peer_control(p, RTMP_TYPE_ABORT, 4);
	peer_command(p, "_checkbw", 8, 0, NULL);
	peer_command(p, "FCUnpublish", 6, 0, "key");
	peer_command_number(p, "deleteStream", 7, 1);
	write_encoder("publish", p);
	/* With its handshake: 8 KiB in large spans. */
	write_seed("server", "handshake", 0xb2, p->tape.bytes, p->tape.len);
}

static void write_extended(struct peer *p, bool repeated)
{
	peer_init(p);
	for (uint32_t i = 0; i < 3; i++) {
		tape_fmt0(&p->tape, 4, 0x80818200u, 200, RTMP_TYPE_VIDEO, 1);
		tape_fill(&p->tape, 0, 128);
		tape_fmt3(&p->tape, 4);
		if (repeated) {
			tape_be32(&p->tape, 0x80818200u);
		}
		tape_fill(&p->tape, 128, 72);
	}
	write_encoder(repeated ? "extended_repeated" : "extended_omitted", p);
}

/* What a server says to a publisher. */
static void write_server(struct peer *p)
{
	peer_init(p);
	peer_publish(p);
	peer_run(p, UINT32_MAX, 0);
	write_seed("client", "publish", 0xb1, p->replies + HANDSHAKE_REPLY_SIZE,
		   p->out.len - HANDSHAKE_REPLY_SIZE);
	write_seed("client", "handshake", 0xb0, p->replies, p->out.len);
}

/* Whole sessions: chunk formats, sizes, aborts, aggregates. */
static void write_sessions(struct tape *tape)
{
	char name[32];

	for (uint32_t seed = 0; seed < 64; seed++) {
		tape_reset(tape);
		random_session(tape, seed, 100 + 50 * seed);
		snprintf(name, sizeof(name), "session%u", seed);
		write_seed("differential", name, (uint8_t)(seed << 4 | 15), tape->bytes, tape->len);
		write_seed("chunk_reader", name, (uint8_t)seed, tape->bytes, tape->len);
	}
}

static void write_amf0(void)
{
	struct command c;

	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "app");
	amf0_write_string(&c.body, "live");
	amf0_write_name(&c.body, "list");
	amf0_write_strict_array(&c.body, 1);
	amf0_write_null(&c.body);
	amf0_write_object_end(&c.body);
	write_seed("amf0", "connect", AMF0_NULL, c.body.data, c.body.len);
	write_seed("amf0", "object", AMF0_OBJECT, c.body.data + 20, c.body.len - 20);
}

int main(int argc, char **argv)
{
	static struct peer peer;

	if (argc != 2) {
		fprintf(stderr, "usage: seed_corpus DIRECTORY\n");
		return 2;
	}
	directory = argv[1];
	mkdir(directory, 0755);
	write_publish(&peer);
	write_extended(&peer, true);
	write_extended(&peer, false);
	write_server(&peer);
	write_servers(&peer);
	write_sessions(&peer.tape);
	write_amf0();
	write_media();
	write_tcp();
	return 0;
}
