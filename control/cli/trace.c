/*
 * Trace events: control gives what each worker wrote since the last time
 * (control/report_inspect.h). Those of several workers are put in order as far as they come
 * together.
 */
#include "commands.h"
#include "field.h"

#include <stdlib.h>
#include <unistd.h>

#define FOLLOW_US   100000
#define WORKERS_MAX 256u

struct follower {
	struct invocation *inv;
	const struct command *command;
	uint32_t id;               /* of the connection; 0: all */
	json_t *next[WORKERS_MAX]; /* where reading goes on; NULL: at the oldest */
	uint64_t workers;
	bool more; /* some worker has more already */
	uint64_t shown;
};

struct timed {
	uint64_t wall_us;
	size_t at;
	json_t *event;
};

static int by_time(const void *a, const void *b)
{
	const struct timed *left = a;
	const struct timed *right = b;

	if (left->wall_us != right->wall_us) {
		return left->wall_us < right->wall_us ? -1 : 1;
	}
	return left->at < right->at ? -1 : 1;
}

static json_t *make_request(const struct follower *follower, int worker)
{
	json_t *request = json_pack("{s:s, s:i, s:I}", "command", "trace", "worker", worker,
				    "connection", (json_int_t)follower->id);

	if (request != NULL && follower->next[worker] != NULL) {
		(void)json_object_set(request, "next", follower->next[worker]);
	}
	return request;
}

static void take_events(json_t *trace, int worker, json_t *events)
{
	json_int_t offset = json_integer_value(json_object_get(trace, "wall_offset_us"));
	uint64_t lost = field_number(trace, "lost");
	size_t i;
	json_t *event;

	if (lost > 0) {
		(void)json_array_append_new(events, json_pack("{s:i, s:I}", "worker", worker,
							      "lost", (json_int_t)lost));
	}
	json_array_foreach(json_object_get(trace, "events"), i, event)
	{
		json_int_t at = (json_int_t)field_number(event, "time_us") + offset;

		(void)json_object_set_new(event, "wall_us", json_integer(at));
		(void)json_object_set_new(event, "worker", json_integer(worker));
		(void)json_array_append(events, event);
	}
}

/* Appends what is new of a worker. */
static enum client_status take_worker(struct follower *follower, int worker, json_t *events)
{
	json_t *reply;
	enum client_status status =
		client_ask(&follower->inv->client, make_request(follower, worker), &reply);

	if (status != CLIENT_OK) {
		return status;
	}
	json_t *trace = json_object_get(reply, "trace");
	uint64_t workers = field_number(trace, "workers");
	follower->workers = workers < WORKERS_MAX ? workers : WORKERS_MAX;
	take_events(trace, worker, events);
	json_decref(follower->next[worker]);
	follower->next[worker] = json_incref(json_object_get(trace, "next"));
	follower->more |= json_is_true(json_object_get(trace, "more"));
	json_decref(reply);
	return CLIENT_OK;
}

static bool enough(const struct follower *follower)
{
	return follower->inv->count != 0 && follower->shown >= follower->inv->count;
}

static void show(struct follower *follower, json_t *events)
{
	size_t count = json_array_size(events);
	struct timed *order = calloc(count + 1, sizeof(*order));
	const struct output *output = follower->inv->output;

	for (size_t i = 0; order != NULL && i < count; i++) {
		order[i].event = json_array_get(events, i);
		order[i].at = i;
		order[i].wall_us = field_number(order[i].event, "wall_us");
	}
	if (order != NULL) {
		qsort(order, count, sizeof(*order), by_time);
	}
	for (size_t i = 0; order != NULL && i < count && !enough(follower); i++) {
		output->show[follower->command->view](stdout, order[i].event,
						      &follower->inv->options);
		follower->shown++;
	}
	free(order);
	(void)fflush(stdout);
}

/* One reading of all workers that are wanted. */
static enum client_status look(struct follower *follower)
{
	enum client_status status = CLIENT_OK;
	json_t *events = json_array();
	int only = follower->inv->worker;
	int first = only >= 0 ? only : 0;

	follower->more = false;
	for (int w = first;
	     status == CLIENT_OK && (w == first || (only < 0 && (uint64_t)w < follower->workers));
	     w++) {
		status = take_worker(follower, w, events);
	}
	if (status == CLIENT_OK) {
		show(follower, events);
	}
	json_decref(events);
	return status;
}

static enum client_status follow(struct follower *follower)
{
	enum client_status status;

	do {
		status = look(follower);
		if (status == CLIENT_OK && !follower->more && follower->inv->follow &&
		    !enough(follower)) {
			(void)usleep(FOLLOW_US);
		}
	} while (status == CLIENT_OK && !enough(follower) && !ferror(stdout) &&
		 (follower->more || follower->inv->follow));
	return status;
}

enum client_status command_trace(const struct command *command, struct invocation *inv)
{
	struct follower follower = {.inv = inv, .command = command, .workers = 1};
	int worker = inv->worker;

	if (inv->connection != NULL &&
	    !command_parse_id(inv->connection, &inv->worker, &follower.id)) {
		snprintf(inv->client.error, sizeof(inv->client.error),
			 "--connection wants an ID like 0:17");
		return CLIENT_USAGE;
	}
	if (worker >= (int)WORKERS_MAX || inv->worker >= (int)WORKERS_MAX ||
	    (worker >= 0 && worker != inv->worker)) {
		snprintf(inv->client.error, sizeof(inv->client.error), "no such worker");
		return CLIENT_USAGE;
	}
	enum client_status status = follow(&follower);
	for (uint32_t i = 0; i < WORKERS_MAX; i++) {
		json_decref(follower.next[i]);
	}
	return status;
}
