#include "report_memory.h"

#include "report_stream.h"

static json_int_t load(const _Atomic uint64_t *value)
{
	return (json_int_t)atomic_load_explicit(value, memory_order_relaxed);
}

static json_t *worker_object(const struct control *control, uint32_t worker)
{
	const struct abi_pub *pub = control->dataplane.workers[worker].pub;
	const struct abi_pub *layout = &control->dataplane.workers[worker].layout;

	return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "worker",
			 (int)worker, "packets_total", load(&pub->packets_total), "packets_free",
			 load(&pub->packets_free), "truesize", load(&pub->truesize),
			 "pinned_log_bytes", load(&pub->pinned_log_bytes), "pinned_partial_bytes",
			 load(&pub->pinned_partial_bytes), "pinned_ooo_bytes",
			 load(&pub->pinned_ooo_bytes), "pinned_ring_bytes",
			 load(&pub->pinned_ring_bytes), "reserve_bytes", load(&pub->reserve_bytes),
			 "reserved_bytes", load(&pub->reserved_bytes), "blocks_total",
			 (json_int_t)layout->blocks, "blocks_free", load(&pub->blocks_free));
}

static json_t *stream_object(const struct control *control, const struct registry_stream *stream)
{
	const struct abi_stream *slot =
		dataplane_stream(&control->dataplane.workers[stream->worker], stream->slot);
	uint64_t kept = relay_kept_bytes(control->workers[stream->worker].relay, stream->slot,
					 stream->generation);

	return json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "app", stream->app->name,
			 "name", stream->name, "worker", (int)stream->worker, "pinned_bytes",
			 load(&slot->pinned_bytes), "gop_bytes", (json_int_t)kept, "reserved_bytes",
			 load(&slot->reserved_bytes), "partial_bytes", load(&slot->partial_bytes),
			 "ooo_bytes", load(&slot->ooo_bytes), "dropped_unread_messages",
			 load(&slot->dropped_unread_messages));
}

/* Of one worker: what is in use that nobody counts as his. */
static json_int_t unaccounted(const struct abi_pub *pub)
{
	json_int_t used = load(&pub->packets_total) - load(&pub->packets_free);

	return used * load(&pub->truesize) - load(&pub->pinned_log_bytes) -
	       load(&pub->pinned_partial_bytes) - load(&pub->pinned_ooo_bytes) -
	       load(&pub->pinned_ring_bytes);
}

json_t *report_memory_object(const struct control *control)
{
	json_int_t nobodys = 0;
	const struct registry_stream *stream;
	json_t *workers = json_array();
	json_t *streams = json_array();

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		(void)json_array_append_new(workers, worker_object(control, i));
		nobodys += unaccounted(control->dataplane.workers[i].pub);
	}
	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		if (report_shown(stream)) {
			(void)json_array_append_new(streams, stream_object(control, stream));
		}
	}
	/* Of all workers: each shows the same. */
	const struct abi_pub *pub = control->attached ? control->dataplane.workers[0].pub : NULL;
	return json_pack("{s:o, s:o, s:I, s:I, s:I}", "workers", workers, "streams", streams,
			 "unaccounted_bytes", nobodys, "players_bytes",
			 pub ? load(&pub->play_bytes) : 0, "players_total",
			 pub ? (json_int_t)pub->play_total : 0);
}
