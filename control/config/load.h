/*
 * Loads the file's shape with libcyaml and says in our words what libcyaml refuses.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "document.h"
#include "schema.h"

/* 0, or -1 with `error` filled. */
int load_file(struct document *doc, struct file **file, struct config_error *error)
	__attribute__((warn_unused_result));
void unload_file(struct file *file);

#endif
