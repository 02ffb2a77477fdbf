#include "process.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 24
#define WAIT_STEP_US  20000
#define WAIT_STEPS    1000 /* 20 s in all */

static pid_t spawn(const char *const arguments[], int error_fd)
{
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing running */
		int null = open("/dev/null", O_RDWR);
		dup2(null, STDOUT_FILENO);
		dup2(error_fd >= 0 ? error_fd : null, STDERR_FILENO);
		execv(SINK, (char *const *)arguments);
		_exit(127);
	}
	return pid;
}

void process_start(struct process *p, const char *const extra[])
{
	const char *arguments[ARGUMENTS_MAX] = {SINK,   "--listen", "127.0.0.1:0", "--flv-dir",
						p->dir, "--json",   p->json};
	size_t count = 7;
	int pipe_fds[2];
	unsigned int port = 0;
	char line[256];

	for (; extra != NULL && *extra != NULL && count < ARGUMENTS_MAX - 1; extra++) {
		arguments[count++] = *extra;
	}
	snprintf(p->dir, sizeof(p->dir), "/tmp/penstock-test-sink.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p->dir));
	snprintf(p->json, sizeof(p->json), "%s/report.json", p->dir);
	CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	p->pid = spawn(arguments, pipe_fds[1]);
	close(pipe_fds[1]);
	p->errors = fdopen(pipe_fds[0], "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof(line), p->errors));
	CU_ASSERT_EQUAL_FATAL(sscanf(line, "listening on port %u", &port), 1);
	p->port = (uint16_t)port;
}

static int wait_pid(pid_t pid)
{
	int status;

	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int process_wait(struct process *p)
{
	int status = wait_pid(p->pid);

	fclose(p->errors);
	return status;
}

int process_stop(struct process *p)
{
	kill(p->pid, SIGTERM);
	return process_wait(p);
}

static size_t count_ended(const json_t *report)
{
	size_t ended = 0;
	size_t i;
	json_t *stream;

	json_array_foreach(report, i, stream)
	{
		const char *how = json_string_value(json_object_get(stream, "ended"));
		ended += how != NULL && strcmp(how, "running") != 0;
	}
	return ended;
}

json_t *process_report(const struct process *p, size_t count)
{
	for (int step = 0; step < WAIT_STEPS; step++) {
		json_t *report = json_load_file(p->json, 0, NULL);
		if (report != NULL && count_ended(report) >= count) {
			return report;
		}
		json_decref(report);
		usleep(WAIT_STEP_US);
	}
	CU_FAIL_FATAL("the report does not come");
	return NULL;
}

unsigned char *process_file(const struct process *p, const char *name, size_t *len)
{
	char path[256];
	unsigned char *data = malloc(1 << 20);

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	FILE *f = fopen(path, "r");
	if (f == NULL || data == NULL) {
		CU_FAIL_FATAL("the file is not there");
		abort();
	}
	*len = fread(data, 1, 1 << 20, f);
	fclose(f);
	return data;
}

void process_clean(struct process *p)
{
	DIR *dir = opendir(p->dir);
	const struct dirent *entry;

	if (dir == NULL) {
		CU_FAIL_FATAL("the directory is not there");
		abort();
	}
	while ((entry = readdir(dir)) != NULL) {
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	CU_ASSERT_EQUAL(rmdir(p->dir), 0);
}

int process_run(const char *const arguments[])
{
	const char *all[ARGUMENTS_MAX] = {SINK};

	for (size_t i = 0; arguments[i] != NULL && i + 2 < ARGUMENTS_MAX; i++) {
		all[i + 1] = arguments[i];
	}
	return wait_pid(spawn(all, -1));
}
