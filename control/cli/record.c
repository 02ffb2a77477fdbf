/*
 * Recording: control sends an FLV file over its socket, tag by tag, and at its end a tag of type 0
 * with JSON that says how it went (control/relay/recorder.h). The file is ours: opened with our
 * rights, written in whole tags, so that it can be played wherever it ends; what a full disk took
 * of one is taken back.
 */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define FILE_HEADER 13u /* with the first trailer; FLV E.2, E.3 */
#define FLAGS_AT    4
#define TAG_HEADER  11u
#define TAG_AROUND  15u
#define TAG_END     0
#define TAG_AUDIO   8
#define TAG_VIDEO   9
#define READ_SIZE   65536u
#define LOOK_US     200000 /* how soon a signal is seen that came just before a read */

struct recording {
	struct invocation *inv;
	int from;
	int to;
	uint8_t *data;
	size_t len;
	size_t size;
	bool begun; /* the file header is written */
	bool audio;
	bool video;
	uint64_t messages;
	uint64_t bytes;
	uint64_t duration_ms;
	const char *ended; /* why; NULL: it goes on */
	json_t *summary;   /* of control, NULL: none came */
	bool lost;         /* control went away */
	int error;         /* errno of the file */
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop}; /* without SA_RESTART: reads end */

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit of file size is an error as others are */
}

/* The file ends where it did before its last `len` bytes; a pipe cannot take them back. */
static void take_back(const struct recording *r, size_t len)
{
	off_t at = lseek(r->to, 0, SEEK_CUR);

	if (at >= (off_t)len && ftruncate(r->to, at - (off_t)len) == 0) {
		(void)lseek(r->to, -(off_t)len, SEEK_CUR);
	}
}

/* All of it, or none: then false. */
static bool write_out(struct recording *r, const uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(r->to, data + done, len - done);

		if (n < 0 && errno != EINTR) {
			r->error = errno;
			r->ended = "the file could not be written";
			take_back(r, done);
			return false;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	r->bytes += len;
	return true;
}

static uint32_t get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static bool is_enough(const struct recording *r, size_t size, uint32_t time)
{
	return (r->inv->bytes_max != 0 && r->bytes + size > r->inv->bytes_max) ||
	       (r->inv->seconds_max != 0 && time >= r->inv->seconds_max * 1000);
}

static void take_end(struct recording *r, const uint8_t *body, size_t len)
{
	const char *why;

	r->summary = json_loadb((const char *)body, len, 0, NULL);
	why = json_string_value(json_object_get(r->summary, "ended"));
	r->ended = why != NULL ? why : "control ended it";
}

static void take_tag(struct recording *r, const uint8_t *tag, size_t size)
{
	uint32_t time = get24(tag + 4) | (uint32_t)tag[7] << 24;

	if (tag[0] == TAG_END) {
		take_end(r, tag + TAG_HEADER, size - TAG_AROUND);
		return;
	}
	if (is_enough(r, size, time)) {
		r->ended = "the limit is reached";
		return;
	}
	if (!write_out(r, tag, size)) {
		return;
	}
	r->audio |= tag[0] == TAG_AUDIO;
	r->video |= tag[0] == TAG_VIDEO;
	r->messages++;
	r->duration_ms = time > r->duration_ms ? time : r->duration_ms;
}

/* Bytes of the file header or tag that `data` begins with, 0 if that is not known yet. */
static size_t next_size(const struct recording *r, const uint8_t *data, size_t len)
{
	if (!r->begun) {
		return FILE_HEADER;
	}
	return len < TAG_HEADER ? 0 : get24(data + 1) + TAG_AROUND;
}

/* Writes what is there of whole tags; the rest waits at the front. */
static void take_data(struct recording *r)
{
	size_t at = 0;

	while (r->ended == NULL) {
		size_t size = next_size(r, r->data + at, r->len - at);

		if (size == 0 || size > r->len - at) {
			break;
		}
		if (r->begun) {
			take_tag(r, r->data + at, size);
		} else {
			r->begun = write_out(r, r->data + at, size);
		}
		at += size;
	}
	r->len -= at;
	memmove(r->data, r->data + at, r->len);
}

static bool make_room(struct recording *r)
{
	size_t size = r->size > 0 ? 2 * r->size : (size_t)4 * READ_SIZE;

	if (r->size - r->len >= READ_SIZE) {
		return true;
	}
	uint8_t *data = realloc(r->data, size);
	if (data == NULL) {
		return false;
	}
	r->data = data;
	r->size = size;
	return true;
}

static void run(struct recording *r)
{
	while (r->ended == NULL) {
		if (stopped) {
			r->ended = "interrupted";
		} else if (!make_room(r)) {
			r->ended = "no memory";
		} else {
			ssize_t n = recv(r->from, r->data + r->len, READ_SIZE, 0);

			if (n > 0) {
				r->len += (size_t)n;
				take_data(r);
			} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
				r->ended = "control went away";
				r->lost = true;
			}
		}
	}
}

