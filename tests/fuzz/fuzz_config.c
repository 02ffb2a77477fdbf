/*
 * The configuration file, and with what was loaded from it the decision about a publish. The input
 * is the file; what stands behind a NUL in it is the application and the name that are asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void decide(const struct config *config, const char *app, const char *asked)
{
	struct auth *auth = auth_create(config);
	struct auth_decision decision = {.accepted = false};

	check(auth != NULL);
	auth_decide(auth, app, asked, &decision);
	check(strnlen(decision.name, sizeof(decision.name)) < sizeof(decision.name));
	check(decision.accepted == (decision.name[0] != '\0'));
	check(decision.accepted || decision.reject < RTMP_REJECT_COUNT);
	auth_destroy(auth);
}

/* A copy of what follows the n-th NUL, up to the next one. */
static char *part(const uint8_t *data, size_t size, uint32_t n, size_t max)
{
	const uint8_t *end = data + size;
	const uint8_t *at = data;

	for (; n > 0 && at < end; n--) {
		const uint8_t *nul = memchr(at, 0, (size_t)(end - at));
		at = nul ? nul + 1 : end;
	}
	char *copy = strndup((const char *)at, (size_t)(end - at) < max ? (size_t)(end - at) : max);
	check(copy != NULL);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = part(data, size, 0, size);
	char *app = part(data, size, 1, ABI_APP_MAX - 1);
	char *asked = part(data, size, 2, ABI_NAME_MAX - 1);
	struct config *config = NULL;
	struct config_error error = {.text = ""};
	int fd = memfd_create("penstock.yaml", 0);
	char path[32];

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (config_load(path, &config, &error) == 0) {
		decide(config, app, asked);
		config_free(config);
	} else {
		check(error.text[0] != '\0');
		check(strnlen(error.text, sizeof(error.text)) < sizeof(error.text));
	}
	close(fd);
	free(text);
	free(app);
	free(asked);
	return 0;
}
