#include "marks.h"

#include "bench/common/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKS_MAGIC UINT64_C(0x314b52414d4b4e49)

struct marks *marks_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;
	void *at;

	if (fd < 0) {
		return NULL;
	}
	if (fstat(fd, &st) != 0 || (st.st_size == 0 && ftruncate(fd, sizeof(struct marks)) != 0)) {
		at = MAP_FAILED;
	} else if (st.st_size != 0 && st.st_size != sizeof(struct marks)) {
		errno = EINVAL;
		at = MAP_FAILED;
	} else {
		at = mmap(NULL, sizeof(struct marks), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	close(fd);
	if (at == MAP_FAILED) {
		return NULL;
	}
	struct marks *marks = at;
	if (marks->magic != 0 && marks->magic != MARKS_MAGIC) {
		marks_close(marks);
		errno = EINVAL;
		return NULL;
	}
	marks->magic = MARKS_MAGIC;
	return marks;
}

void marks_close(struct marks *marks)
{
	munmap(marks, sizeof(*marks));
}

void marks_publish_init(struct marks_publish *p, struct marks *marks, const char *app,
			const char *name)
{
	*p = (struct marks_publish){
		.marks = marks,
		.app = app,
		.name = name,
		.mark = mark_stream(name),
	};
}

static struct marks_stream *find_stream(struct marks *marks, const char *name, uint32_t incarnation)
{
	for (uint32_t i = 0; i < MARKS_STREAMS; i++) {
		struct marks_stream *s = &marks->streams[i];

		if (s->name[0] == '\0') {
			snprintf(s->name, sizeof(s->name), "%s", name);
			s->incarnation = incarnation;
			return s;
		}
		if (s->incarnation == incarnation && strcmp(s->name, name) == 0) {
			return s;
		}
	}
	return NULL;
}

/* The stream of the mark; a publish goes over to a new incarnation only by a new connection. */
static struct marks_stream *stream_of(struct marks_publish *p, uint32_t incarnation)
{
	char name[MARKS_NAME];

	if (p->stream != NULL && p->stream->incarnation == incarnation) {
		return p->stream;
	}
	snprintf(name, sizeof(name), "%s/%s", p->app, p->name);
	p->stream = find_stream(p->marks, name, incarnation);
	p->started = false;
	p->repeating = false;
	if (p->stream != NULL) {
		p->stream->publishes++;
	} else {
		p->marks->lost++;
	}
	return p->stream;
}

static void raise_to(uint64_t *most, uint64_t value)
{
	*most = value > *most ? value : *most;
}

/* A GOP is repeated as a whole when its keyframe and all up to the next one came before. */
static void count_repeated(struct marks_publish *p, const struct mark *mark, bool again)
{
	struct marks_counts *all = &p->stream->counts;
	bool keyframe = mark->number == mark->keyframe;

	if (keyframe && p->repeating) {
		p->counts.repeated_gops++;
	}
	p->repeating = again && (keyframe || p->repeating);
	p->counts.repeated += again;
	all->repeated += again;
	raise_to(&all->repeated_max, p->counts.repeated);
	raise_to(&all->repeated_gops, p->counts.repeated_gops);
}

/* What one publish brings has to be one run of numbers. */
static void count_order(struct marks_publish *p, uint64_t number)
{
	struct marks_counts *all = &p->stream->counts;

	if (!p->started) {
		p->started = true;
		p->first = number;
	} else if (number < p->next) {
		p->counts.backward++;
		all->backward++;
	} else {
		p->counts.skipped += number - p->next;
		all->skipped += number - p->next;
	}
	p->next = number + 1;
}

static void count_number(struct marks_publish *p, const struct mark *mark)
{
	struct marks_stream *s = stream_of(p, mark->incarnation);

	if (s == NULL) {
		return;
	}
	if (mark->number == MARK_NO_NUMBER) {
		p->counts.headers++;
		s->counts.headers++;
		return;
	}
	p->counts.messages++;
	s->counts.messages++;
	count_order(p, mark->number);
	count_repeated(p, mark, !ranges_add(&s->seen, mark->number));
	s->last = mark->number;
	s->last_keyframe = mark->keyframe;
}

static void count_foreign(struct marks_publish *p, uint64_t messages, uint64_t bytes)
{
	p->counts.foreign_messages += messages;
	p->counts.foreign_bytes += bytes;
	/* Without a stream yet there is nobody to charge but the first incarnation. */
	struct marks_stream *s = p->stream != NULL ? p->stream : stream_of(p, 0);
	if (s != NULL) {
		s->counts.foreign_messages += messages;
		s->counts.foreign_bytes += bytes;
	}
}

void marks_message(struct marks_publish *p, uint8_t type, const uint8_t *data, uint32_t len)
{
	uint32_t offset = mark_offset(type, len);
	struct mark mark;

	if (offset == UINT32_MAX || !mark_read(&mark, data + offset, len - offset)) {
		count_foreign(p, 0, len);
		return;
	}
	if (mark.stream != p->mark) {
		count_foreign(p, 1, len);
		return;
	}
	count_number(p, &mark);
	uint32_t foreign = mark_foreign_bytes(&mark, data + offset, len - offset);
	if (foreign > 0) {
		count_foreign(p, 0, foreign);
	}
}
