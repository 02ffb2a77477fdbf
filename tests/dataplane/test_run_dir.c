/*
 * run_dir, and the lines that the process writes about itself.
 */
#include "dataplane/diag.h"
#include "dataplane/run_dir.h"
#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OTHER_USER 65534u

static char base[] = "/tmp/penstock-run-dir-XXXXXX";
static char dir[sizeof(base) + 8];

static uid_t owner_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
}

/* Only root can give a directory away; others keep their own. */
static uid_t wanted(void)
{
	return geteuid() == 0 ? OTHER_USER : geteuid();
}

static void is_made_for_control(void)
{
	struct stat st;

	CU_ASSERT_EQUAL(dp_run_dir_create(dir, wanted(), getegid()), 0);
	CU_ASSERT_EQUAL(owner_of(dir), wanted());
	CU_ASSERT_EQUAL(stat(dir, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0755);
	CU_ASSERT_EQUAL(dp_run_dir_create(dir, wanted(), getegid()), 0);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void one_with_sockets_is_taken_over(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CU_ASSERT_EQUAL(mkdir(dir, 0755), 0);
	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/a.sock", dir);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	CU_ASSERT_EQUAL(dp_run_dir_create(dir, wanted(), getegid()), 0);
	CU_ASSERT_EQUAL(owner_of(dir), wanted());
	close(fd);
	unlink(name.sun_path);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

/* A mistyped run_dir: /etc must stay root's. */
static void one_with_files_is_left_alone(void)
{
	char path[sizeof(dir) + 8];

	CU_ASSERT_EQUAL(mkdir(dir, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/passwd", dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	CU_ASSERT_EQUAL(dp_run_dir_create(dir, wanted(), getegid()), 0);
	CU_ASSERT_EQUAL(owner_of(dir), geteuid());
	unlink(path);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void what_cannot_be_is_an_error(void)
{
	CU_ASSERT(dp_run_dir_create("/nowhere/at/all", wanted(), getegid()) < 0);
	CU_ASSERT(dp_run_dir_create("/dev/null", wanted(), getegid()) < 0);
}

static void lines_are_json(void)
{
	char line[2048] = "";
	struct dp_diag diag;
	FILE *file = fmemopen(line, sizeof(line), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	dp_diag_begin(&diag, DP_DIAG_WARN, "test");
	dp_diag_str(&diag, "name", "a\"b\\c\n\x01");
	dp_diag_int(&diag, "number", -3);
	dp_diag_bool(&diag, "flag", true);
	dp_diag_end(&diag, file);
	(void)fclose(file);
	CU_ASSERT_EQUAL(strncmp(line, "{\"ts\":\"", 7), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "Z\",\"level\":\"warn\",\"event\":\"test\","
					    "\"name\":\"a\\\"b\\\\c\\u000a\\u0001\","
					    "\"number\":-3,\"flag\":true}\n"));
}

/* Too many fields: the line is cut between two of them, and closed. */
static void long_lines_stay_json(void)
{
	char line[4096] = "";
	struct dp_diag diag;
	FILE *file = fmemopen(line, sizeof(line), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	dp_diag_begin(&diag, DP_DIAG_INFO, "test");
	for (int i = 0; i < 200; i++) {
		dp_diag_str(&diag, "key", "a value of some length");
	}
	dp_diag_end(&diag, file);
	(void)fclose(file);
	size_t length = strlen(line);
	CU_ASSERT(length <= sizeof(diag.text));
	CU_ASSERT_STRING_EQUAL(line + length - 3, "\"}\n");
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"is made for control", is_made_for_control},
		{"one with sockets is taken over", one_with_sockets_is_taken_over},
		{"one with files is left alone", one_with_files_is_left_alone},
		{"what cannot be is an error", what_cannot_be_is_an_error},
		{"lines are JSON", lines_are_json},
		{"long lines stay JSON", long_lines_stay_json},
		{NULL, NULL},
	};

	if (mkdtemp(base) == NULL) {
		return EXIT_FAILURE;
	}
	(void)snprintf(dir, sizeof(dir), "%s/run", base);
	int status = suite_run("run_dir", tests);
	(void)rmdir(base);
	return status;
}
