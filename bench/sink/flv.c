#include "flv.h"

#include "rtmp/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define COPIES_MAX    10000u

#define FLV_HAS_AUDIO 4
#define FLV_HAS_VIDEO 1
#define FLV_FLAGS_AT  4 /* offset of the flags in the header */

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

static void put_previous_size(struct flv *flv, uint32_t size)
{
	const uint8_t bytes[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16),
				  (uint8_t)(size >> 8), (uint8_t)size};

	put(flv, bytes, sizeof(bytes));
}

int flv_create(struct flv *flv, const char *dir, const char *app, const char *name)
{
	static const uint8_t header[] = {'F', 'L', 'V', 1, FLV_HAS_AUDIO | FLV_HAS_VIDEO,
					 0,   0,   0,   9};

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
	put(flv, header, sizeof(header));
	put_previous_size(flv, 0);
	return 0;
}

/* E.4.1: the timestamp's upper 8 bits stand behind the lower 24. */
static void put_tag_header(struct flv *flv, uint8_t type, uint32_t timestamp, uint32_t len)
{
	const uint8_t header[11] = {
		type,
		(uint8_t)(len >> 16),
		(uint8_t)(len >> 8),
		(uint8_t)len,
		(uint8_t)(timestamp >> 16),
		(uint8_t)(timestamp >> 8),
		(uint8_t)timestamp,
		(uint8_t)(timestamp >> 24),
	};

	put(flv, header, sizeof(header));
}

void flv_write(struct flv *flv, uint8_t type, uint32_t timestamp, const uint8_t *data, uint32_t len)
{
	static const char set_data_frame[] = "\x02\x00\x0d@setDataFrame";
	const uint32_t prefix = sizeof(set_data_frame) - 1;

	if (flv->file == NULL || flv->failed || len >= 1u << 24) {
		return;
	}
	flv->audio |= type == RTMP_TYPE_AUDIO;
	flv->video |= type == RTMP_TYPE_VIDEO;
	if (type == RTMP_TYPE_DATA_AMF0 && len >= prefix &&
	    memcmp(data, set_data_frame, prefix) == 0) {
		data += prefix;
		len -= prefix;
	}
	put_tag_header(flv, type, timestamp, len);
	put(flv, data, len);
	put_previous_size(flv, len + 11);
}

int flv_close(struct flv *flv)
{
	if (flv->file == NULL) {
		return 0;
	}
	uint8_t flags =
		(uint8_t)((flv->audio ? FLV_HAS_AUDIO : 0) | (flv->video ? FLV_HAS_VIDEO : 0));
	if (fseek(flv->file, FLV_FLAGS_AT, SEEK_SET) != 0) {
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
