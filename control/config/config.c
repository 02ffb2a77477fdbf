#include "config/config.h"

#include "build.h"
#include "load.h"

#include <stdlib.h>
#include <string.h>

int config_load(const char *path, struct config **config, struct config_error *error)
{
	struct document doc;
	struct check check;
	struct file *file;
	int rc = -1;

	*config = NULL;
	if (document_open(&doc, path, error) != 0) {
		return -1;
	}
	if (load_file(&doc, &file, error) != 0) {
		goto out_document;
	}
	check_init(&check, &doc, error);
	struct config *built = check_calloc(&check, 1, sizeof(*built));
	if (built != NULL) {
		build_config(&check, file, built);
	}
	if (check.failed) {
		config_free(built);
		goto out_file;
	}
	*config = built;
	rc = 0;
out_file:
	unload_file(file);
out_document:
	document_close(&doc);
	return rc;
}

static void free_app(struct config_app *app)
{
	for (uint32_t i = 0; i < app->keys_count; i++) {
		free(app->keys[i].name);
		if (app->keys[i].key != NULL) {
			explicit_bzero(app->keys[i].key, strlen(app->keys[i].key));
		}
		free(app->keys[i].key);
	}
	for (uint32_t i = 0; i < app->origins_count; i++) {
		free(app->origins[i].url);
		free(app->origins[i].host);
		free(app->origins[i].app);
		free(app->origins[i].name);
	}
	free(app->admission.video_codecs);
	free(app->admission.audio_codecs);
	if (app->play.key != NULL) {
		explicit_bzero(app->play.key, strlen(app->play.key));
	}
	free(app->play.key);
	free(app->play.addresses);
	free(app->keys);
	free(app->origins);
	free(app->name);
}

static void free_dataplane(struct config_dataplane *dataplane)
{
	for (uint32_t i = 0; i < dataplane->ports_count; i++) {
		free(dataplane->ports[i].device);
		free(dataplane->ports[i].name);
		free(dataplane->ports[i].addresses);
		free(dataplane->ports[i].routes);
	}
	free(dataplane->ports);
	free(dataplane->cores);
	free(dataplane->rtmp.listen);
}

void config_free(struct config *config)
{
	if (config == NULL) {
		return;
	}
	for (uint32_t i = 0; i < config->apps_count; i++) {
		free_app(&config->apps[i]);
	}
	free(config->apps);
	free_dataplane(&config->dataplane);
	free(config->control.user);
	free(config->run_dir);
	free(config);
}
