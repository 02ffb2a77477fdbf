/*
 * From what the file says to struct config: defaults filled in, every value checked.
 */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "check.h"
#include "schema.h"

/* `config` is zeroed; on an error (c->failed) it is partly filled and config_free() takes it. */
void build_config(struct check *c, const struct file *file, struct config *config);

/* The parts of it, in files of their own. */
void build_dataplane(struct check *c, const struct file_dataplane *file,
		     struct config_dataplane *dataplane);
void build_stream_limits(struct check *c, const struct file_stream_limits *file,
			 struct config_stream_limits *limits);
void build_apps(struct check *c, const struct file *file, struct config *config);

/* Playing, in both of them: who may, and what players may have, when anybody may. */
void build_app_play(struct check *c, const struct file_app_play *file,
		    struct config_app_play *play);
void build_play(struct check *c, const struct file_play *file, struct config *config);

/* Whether it may be a stream key. */
bool key_is_valid(const char *key);

#endif
