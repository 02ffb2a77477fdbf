/*
 * Marks: which messages of which stream came, over all publishes of its name.
 *
 * The table is a mapped file: a sink that was killed leaves what it saw, and the next one with the
 * same file goes on with it. One process writes at a time.
 */
#ifndef SINK_MARKS_H
#define SINK_MARKS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ranges.h"

#define MARKS_STREAMS 4096u /* names times incarnations */
#define MARKS_NAME    256u

struct marks_counts {
	uint64_t messages;
	uint64_t headers;          /* marked, without a number */
	uint64_t repeated;         /* numbers that the stream had already */
	uint64_t repeated_max;     /* in one publish */
	uint64_t repeated_gops;    /* whole ones, the most in one publish */
	uint64_t skipped;          /* numbers jumped over within a publish */
	uint64_t backward;         /* steps back within a publish */
	uint64_t foreign_messages; /* of another stream */
	uint64_t foreign_bytes; /* that are not what the mark says; all, when that is unreadable */
};

struct marks_stream {
	char name[MARKS_NAME]; /* app/name; empty: free */
	uint32_t incarnation;
	uint32_t publishes;
	uint64_t last;          /* number of the message that came last */
	uint64_t last_keyframe; /* and of the keyframe of its GOP */
	struct marks_counts counts;
	struct ranges seen;
};

struct marks {
	uint64_t magic;
	uint64_t lost; /* messages that found no room in the table */
	struct marks_stream streams[MARKS_STREAMS];
};

/* One publish's view. */
struct marks_publish {
	struct marks *marks;
	struct marks_stream *stream; /* NULL before its first marked message */
	const char *app;
	const char *name;
	uint32_t mark;
	bool started;
	bool repeating; /* the last message was a repeated one, and so was the keyframe of its GOP
			 */
	uint64_t first;
	uint64_t next;
	struct marks_counts counts;
};

/* Maps the file, making it when there is none: NULL on error (errno is set). */
struct marks *marks_open(const char *path);
void marks_close(struct marks *marks);

/* The strings must outlive it. */
void marks_publish_init(struct marks_publish *publish, struct marks *marks, const char *app,
			const char *name);

/* One complete message of the publish. */
void marks_message(struct marks_publish *publish, uint8_t type, const uint8_t *data, uint32_t len);

/* JSON object of the whole table, streams by name. */
void marks_print(FILE *out, const struct marks *marks);

/* The members of one publish, for the report. */
void marks_print_publish(FILE *out, const struct marks_publish *publish);

#endif
