#include "address.h"
#include "build.h"

#include <string.h>

/* Lengths in bytes without the NUL: what the shared stream table has room for. */
#define APP_MAX        127u
#define NAME_BYTES_MAX 255u

/* RFC 3986 section 2.3, "unreserved": needs no quoting in URLs, file names, terminals or shells. */
static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-._~";

static const struct file_stream_limits no_limits;

static bool name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_BYTES_MAX && strspn(name, name_bytes) == len;
}

/* Names joined by single slashes: encoders send "live" as well as "live/room1". */
static bool app_name_is_valid(const char *name)
{
	size_t len = 0;

	if (strlen(name) > APP_MAX) {
		return false;
	}
	for (;; name += len + 1) {
		len = strcspn(name, "/");
		if (len == 0 || strspn(name, name_bytes) < len) {
			return false;
		}
		if (name[len] == '\0') {
			return true;
		}
	}
}

/* A key travels as a stream name and ends where a query begins. */
bool key_is_valid(const char *key)
{
	size_t len = strlen(key);

	if (len > NAME_BYTES_MAX) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (key[i] <= ' ' || key[i] > '~' || strchr("?&#/\"\\", key[i]) != NULL) {
			return false;
		}
	}
	return len > 0;
}

static void build_key(struct check *c, const struct file_key *file, struct config_key *key)
{
	if (!name_is_valid(file->name)) {
		check_fail_key(c, "name", "not a stream name (letters, digits, - . _ ~)");
	}
	if (!key_is_valid(file->key)) {
		check_fail_key(c, "key", "has bytes that a stream key cannot have");
	}
	key->name = check_strdup(c, file->name);
	key->key = check_strdup(c, file->key);
}

static void check_key_is_new(struct check *c, const struct file_key *keys, uint32_t i)
{
	for (uint32_t j = 0; j < i && !c->failed; j++) {
		if (strcmp(keys[j].name, keys[i].name) == 0) {
			check_fail_key(c, "name", "appears twice in the application");
		}
		if (strcmp(keys[j].key, keys[i].key) == 0) {
			check_fail_key(c, "key", "appears twice in the application");
		}
	}
}

static void build_keys(struct check *c, const struct file_app *file, struct config_app *app)
{
	app->keys = check_calloc(c, file->keys_count, sizeof(*app->keys));
	app->keys_count = app->keys != NULL ? file->keys_count : 0;
	for (uint32_t i = 0; i < app->keys_count && !c->failed; i++) {
		size_t mark = check_enter(c, "keys");
		check_enter_index(c, i);
		build_key(c, &file->keys[i], &app->keys[i]);
		check_key_is_new(c, file->keys, i);
		check_leave(c, mark);
	}
}

static void build_url(struct check *c, const char *text, struct config_origin *origin)
{
	struct origin_url url;
	const char *why;

	if (origin_url_parse(text, &url, &why) != 0) {
		check_fail_key(c, "url", why);
		return;
	}
	origin->url = check_strdup(c, text);
	origin->host = check_strdup(c, url.host);
	origin->port = url.port;
	origin->app = check_strdup(c, url.app);
	origin->name = check_strdup(c, url.name[0] != '\0' ? url.name : NULL);
}

static void build_origin(struct check *c, const struct file_origin *file,
			 struct config_origin *origin)
{
	build_url(c, file->url, origin);
	origin->when_behind = CONFIG_BEHIND_SKIP;
	if (file->when_behind != NULL && *file->when_behind == CONFIG_BEHIND_BACKPRESSURE) {
		check_fail_key(c, "when_behind", "backpressure is not supported yet, only skip");
	}
	origin->behind_max_kib = check_number(c, "behind_max_kib", file->behind_max_kib,
					      (struct check_range){64, 1u << 20, 8192});
}

static void build_origins(struct check *c, const struct file_app *file, struct config_app *app)
{
	app->origins = check_calloc(c, file->origins_count, sizeof(*app->origins));
	app->origins_count = app->origins != NULL ? file->origins_count : 0;
	for (uint32_t i = 0; i < app->origins_count; i++) {
		size_t mark = check_enter(c, "origins");
		check_enter_index(c, i);
		build_origin(c, &file->origins[i], &app->origins[i]);
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(file->origins[j].url, file->origins[i].url) == 0) {
				check_fail_key(c, "url", "appears twice in the application");
			}
		}
		check_leave(c, mark);
	}
}

static void build_app(struct check *c, const struct file_app *file, struct config_app *app)
{
	if (!app_name_is_valid(file->name)) {
		check_fail_key(c, "name", "not an application name (letters, digits, - . _ ~ /)");
	}
	app->name = check_strdup(c, file->name);
	app->open = file->open != NULL && *file->open != 0;
	build_keys(c, file, app);
	build_origins(c, file, app);
	build_app_play(c, file->play, &app->play);
	app->gop_max_kib = check_number(c, "gop_max_kib", file->gop_max_kib,
					(struct check_range){64, 1u << 22, 32768});
	build_stream_limits(c, file->admission != NULL ? file->admission : &no_limits,
			    &app->admission);
	if (file->timestamps != NULL) {
		app->timestamps = (enum config_timestamps)(*file->timestamps);
	}
}

void build_apps(struct check *c, const struct file *file, struct config *config)
{
	config->apps = check_calloc(c, file->apps_count, sizeof(*config->apps));
	config->apps_count = config->apps != NULL ? file->apps_count : 0;
	for (uint32_t i = 0; i < config->apps_count && !c->failed; i++) {
		size_t mark = check_enter(c, "apps");
		check_enter_index(c, i);
		build_app(c, &file->apps[i], &config->apps[i]);
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(file->apps[j].name, file->apps[i].name) == 0) {
				check_fail_key(c, "name", "application appears twice");
			}
		}
		check_leave(c, mark);
	}
}
