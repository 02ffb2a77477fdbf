/*
 * penstock-sink: an RTMP receiver on kernel sockets that counts, checks and writes FLV.
 *
 * Exit status: 0 in order, 1 an error while running, 2 usage.
 */
#include "options.h"

static int show_marks(const char *path)
{
	struct marks *marks = marks_open(path);

	if (marks == NULL) {
		perror(path);
		return 1;
	}
	marks_print(stdout, marks);
	marks_close(marks);
	return 0;
}

int main(int argc, char *argv[])
{
	static struct sink sink;
	static struct sink_options options;

	int rc = options_parse(&options, argc, argv);
	if (rc != 0) {
		return rc < 0 ? 2 : 0;
	}
	if (options.show_marks != NULL) {
		return show_marks(options.show_marks);
	}
	if (sink_open(&sink, &options) != 0) {
		return 1;
	}
	rc = sink_run(&sink);
	sink_close(&sink);
	return rc == 0 ? 0 : 1;
}
