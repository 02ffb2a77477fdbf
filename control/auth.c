#include "auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

struct auth_digest {
	uint8_t bytes[SHA256_DIGEST_LENGTH];
};

struct auth_app {
	const struct config_app *config;
	struct auth_digest *keys; /* [config->keys_count] */
	struct auth_digest play_key;
};

struct auth {
	EVP_MD *sha256;
	EVP_MD_CTX *context; /* of the one thread */
	uint32_t apps_count;
	struct auth_app apps[];
};

/* What a publisher asked for, taken apart. */
struct auth_request {
	char name[ABI_NAME_MAX]; /* before the '?' */
	struct auth_digest whole;
	struct auth_digest before_query;
	struct auth_digest key; /* of the parameter "key" */
	bool has_key;
};

/* With what was fetched once: SHA256() looks the algorithm up, under locks, at each call. */
static void digest(const struct auth *auth, struct auth_digest *out, const char *text)
{
	if (EVP_DigestInit_ex2(auth->context, auth->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(auth->context, text, strlen(text)) != 1 ||
	    EVP_DigestFinal_ex(auth->context, out->bytes, NULL) != 1) {
		abort(); /* no memory is needed, and no digest is no key */
	}
}

static bool digest_equals(const struct auth_digest *a, const struct auth_digest *b)
{
	return CRYPTO_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static int app_init(const struct auth *auth, struct auth_app *app, const struct config_app *config)
{
	app->config = config;
	app->keys = calloc(config->keys_count ? config->keys_count : 1, sizeof(*app->keys));
	if (!app->keys) {
		return -1;
	}
	for (uint32_t i = 0; i < config->keys_count; i++) {
		digest(auth, &app->keys[i], config->keys[i].key);
	}
	if (config->play.key) {
		digest(auth, &app->play_key, config->play.key);
	}
	return 0;
}

struct auth *auth_create(const struct config *config)
{
	struct auth *auth = calloc(1, sizeof(*auth) + config->apps_count * sizeof(auth->apps[0]));

	if (!auth) {
		return NULL;
	}
	auth->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	auth->context = EVP_MD_CTX_new();
	if (!auth->sha256 || !auth->context) {
		auth_destroy(auth);
		return NULL;
	}
	for (uint32_t i = 0; i < config->apps_count; i++) {
		auth->apps_count++;
		if (app_init(auth, &auth->apps[i], &config->apps[i])) {
			auth_destroy(auth);
			return NULL;
		}
	}
	return auth;
}

void auth_destroy(struct auth *auth)
{
	if (!auth) {
		return;
	}
	for (uint32_t i = 0; i < auth->apps_count; i++) {
		free(auth->apps[i].keys);
	}
	EVP_MD_CTX_free(auth->context);
	EVP_MD_free(auth->sha256);
	free(auth);
}

/* Encoders put "rtmp://host/live/" and a key in two fields: the slash ends up in the app. */
static bool app_name_equals(const char *app, const char *asked)
{
	size_t length = strlen(app);

	return strncmp(app, asked, length) == 0 &&
	       (asked[length] == '\0' || (asked[length] == '/' && asked[length + 1] == '\0'));
}

static const struct auth_app *find_app(const struct auth *auth, const char *app)
{
	for (uint32_t i = 0; i < auth->apps_count; i++) {
		if (app_name_equals(auth->apps[i].config->name, app)) {
			return &auth->apps[i];
		}
	}
	return NULL;
}

const struct config_app *auth_find_app(const struct auth *auth, const char *app)
{
	const struct auth_app *found = find_app(auth, app);

	return found ? found->config : NULL;
}

/* Digest of the value of the first parameter "key" of `query`. */
static void parse_query(const struct auth *auth, struct auth_request *request, char *query)
{
	char *rest = query;
	char *parameter;

	while ((parameter = strsep(&rest, "&")) != NULL) {
		if (strncmp(parameter, "key=", 4) == 0) {
			text_percent_decode(parameter + 4);
			digest(auth, &request->key, parameter + 4);
			request->has_key = true;
			return;
		}
	}
}

static void parse_request(const struct auth *auth, struct auth_request *request, const char *asked)
{
	char *query;

	memset(request, 0, sizeof(*request));
	text_copy(request->name, sizeof(request->name), asked);
	digest(auth, &request->whole, request->name);
	query = strchr(request->name, '?');
	if (query) {
		char copy[ABI_NAME_MAX];

		*query = '\0';
		text_copy(copy, sizeof(copy), query + 1);
		parse_query(auth, request, copy);
		OPENSSL_cleanse(copy, sizeof(copy));
		/* The name's buffer keeps nothing of the secret. */
		memset(query, 0, (size_t)(request->name + sizeof(request->name) - query));
	}
	digest(auth, &request->before_query, request->name);
}

/*
 * The entry that the request names or whose key it carries, or NULL. Looks at every entry. Some
 * encoders have nothing but "?key=..." in the field for the name: the key alone says whose it is.
 */
static const struct config_key *match_key(const struct auth_app *app,
					  const struct auth_request *request)
{
	const struct config_key *match = NULL;

	for (uint32_t i = 0; i < app->config->keys_count; i++) {
		const struct config_key *entry = &app->config->keys[i];
		bool by_key = digest_equals(&app->keys[i], &request->key);
		bool by_whole = digest_equals(&app->keys[i], &request->whole);
		bool by_name = digest_equals(&app->keys[i], &request->before_query);
		bool named = strcmp(entry->name, request->name) == 0 || request->name[0] == '\0';

		/* Bitwise: no branch tells which of them matched. */
		if ((request->has_key & named & by_key) | by_whole | by_name) {
			match = entry;
		}
	}
	return match;
}

static void refuse(struct auth_decision *decision, enum rtmp_reject why)
{
	decision->accepted = false;
	decision->reject = why;
}

static void accept_as(struct auth_decision *decision, const char *name)
{
	if (!text_name_valid(name)) {
		refuse(decision, RTMP_REJECT_NAME);
		return;
	}
	decision->accepted = true;
	text_copy(decision->name, sizeof(decision->name), name);
}

/* Names of entries are for those who have the key, in an open application as well. */
static bool has_entry(const struct auth_app *app, const char *name)
{
	for (uint32_t i = 0; i < app->config->keys_count; i++) {
		if (strcmp(app->config->keys[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

void auth_decide(const struct auth *auth, const char *app_name, const char *asked,
		 struct auth_decision *decision)
{
	const struct auth_app *app = find_app(auth, app_name);
	const struct config_key *entry;
	struct auth_request request;

	memset(decision, 0, sizeof(*decision));
	if (!app) {
		refuse(decision, RTMP_REJECT_APP);
		return;
	}
	decision->app = app->config;
	parse_request(auth, &request, asked);
	entry = match_key(app, &request);
	if (entry) {
		accept_as(decision, entry->name);
	} else if (!text_name_valid(request.name)) {
		refuse(decision, RTMP_REJECT_NAME);
	} else if (app->config->open && !has_entry(app, request.name)) {
		accept_as(decision, request.name);
	} else {
		refuse(decision, RTMP_REJECT_AUTH);
	}
	OPENSSL_cleanse(&request, sizeof(request));
}

static bool prefix_holds(const struct config_prefix *prefix, const uint8_t address[16])
{
	uint32_t bytes = prefix->length / 8;
	uint32_t bits = prefix->length % 8;

	if (memcmp(prefix->addr.s6_addr, address, bytes) != 0) {
		return false;
	}
	return bits == 0 || (prefix->addr.s6_addr[bytes] ^ address[bytes]) >> (8 - bits) == 0;
}

static bool address_may_play(const struct config_app_play *play, const uint8_t address[16])
{
	for (uint32_t i = 0; i < play->addresses_count; i++) {
		if (prefix_holds(&play->addresses[i], address)) {
			return true;
		}
	}
	return play->addresses_count == 0;
}

void auth_decide_play(const struct auth *auth, const char *app_name, const char *asked,
		      const uint8_t address[16], struct auth_play *decision)
{
	const struct auth_app *app = find_app(auth, app_name);
	struct auth_request request;

	memset(decision, 0, sizeof(*decision));
	if (!app || !app->config->play.allowed) {
		return;
	}
	parse_request(auth, &request, asked);
	bool by_key = digest_equals(&app->play_key, &request.key) & request.has_key;
	bool with_key = by_key | (app->config->play.key == NULL);
	if (with_key && address_may_play(&app->config->play, address)) {
		decision->accepted = true;
		decision->app = app->config;
		text_copy(decision->name, sizeof(decision->name), request.name);
	}
	OPENSSL_cleanse(&request, sizeof(request));
}
