/*
 * run_dir: where the sockets of both processes stand.
 */
#ifndef DP_RUN_DIR_H
#define DP_RUN_DIR_H

#include <sys/types.h>

/*
 * Makes the directory (0755) and gives it to `uid`, so that control, which runs as that user, can
 * create its socket there. One that exists and belongs to us is given away only if nothing but
 * sockets lies in it: a mistyped run_dir must not hand a system directory to another user.
 * 0 or -errno.
 */
int dp_run_dir_create(const char *path, uid_t uid, gid_t gid) __attribute__((warn_unused_result));

#endif
