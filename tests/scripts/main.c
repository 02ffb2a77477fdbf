/*
 * scripts [--trace] FILE...: runs each and says how many passed. What failed is shown with its
 * line and what came instead.
 */
#include <stdlib.h>
#include <string.h>

#include "script.h"

/* The text of a line, for the message. */
static void print_line(FILE *file, unsigned int number)
{
	char line[400] = "";

	rewind(file);
	for (unsigned int i = 0; i < number && fgets(line, sizeof(line), file) != NULL; i++) {
	}
	(void)printf("    %s%s", line, strchr(line, '\n') != NULL ? "" : "\n");
}

static bool run_file(const char *path, bool trace)
{
	static struct script script;
	FILE *file = fopen(path, "re");
	bool passed;

	if (file == NULL) {
		perror(path);
		return false;
	}
	passed = script_run(&script, path, file, trace);
	if (!passed) {
		(void)printf("FAIL %s:%u\n", path, script.line);
		print_line(file, script.line);
		(void)printf("    %s\n", script.error);
	}
	(void)fclose(file);
	return passed;
}

int main(int argc, char **argv)
{
	bool trace = argc > 1 && strcmp(argv[1], "--trace") == 0;
	unsigned int passed = 0;
	unsigned int failed = 0;

	if (argc < 2 + trace) {
		(void)fprintf(stderr, "usage: scripts [--trace] FILE...\n");
		return 2;
	}
	if (host_start() < 0) {
		return EXIT_FAILURE;
	}
	for (int i = 1 + trace; i < argc; i++) {
		if (run_file(argv[i], trace)) {
			passed++;
		} else {
			failed++;
		}
	}
	(void)printf("scripts: %u passed, %u failed\n", passed, failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
