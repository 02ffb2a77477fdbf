/*
 * stick-thread: holds one thread of a process, and no other, until it or the thread ends.
 *
 *	stick-thread PID [NUMBER]
 *
 * NUMBER counts the process's threads in the order of their making, 0 is the first. SIGSTOP would
 * stop all threads, which a heartbeat notices at once; ptrace(2) stops one. Prints the thread's id.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>

#define THREADS_MAX 256

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Id of the thread, or -1. */
static pid_t find_thread(const char *pid, long number)
{
	int ids[THREADS_MAX];
	size_t count = 0;
	char path[64];
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	DIR *dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL && count < THREADS_MAX) {
		int id = (int)strtol(entry->d_name, NULL, 10);

		if (id > 0) {
			ids[count++] = id;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	qsort(ids, count, sizeof(ids[0]), by_number);
	return number >= 0 && (size_t)number < count ? ids[number] : -1;
}

int main(int argc, char **argv)
{
	pid_t thread =
		argc >= 2 ? find_thread(argv[1], argc > 2 ? strtol(argv[2], NULL, 10) : 0) : -1;
	int status;

	if (thread < 0 || ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 ||
	    ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0) {
		perror("stick-thread");
		return 1;
	}
	printf("%d\n", thread);
	(void)fflush(stdout);
	/* It stays stopped; a killed one has to be waited for, or its process would never be gone.
	 */
	while (waitpid(thread, &status, __WALL) == thread) {
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			return 0;
		}
	}
	return 0;
}
