#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "journal.h"

/* The configuration's strings are not const. */
static char name_live[] = "live";
static char name_out[] = "out";
static char url[] = "rtmp://127.0.0.1/out";
static char host[] = "127.0.0.1";

static void configure(struct rig *rig, uint32_t origins)
{
	rig->settings = relay_settings_default;
	rig->settings.tick_us = 10 * US_PER_MS;
	rig->settings.backoff_min_us = 30 * US_PER_MS;
	rig->app.name = name_live;
	rig->app.origins = rig->configs;
	rig->app.origins_count = origins;
	rig->app.gop_max_kib = 32768;
	for (uint32_t i = 0; i < origins; i++) {
		rig->configs[i].url = url;
		rig->configs[i].host = host;
		rig->configs[i].port = fake_origin_port(rig->origins[i]);
		rig->configs[i].app = name_out;
		rig->configs[i].behind_max_kib = 8192;
	}
}

void rig_init(struct rig *rig, uint32_t origins, int receive_buffer)
{
	memset(rig, 0, sizeof(*rig));
	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&rig->worker), 0);
	for (uint32_t i = 0; i < origins; i++) {
		rig->origins[i] = fake_origin_create(i == 0 ? receive_buffer : 0);
	}
	configure(rig, origins);
	rig->resolver = resolver_create();
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->resolver);
}

void rig_fini(struct rig *rig)
{
	relay_destroy(rig->relay);
	rig->relay = NULL;
	resolver_destroy(rig->resolver);
	for (uint32_t i = 0; i < rig->app.origins_count; i++) {
		fake_origin_destroy(rig->origins[i]);
	}
	CU_ASSERT_EQUAL(rig->worker.refused_tails, 0);
	fake_worker_fini(&rig->worker);
}

void rig_start(struct rig *rig)
{
	struct relay_source source = {
		.pub = rig->worker.pub,
		.layout = rig->worker.pub,
		.sub = rig->worker.sub,
		.regions = &rig->worker.regions,
		.news_fd = rig->worker.news_fd,
	};

	rig->relay = relay_create(&source, &rig->settings, rig->resolver);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->relay);
}

void rig_publish(struct rig *rig, uint32_t slot, uint64_t generation)
{
	fake_pending(&rig->worker, slot, generation, "live", "name");
	fake_live(&rig->worker, slot, "name");
}

void rig_adopt(struct rig *rig, uint32_t slot, uint64_t generation)
{
	CU_ASSERT_EQUAL(relay_adopt(rig->relay, slot, generation, &rig->app, "name"), 0);
}

void rig_reclaim(struct rig *rig)
{
	if (rig->relay) {
		fake_reclaim(&rig->worker, 0);
	}
}

void rig_journal_init(void)
{
	journal_init(getenv("JOURNAL") ? CONFIG_LOG_DEBUG : CONFIG_LOG_ERROR);
}
