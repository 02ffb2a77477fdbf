#include "flv.h"

#include "rtmp/flv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define COPIES_MAX 10000u

static size_t sanitise(const char *text, char *out, size_t size)
{
	static const char kept[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_.";
	size_t len = 0;

	for (; *text != '\0' && len + 1 < size; text++) {
		bool keep = strchr(kept, *text) != NULL && !(*text == '.' && len == 0);
		out[len++] = keep ? *text : '_';
	}
	out[len] = '\0';
	return len;
}

void flv_file_name(const char *app, const char *name, unsigned int copy,
		   char out[FLV_FILE_NAME_MAX])
{
	char safe_app[64];
	char safe_name[100];
	char suffix[16] = "";

	sanitise(app, safe_app, sizeof(safe_app));
	sanitise(name, safe_name, sizeof(safe_name));
	if (copy > 1) {
		snprintf(suffix, sizeof(suffix), "-%u", copy);
	}
	snprintf(out, FLV_FILE_NAME_MAX, "%s_%s%s.flv", safe_app, safe_name, suffix);
}

static int create_new(const char *dir, const char *app, const char *name)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0) {
		return -errno;
	}
	int rc = -EEXIST;
	for (unsigned int copy = 1; copy <= COPIES_MAX && rc == -EEXIST; copy++) {
		char file[FLV_FILE_NAME_MAX];
		flv_file_name(app, name, copy, file);
		rc = openat(dir_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0644);
		if (rc < 0) {
			rc = -errno;
		}
	}
	close(dir_fd);
	return rc;
}

static void put(struct flv *flv, const void *data, size_t len)
{
	if (fwrite(data, 1, len, flv->file) != len) {
		flv->failed = true;
	}
}

int flv_create(struct flv *flv, const char *dir, const char *app, const char *name)
{
	uint8_t header[RTMP_FLV_FILE_HEADER];

	memset(flv, 0, sizeof(*flv));
	int fd = create_new(dir, app, name);
	if (fd < 0) {
		return fd;
	}
	flv->file = fdopen(fd, "wb");
	if (flv->file == NULL) {
		close(fd);
		return -ENOMEM;
	}
	rtmp_flv_file_header(header, RTMP_FLV_HAS_AUDIO | RTMP_FLV_HAS_VIDEO);
	put(flv, header, sizeof(header));
	return 0;
}

void flv_write(struct flv *flv, uint8_t type, uint32_t timestamp, const uint8_t *data, uint32_t len)
{
	struct rtmp_flv_tag tag = rtmp_flv_tag(type, data, len);
	uint8_t header[RTMP_FLV_TAG_HEADER];
	uint8_t trailer[RTMP_FLV_TAG_TRAILER];

	if (flv->file == NULL || flv->failed || tag.type == 0) {
		return;
	}
	flv->audio |= type == RTMP_TYPE_AUDIO;
	flv->video |= type == RTMP_TYPE_VIDEO;
	rtmp_flv_tag_header(header, tag.type, timestamp, tag.length);
	rtmp_flv_tag_trailer(trailer, tag.length);
	put(flv, header, sizeof(header));
	put(flv, data + tag.skipped, tag.length);
	put(flv, trailer, sizeof(trailer));
}

int flv_close(struct flv *flv)
{
	if (flv->file == NULL) {
		return 0;
	}
	uint8_t flags = (uint8_t)((flv->audio ? RTMP_FLV_HAS_AUDIO : 0) |
				  (flv->video ? RTMP_FLV_HAS_VIDEO : 0));
	if (fseek(flv->file, RTMP_FLV_FLAGS_AT, SEEK_SET) != 0) {
		flv->failed = true;
	} else {
		put(flv, &flags, 1);
	}
	if (fclose(flv->file) != 0) {
		flv->failed = true;
	}
	flv->file = NULL;
	return flv->failed ? -1 : 0;
}
