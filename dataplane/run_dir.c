#include "dataplane/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool has_only_sockets(int dir_fd)
{
	const struct dirent *entry;
	bool only = true;
	int fd = dup(dir_fd);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		return false;
	}
	while (only && (entry = readdir(dir)) != NULL) {
		struct stat st;

		only = is_dots(entry->d_name) ||
		       (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISSOCK(st.st_mode));
	}
	(void)closedir(dir);
	return only;
}

static int give(int fd, bool made, uid_t uid, gid_t gid)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return -errno;
	}
	if (st.st_uid == uid || (!made && (st.st_uid != geteuid() || !has_only_sockets(fd)))) {
		return 0;
	}
	return fchown(fd, uid, gid) < 0 || fchmod(fd, 0755) < 0 ? -errno : 0;
}

int dp_run_dir_create(const char *path, uid_t uid, gid_t gid)
{
	bool made = mkdir(path, 0755) == 0;

	if (!made && errno != EEXIST) {
		return -errno;
	}
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	int err = give(fd, made, uid, gid);
	close(fd);
	return err;
}
