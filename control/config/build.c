#include "build.h"

#include <string.h>

/* sun_path has 108 bytes; "/dataplane.sock" and its like must still fit. */
#define RUN_DIR_MAX 80u
#define USER_MAX    32u

static const struct file_control no_control;
static const struct file_dataplane no_dataplane;

static void build_run_dir(struct check *c, const struct file *file, struct config *config)
{
	const char *dir = file->run_dir != NULL ? file->run_dir : "/run/penstock";

	if (dir[0] != '/') {
		check_fail_key(c, "run_dir", "not an absolute path");
	} else if (strlen(dir) > RUN_DIR_MAX) {
		check_fail_key(c, "run_dir", "longer than 80 bytes");
	}
	config->run_dir = check_strdup(c, dir);
}

/* The portable part of what useradd(8) takes. */
static bool user_is_valid(const char *user)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				   "0123456789-.";
	size_t len = strlen(user);

	return len <= USER_MAX && strspn(user, first) > 0 && strspn(user, rest) == len;
}

static void build_control(struct check *c, const struct file_control *file,
			  struct config_control *control)
{
	const char *user = file->user != NULL ? file->user : "nobody";
	size_t mark = check_enter(c, "control");

	if (!user_is_valid(user)) {
		check_fail_key(c, "user", "not a user name");
	}
	control->user = check_strdup(c, user);
	control->log_level = CONFIG_LOG_INFO;
	if (file->log_level != NULL) {
		control->log_level = (enum config_log_level) * file->log_level;
	}
	check_leave(c, mark);
}

void build_config(struct check *c, const struct file *file, struct config *config)
{
	build_run_dir(c, file, config);
	size_t mark = check_enter(c, "dataplane");
	build_dataplane(c, file->dataplane != NULL ? file->dataplane : &no_dataplane,
			&config->dataplane);
	check_leave(c, mark);
	build_control(c, file->control != NULL ? file->control : &no_control, &config->control);
	build_apps(c, file, config);
	build_play(c, file->dataplane != NULL ? file->dataplane->play : NULL, config);
}