/* What the file has is known now. Standard output may be a pipe, or have been written to before. */
static void finish(struct recording *r)
{
	uint8_t flags = (uint8_t)((r->audio ? 4 : 0) | (r->video ? 1 : 0));

	if (r->to == STDOUT_FILENO) {
		return;
	}
	/* A file by another name, as a pipe, has no place to go back to. */
	if (r->begun && pwrite(r->to, &flags, 1, FLAGS_AT) != 1 && errno != ESPIPE &&
	    r->error == 0) {
		r->error = errno;
	}
	if (close(r->to) != 0 && r->error == 0) {
		r->error = errno;
	}
}

static int open_file(const struct invocation *inv)
{
	int how = O_WRONLY | O_CREAT | O_CLOEXEC | (inv->force ? O_TRUNC : O_EXCL);

	return strcmp(inv->file, "-") == 0 ? STDOUT_FILENO : open(inv->file, how, 0666);
}

static enum client_status show(const struct command *command, struct recording *r)
{
	static const char *const members[] = {"skips", "skipped_messages", "left_out"};
	json_t *object = json_pack("{s:s, s:I, s:I, s:I}", "ended", r->ended, "messages",
				   (json_int_t)r->messages, "bytes", (json_int_t)r->bytes,
				   "duration_ms", (json_int_t)r->duration_ms);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *value = json_object_get(r->summary, members[i]);

		if (value != NULL) {
			(void)json_object_set(object, members[i], value);
		}
	}
	if (r->error != 0) {
		(void)json_object_set_new(object, "error", json_string(strerror(r->error)));
	}
	r->inv->output->show[command->view](r->to == STDOUT_FILENO ? stderr : stdout, object,
					    &r->inv->options);
	json_decref(object);
	if (r->lost) {
		snprintf(r->inv->client.error, sizeof(r->inv->client.error), "%s", r->ended);
	}
	return r->lost ? CLIENT_NO_CONNECTION : CLIENT_OK;
}

static enum client_status fail_file(struct invocation *inv, int error)
{
	snprintf(inv->client.error, sizeof(inv->client.error), "%.100s: %.60s", inv->file,
		 strerror(error));
	return CLIENT_REFUSED;
}

/* What there is of it can be played. */
static enum client_status fail_recording(const struct recording *r)
{
	size_t used;

	(void)fail_file(r->inv, r->error);
	used = strlen(r->inv->client.error);
	snprintf(r->inv->client.error + used, sizeof(r->inv->client.error) - used,
		 "; it ends with message %llu, at %llu ms", (unsigned long long)r->messages,
		 (unsigned long long)r->duration_ms);
	return CLIENT_REFUSED;
}

enum client_status command_record(const struct command *command, struct invocation *inv)
{
	const struct timeval look = {.tv_usec = LOOK_US};
	struct recording r = {.inv = inv};
	char full[1024];
	enum client_status status =
		command_resolve(&inv->client, inv->argument, full, sizeof(full));

	catch_signals();
	if (status == CLIENT_OK) {
		json_t *request = json_pack("{s:s, s:s}", "command", command->name, "name", full);

		status = client_open(&inv->client, request, &r.from);
	}
	if (status != CLIENT_OK) {
		return status;
	}
	r.to = open_file(inv);
	if (r.to < 0) {
		status = fail_file(inv, errno);
		close(r.from);
		return status;
	}
	(void)setsockopt(r.from, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof(look));
	run(&r);
	close(r.from);
	finish(&r);
	status = show(command, &r);
	status = r.error != 0 ? fail_recording(&r) : status;
	json_decref(r.summary);
	free(r.data);
	return status;
}
