#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

static int become(const struct passwd *user, const char **what)
{
	*what = "setgroups";
	if (setgroups(1, &user->pw_gid)) {
		return -1;
	}
	*what = "setgid";
	if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid)) {
		return -1;
	}
	*what = "setuid";
	return setresuid(user->pw_uid, user->pw_uid, user->pw_uid);
}

int privileges_drop(const char *user, const char **what)
{
	if (geteuid() == 0) {
		const struct passwd *entry;

		errno = 0;
		entry = getpwnam(user);
		if (!entry) {
			*what = "no such user";
			errno = errno ? errno : ENOENT;
			return -1;
		}
		if (become(entry, what)) {
			return -1;
		}
	}
	*what = "no_new_privs";
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
