/*
 * penstock-gen: RTMP publishers from one core, over kernel sockets or our own TCP on a DPDK port.
 *
 * Exit status: 0 in order, 1 when a publisher was refused or lost or a report could not be written,
 * 2 usage.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gen/fleet.h"
#include "bench/gen/kernel.h"
#include "bench/gen/report.h"
#include "bench/gen/stack.h"

#define CONNECT_US UINT64_C(12000000) /* longer than the time limit of one publisher */
#define FINISH_US  UINT64_C(6000000)
#define PATTERN    ((size_t)MARK_PATTERN)

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* The file in memory that the transport can send from; its tags point into it. */
static int load_flv(struct fleet *f, struct flv_file *file)
{
	size_t size = 0;
	uint8_t *body, *at;

	for (size_t i = 0; i < file->count; i++) {
		size += file->tags[i].length;
	}
	body = f->transport->ops->memory(f->transport, size + 1);
	if (body == NULL) {
		return -ENOMEM;
	}
	at = body;
	for (size_t i = 0; i < file->count; i++) {
		memcpy(at, file->tags[i].data, file->tags[i].length);
		file->tags[i].data = at;
		at += file->tags[i].length;
	}
	f->content.body = body;
	content_use_flv(&f->content, file);
	return 0;
}

static int load_content(struct fleet *f, struct flv_file *file)
{
	const struct gen_options *o = f->options;
	struct content_config *config = &f->content;
	int rc;

	*config = (struct content_config){
		.fps = o->fps,
		.gop_frames = o->fps * o->gop_s,
		.frame_bytes = o->message != 0 ? o->message : 4096,
		.audio_bytes = CONTENT_AUDIO_BYTES,
		.video_only = o->video_only,
	};
	if (o->flv != NULL) {
		rc = flv_file_open(file, o->flv);
		if (rc != 0) {
			fprintf(stderr, "penstock-gen: %s: %s\n", o->flv, strerror(-rc));
			return rc;
		}
		return load_flv(f, file);
	}
	if (o->bitrate_kbps != 0) {
		content_size(config, o->bitrate_kbps);
	}
	uint8_t *body = f->transport->ops->memory(f->transport, PATTERN);
	if (body == NULL) {
		return -ENOMEM;
	}
	memcpy(body, mark_pattern(), PATTERN);
	config->body = body;
	return 0;
}

/* Until all publish, none of those that began is still under way, or the time is over. */
static void ramp(struct fleet *f)
{
	const struct gen_options *o = f->options;
	uint64_t last_us = o->ramp != 0 ? o->publishers * UINT64_C(1000000) / o->ramp : 0;
	uint64_t progress_us = f->now_us;
	uint64_t publishes = 0;

	f->begin_us = f->now_us;
	while (!stopped && f->now_us - progress_us < CONNECT_US + last_us) {
		f->transport->ops->turn(f->transport);
		if (f->started == o->publishers && f->setup == 0) {
			return;
		}
		if (f->counts.publishes != publishes) {
			publishes = f->counts.publishes;
			progress_us = f->now_us;
		}
	}
}

static void measure(struct fleet *f)
{
	uint64_t begin_us = f->now_us;

	while (!stopped && f->now_us - begin_us < f->options->seconds * UINT64_C(1000000)) {
		f->transport->ops->turn(f->transport);
		if (f->gone == f->options->publishers) {
			return;
		}
	}
}

static void finish(struct fleet *f)
{
	uint64_t begin_us = f->now_us;

	fleet_finish(f);
	while (f->open > 0 && f->now_us - begin_us < FINISH_US) {
		f->transport->ops->turn(f->transport);
	}
}

/* The whole run: 0, 1 when somebody was refused or lost, or -errno. */
static int publish(struct fleet *f)
{
	const struct gen_options *o = f->options;
	struct report report = {.publishers = o->publishers};
	uint64_t begin_us;

	wheel_init(&f->wheel, f->now_us);
	f->begin_us = f->now_us;
	if (!o->rate_publishes) {
		ramp(f);
	}
	report.ramp_seconds = (double)(f->now_us - f->begin_us) / 1e6;
	report.published = f->publishing;
	fleet_reset(f);
	f->transport->ops->reset(f->transport);
	fprintf(stderr, "penstock-gen: %u publish, measuring\n", f->publishing);
	begin_us = f->now_us;
	measure(f);
	report.seconds = (double)(f->now_us - begin_us) / 1e6;
	report_take(&report, f);
	finish(f);
	int rc = report_write(&report, f, o->json);
	if (rc != 0) {
		fprintf(stderr, "penstock-gen: %s: %s\n", o->json, strerror(-rc));
		return rc;
	}
	bool whole = o->rate_publishes || report.published == o->publishers;
	return whole && report.counts.refused + report.counts.lost == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
	static struct gen_options options;
	static struct fleet fleet;
	struct flv_file file = {0};
	int rc = gen_options_parse(&options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? 2 : 0;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	mark_init();
	rc = fleet_init(&fleet, &options);
	if (rc == 0) {
		fleet.transport = options.kernel ? kernel_create(&options, &fleet)
						 : stack_create(&options, &fleet);
		rc = fleet.transport != NULL ? load_content(&fleet, &file) : 1;
	}
	if (rc == 0) {
		rc = publish(&fleet);
	} else if (rc < 0) {
		fprintf(stderr, "penstock-gen: %s\n", strerror(-rc));
	}
	if (fleet.transport != NULL) {
		fleet_fini(&fleet);
		fleet.transport->ops->destroy(fleet.transport);
	}
	flv_file_close(&file);
	return rc == 0 ? 0 : 1;
}
