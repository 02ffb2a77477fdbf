#include "commands.h"
#include "screen.h"

#include <stdlib.h>

#define REFRESH_MS 1000

/* Adds the reply to one request to the frame. */
static enum client_status add(struct client *client, const char *what, json_t *frame)
{
	json_t *reply;
	enum client_status status = client_request(client, what, NULL, &reply);

	if (status == CLIENT_OK) {
		(void)json_object_set(frame, what, json_object_get(reply, what));
		json_decref(reply);
	}
	return status;
}

static enum client_status make_frame(struct client *client, json_t *frame)
{
	static const char *const parts[] = {"status", "workers", "streams"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		enum client_status status = add(client, parts[i], frame);
		if (status != CLIENT_OK) {
			return status;
		}
	}
	return CLIENT_OK;
}

/* A frame as text, drawn in one go so that nothing flickers. */
static void draw(const struct command *command, struct invocation *inv, const json_t *frame)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL) {
		return;
	}
	inv->options.rows = screen_rows();
	inv->output->show[command->view](out, frame, &inv->options);
	if (fclose(out) == 0) {
		screen_draw(text);
	}
	free(text);
}

/* Control may be restarted while we look: say so, and look again. */
static void draw_error(const struct client *client)
{
	char text[sizeof(client->error) + 32];

	snprintf(text, sizeof(text), "no answer: %s\n", client->error);
	screen_draw(text);
}

enum client_status command_top(const struct command *command, struct invocation *inv)
{
	enum client_status status = CLIENT_OK;
	bool seen = false;

	for (unsigned int shown = 1;; shown++) {
		json_t *frame = json_object();
		status = make_frame(&inv->client, frame);
		if (status == CLIENT_OK && !seen) {
			seen = true;
			screen_open();
		}
		if (!seen) { /* never there: a plain error, not a screen */
			json_decref(frame);
			return status;
		}
		if (status == CLIENT_OK) {
			draw(command, inv, frame);
		} else {
			draw_error(&inv->client);
		}
		json_decref(frame);
		if ((inv->count != 0 && shown >= inv->count) || screen_wait(REFRESH_MS)) {
			break;
		}
	}
	screen_close();
	return status;
}
