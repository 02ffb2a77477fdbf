#include "dataplane/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * NET_ADMIN and NET_RAW: tap and packet sockets. IPC_LOCK: pinned memory. DAC_OVERRIDE and CHOWN:
 * run_dir belongs to control's user, the sockets in it are ours. KILL: a control that hangs is
 * another user's process.
 */
#define KEPT                                                                                       \
	(UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW | UINT64_C(1) << CAP_IPC_LOCK | \
	 UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_KILL)

int dp_privileges_drop(bool keep_capabilities)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return -errno;
	}
	if (keep_capabilities) {
		return 0;
	}
	if (syscall(SYS_capget, &header, data) < 0) {
		return -errno;
	}
	for (int i = 0; i < 2; i++) {
		uint32_t kept = (uint32_t)(KEPT >> (32 * i));

		data[i].permitted &= kept;
		data[i].effective &= kept;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

void dp_privileges_seal(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
