#include "play_stage.h"

#include <CUnit/CUnit.h>
#include <rte_mbuf.h>
#include <string.h>

struct world a;
struct world b;
struct play_mesh mesh;
struct publisher pub;
struct viewer v;
struct viewer other;
static uint8_t payload[300000];
uint32_t slot;

static const uint8_t meta[] = {2,   0,   13,  '@', 's', 'e', 't', 'D', 'a', 't', 'a',
			       'F', 'r', 'a', 'm', 'e', 2,   0,   10,  'o', 'n', 'M',
			       'e', 't', 'a', 'D', 'a', 't', 'a', 3,   0,   0,   9};

const struct config_play stage_defaults = {.players = 4,
					   .memory_mib = 4,
					   .player_kib = 256,
					   .lag_max_ms = 5000,
					   .behind_max_ms = 20000};

static void open_mesh(const struct config_play *config, uint32_t workers)
{
	CU_ASSERT_EQUAL_FATAL(play_mesh_create(&mesh, config, 4096, workers), 0);
}

static void open_world(struct world *w, uint32_t worker)
{
	world_init(w);
	w->play = &mesh;
	w->worker = worker;
	w->memory.log_blocks = 256;
	w->memory.connections = 16;
	world_open(w);
	world_attach(w);
}

void video(uint32_t timestamp, bool key, uint32_t len)
{
	memset(payload, (int)(timestamp & 0xff), len);
	payload[0] = key ? 0x17 : 0x27;
	payload[1] = 1;
	publisher_media(&pub, RTMP_TYPE_VIDEO, 6, timestamp, payload, len);
	publisher_pump(&pub);
}

void audio(uint32_t timestamp)
{
	memset(payload, (int)(timestamp & 0xff), 200);
	payload[0] = 0xaf;
	payload[1] = 1;
	publisher_media(&pub, RTMP_TYPE_AUDIO, 4, timestamp, payload, 200);
	publisher_pump(&pub);
}

static void headers(void)
{
	static const uint8_t avc[] = {0x17, 0, 0, 0, 0, 1, 2, 3};
	static const uint8_t aac[] = {0xaf, 0, 0x12, 0x10};

	publisher_media(&pub, RTMP_TYPE_DATA_AMF0, 4, 0, meta, sizeof(meta));
	publisher_media(&pub, RTMP_TYPE_VIDEO, 6, 0, avc, sizeof(avc));
	publisher_media(&pub, RTMP_TYPE_AUDIO, 4, 0, aac, sizeof(aac));
	publisher_pump(&pub);
}

void start_with(const struct config_play *config, uint32_t workers)
{
	open_mesh(config, workers);
	open_world(&a, 0);
	if (workers > 1) {
		open_world(&b, 1);
	}
	slot = publisher_go_live(&pub, &a, "cam", 4096, 1448);
	headers();
}

void start(uint32_t workers)
{
	start_with(&stage_defaults, workers);
}

void stop(uint32_t workers)
{
	publisher_close(&pub);
	world_set_tail(&a, slot, atomic_load(&world_stream(&a, slot)->head));
	for (int i = 0; i < 20; i++) {
		world_poll(&a);
		if (workers > 1) {
			world_poll(&b);
		}
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(mesh.pool), 0);
	world_close(&a);
	if (workers > 1) {
		world_close(&b);
	}
	play_mesh_destroy(&mesh);
}

void expect_message(const struct viewer *who, uint32_t number, uint8_t type, uint32_t timestamp,
		    uint32_t length)
{
	CU_ASSERT_FATAL(number < who->count);
	const struct viewer_message *m = &who->messages[number];

	CU_ASSERT_EQUAL(m->header.type, type);
	CU_ASSERT_EQUAL(m->header.timestamp, timestamp);
	CU_ASSERT_EQUAL(m->header.length, length);
	CU_ASSERT_EQUAL(m->header.stream_id, 1);
	if (length > 100) {
		for (uint32_t i = 2; i < length; i++) {
			CU_ASSERT_EQUAL_FATAL(m->payload[i], timestamp & 0xff);
		}
	}
}

void expect_headers(const struct viewer *who, uint32_t timestamp)
{
	expect_message(who, 0, RTMP_TYPE_DATA_AMF0, 0, 24);
	expect_message(who, 1, RTMP_TYPE_DATA_AMF0, timestamp, sizeof(meta) - 16);
	CU_ASSERT_EQUAL(memcmp(who->messages[1].payload, meta + 16, sizeof(meta) - 16), 0);
	expect_message(who, 2, RTMP_TYPE_VIDEO, timestamp, 8);
	expect_message(who, 3, RTMP_TYPE_AUDIO, timestamp, 4);
}

const struct abi_player *shown(const struct world *w)
{
	return (const void *)(w->pub_region.base + w->pub->players_offset);
}

void poll_both(void)
{
	world_poll(&b);
	world_poll(&a);
	world_poll(&b);
	viewer_read(&v);
}
