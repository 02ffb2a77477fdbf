#include "rtmp/media.h"

#include <string.h>

#include "rtmp/message.h"
#include "wire.h"

enum {
	SOUND_EX = 9,
	SOUND_AAC = 10,
	VIDEO_EX = 0x80, /* first bit of an ExVideoTagHeader */
	PACKET_SEQUENCE_START = 0,
	PACKET_CODED = 1,
	PACKET_CODED_X = 3, /* video: without composition time */
	PACKET_MODEX = 7,
	MODEX_OFFSET_NANO = 0,
	MODEX_LONG = 256, /* a size that stands for one of 16 bits */
	NANO_MAX = 999999,
	COMPOSITION = 3, /* bytes of composition time */
};

/* Packet types as they stand on the wire; Multitrack and ModEx are no packets of their own. */
static const uint8_t audio_packets[16] = {
	[PACKET_SEQUENCE_START] = RTMP_PACKET_SEQUENCE_START,
	[PACKET_CODED] = RTMP_PACKET_CODED,
	[2] = RTMP_PACKET_SEQUENCE_END,
	[4] = RTMP_PACKET_MULTICHANNEL,
};

static const uint8_t video_packets[16] = {
	[PACKET_SEQUENCE_START] = RTMP_PACKET_SEQUENCE_START,
	[PACKET_CODED] = RTMP_PACKET_CODED,
	[2] = RTMP_PACKET_SEQUENCE_END,
	[PACKET_CODED_X] = RTMP_PACKET_CODED,
	[4] = RTMP_PACKET_METADATA,
	[5] = RTMP_PACKET_MPEG2TS_START,
};

/* How an Enhanced RTMP head of one medium is read. */
struct medium {
	const uint8_t *packets;
	uint8_t multitrack; /* packet type */
	bool video;
};

static const struct medium audio_medium = {.packets = audio_packets, .multitrack = 5};
static const struct medium video_medium = {
	.packets = video_packets, .multitrack = 6, .video = true};

/* Where an Enhanced RTMP head is read. */
struct head {
	const uint8_t *data;
	uint32_t len;
	uint32_t at;
	uint8_t type; /* packet type last read */
};

static bool has(const struct head *h, uint32_t bytes)
{
	return bytes <= h->len - h->at;
}

/* The three bytes of SI24. */
static int32_t get_si24(const uint8_t *p)
{
	return (int32_t)(rtmp_get_be24(p) << 8) >> 8;
}

static bool has_composition(uint32_t codec)
{
	return codec == RTMP_CODEC_AVC || codec == RTMP_CODEC_HEVC || codec == RTMP_CODEC_VVC;
}

/* Size of the data of a ModEx, which is in front of them; 0 when it is not all there. */
static uint32_t modex_size(struct head *h)
{
	uint32_t size;

	if (!has(h, 1)) {
		return 0;
	}
	size = h->data[h->at++] + 1u;
	if (size == MODEX_LONG) {
		if (!has(h, 2)) {
			return 0;
		}
		size = rtmp_get_be16(h->data + h->at) + 1;
		h->at += 2;
	}
	return size;
}

static void take_modex(struct rtmp_media *m, uint8_t type, const uint8_t *data, uint32_t size)
{
	m->modex = m->modex < UINT8_MAX ? (uint8_t)(m->modex + 1) : UINT8_MAX;
	if (type == MODEX_OFFSET_NANO && size >= 3 && rtmp_get_be24(data) <= NANO_MAX) {
		m->offset_ns = rtmp_get_be24(data);
	}
}

/* "Process each ModEx data packet": leaves the packet type behind them. */
static int read_modex(struct rtmp_media *m, struct head *h)
{
	while (h->type == PACKET_MODEX) {
		uint32_t size = modex_size(h);

		if (size == 0 || size >= h->len || !has(h, size + 1)) {
			return RTMP_MEDIA_SHORT;
		}
		take_modex(m, h->data[h->at + size] >> 4, h->data + h->at, size);
		h->type = h->data[h->at + size] & 0x0f;
		h->at += size + 1;
	}
	return RTMP_MEDIA_OK;
}

static int read_fourcc(struct rtmp_media *m, struct head *h)
{
	if (!has(h, 4)) {
		return RTMP_MEDIA_SHORT;
	}
	m->codec = rtmp_get_be32(h->data + h->at);
	h->at += 4;
	return RTMP_MEDIA_OK;
}

/* The id of the first track, which of many is not stepped over: rtmp_tracks_next() reads it. */
static int read_track(struct rtmp_media *m, struct head *h)
{
	uint32_t id = m->multitrack == RTMP_TRACKS_MANY_CODECS ? 4 : 0;

	if (!has(h, id + 1)) {
		return RTMP_MEDIA_SHORT;
	}
	m->track = h->data[h->at + id];
	h->at += m->multitrack == RTMP_TRACKS_ONE;
	return RTMP_MEDIA_OK;
}

static int read_multitrack(struct rtmp_media *m, const struct medium *medium, struct head *h)
{
	int rc = RTMP_MEDIA_OK;

	if (!has(h, 1)) {
		return RTMP_MEDIA_SHORT;
	}
	h->type = h->data[h->at] & 0x0f;
	m->multitrack = (uint8_t)((h->data[h->at] >> 4) + RTMP_TRACKS_ONE);
	h->at++;
	if (h->type == medium->multitrack || h->type == PACKET_MODEX ||
	    m->multitrack > RTMP_TRACKS_MANY_CODECS) {
		return RTMP_MEDIA_INVALID;
	}
	if (m->multitrack != RTMP_TRACKS_MANY_CODECS) {
		rc = read_fourcc(m, h);
	}
	return rc == RTMP_MEDIA_OK ? read_track(m, h) : rc;
}

/* Coded frames of these have it, of video, in front of them. */
static void read_composition(struct rtmp_media *m, const struct medium *medium, struct head *h)
{
	if (!medium->video || h->type != PACKET_CODED || m->multitrack > RTMP_TRACKS_ONE ||
	    !has_composition(m->codec)) {
		return;
	}
	if (has(h, COMPOSITION)) {
		m->composition_ms = get_si24(h->data + h->at);
		h->at += COMPOSITION;
	} else {
		h->at = h->len;
	}
}

static int read_enhanced(struct rtmp_media *m, const struct medium *medium, const uint8_t *data,
			 uint32_t len)
{
	struct head h = {.data = data, .len = len, .at = 1, .type = data[0] & 0x0f};
	int rc = read_modex(m, &h);

	m->enhanced = true;
	if (rc != RTMP_MEDIA_OK) {
		return rc;
	}
	if (m->frame == RTMP_FRAME_COMMAND && medium->packets[h.type] != RTMP_PACKET_METADATA) {
		m->packet = RTMP_PACKET_COMMAND;
		m->body = h.at;
		return RTMP_MEDIA_OK;
	}
	rc = h.type == medium->multitrack ? read_multitrack(m, medium, &h) : read_fourcc(m, &h);
	if (rc != RTMP_MEDIA_OK) {
		return rc;
	}
	m->packet = medium->packets[h.type];
	read_composition(m, medium, &h);
	m->composition_inside = h.type == PACKET_CODED && medium->video;
	m->body = h.at;
	return m->packet == RTMP_PACKET_UNKNOWN ? RTMP_MEDIA_INVALID : RTMP_MEDIA_OK;
}

static int read_audio(struct rtmp_media *m, const uint8_t *data, uint32_t len)
{
	static const uint32_t codecs[16] = {
		RTMP_CODEC_PCM,        RTMP_CODEC_ADPCM,      RTMP_CODEC_MP3,
		RTMP_CODEC_PCM,        RTMP_CODEC_NELLYMOSER, RTMP_CODEC_NELLYMOSER,
		RTMP_CODEC_NELLYMOSER, RTMP_CODEC_ALAW,       RTMP_CODEC_MULAW,
		RTMP_CODEC_NONE,       RTMP_CODEC_AAC,        RTMP_CODEC_SPEEX,
		RTMP_CODEC_NONE,       RTMP_CODEC_NONE,       RTMP_CODEC_MP3,
		RTMP_CODEC_NONE,
	};

	if (data[0] >> 4 == SOUND_EX) {
		return read_enhanced(m, &audio_medium, data, len);
	}
	m->codec = codecs[data[0] >> 4];
	m->sound = data[0] & 0x0f;
	m->body = 1;
	if (data[0] >> 4 != SOUND_AAC) {
		m->packet = RTMP_PACKET_CODED;
		return RTMP_MEDIA_OK;
	}
	if (len < 2) {
		return RTMP_MEDIA_SHORT;
	}
	m->body = 2;
	if (data[1] > PACKET_CODED) {
		return RTMP_MEDIA_INVALID;
	}
	m->packet = data[1] == 0 ? RTMP_PACKET_SEQUENCE_START : RTMP_PACKET_CODED;
	return RTMP_MEDIA_OK;
}

/* AVCPacketType and composition time; HEVC and AV1 have them too where they are numbered. */
static int read_nalu_video(struct rtmp_media *m, const uint8_t *data, uint32_t len)
{
	if (len < 2) {
		return RTMP_MEDIA_SHORT;
	}
	m->body = len < 5 ? len : 5;
	if (data[1] > 2) {
		return RTMP_MEDIA_INVALID;
	}
	m->packet = video_packets[data[1]];
	if (data[1] == PACKET_CODED && len >= 5) {
		m->composition_ms = get_si24(data + 2);
	}
	return RTMP_MEDIA_OK;
}

static int read_video(struct rtmp_media *m, const uint8_t *data, uint32_t len)
{
	/* 12 and 13 are not in the specification: common before Enhanced RTMP. */
	static const uint32_t codecs[16] = {
		[2] = RTMP_CODEC_SORENSON, [3] = RTMP_CODEC_SCREEN,  [4] = RTMP_CODEC_VP6,
		[5] = RTMP_CODEC_VP6A,     [6] = RTMP_CODEC_SCREEN2, [7] = RTMP_CODEC_AVC,
		[12] = RTMP_CODEC_HEVC,    [13] = RTMP_CODEC_AV1,
	};

	m->frame = (data[0] >> 4) & 7;
	if (data[0] & VIDEO_EX) {
		return read_enhanced(m, &video_medium, data, len);
	}
	m->codec = codecs[data[0] & 0x0f];
	m->body = 1;
	if (m->frame == RTMP_FRAME_COMMAND) {
		m->packet = RTMP_PACKET_COMMAND;
		return RTMP_MEDIA_OK;
	}
	if (m->codec == RTMP_CODEC_AVC || m->codec == RTMP_CODEC_HEVC ||
	    m->codec == RTMP_CODEC_AV1) {
		return read_nalu_video(m, data, len);
	}
	m->packet = RTMP_PACKET_CODED;
	return RTMP_MEDIA_OK;
}

int rtmp_media_read(struct rtmp_media *media, uint8_t type, const uint8_t *data, uint32_t len)
{
	memset(media, 0, sizeof(*media));
	if (type == RTMP_TYPE_AUDIO) {
		if (len == 0) {
			media->packet = RTMP_PACKET_SILENCE;
			return RTMP_MEDIA_OK;
		}
		return read_audio(media, data, len);
	}
	if (type != RTMP_TYPE_VIDEO || len == 0) {
		return RTMP_MEDIA_INVALID;
	}
	return read_video(media, data, len);
}

void rtmp_tracks_init(struct rtmp_tracks *tracks, const struct rtmp_media *media, uint32_t total)
{
	tracks->media = *media;
	tracks->total = total;
	tracks->at = media->body;
	tracks->over = media->body > total;
}

static int next_single(struct rtmp_tracks *tracks, struct rtmp_track *track)
{
	const struct rtmp_media *m = &tracks->media;

	tracks->over = true;
	*track = (struct rtmp_track){
		.codec = m->codec,
		.body = m->body,
		.length = tracks->total - m->body,
		.composition_ms = m->composition_ms,
		.id = m->track,
	};
	return 1;
}

/* Bytes of the track's head up to its size, which is their last part. */
static uint32_t head_size(const struct rtmp_media *m)
{
	return m->multitrack == RTMP_TRACKS_MANY_CODECS ? 8 : 4;
}

/* Composition time belongs to the size of the track. */
static void split_composition(const struct rtmp_media *m, const uint8_t *data, uint32_t len,
			      struct rtmp_track *track)
{
	if (!m->composition_inside || !has_composition(track->codec) ||
	    track->length < COMPOSITION || len < COMPOSITION) {
		return;
	}
	track->composition_ms = get_si24(data);
	track->body += COMPOSITION;
	track->length -= COMPOSITION;
}

int rtmp_tracks_next(struct rtmp_tracks *tracks, const uint8_t *data, uint32_t len,
		     struct rtmp_track *track)
{
	const struct rtmp_media *m = &tracks->media;
	uint32_t head = head_size(m);

	if (tracks->over || (m->multitrack > RTMP_TRACKS_ONE && tracks->at == tracks->total)) {
		return 0;
	}
	if (m->multitrack <= RTMP_TRACKS_ONE) {
		return next_single(tracks, track);
	}
	*track = (struct rtmp_track){.codec = m->codec, .body = tracks->at + head};
	tracks->over = true; /* unless all is well */
	if (len < head || head > tracks->total - tracks->at) {
		return RTMP_MEDIA_INVALID;
	}
	if (m->multitrack == RTMP_TRACKS_MANY_CODECS) {
		track->codec = rtmp_get_be32(data);
	}
	track->id = data[head - 4];
	track->length = rtmp_get_be24(data + head - 3);
	if (track->length > tracks->total - track->body) {
		return RTMP_MEDIA_INVALID;
	}
	tracks->at = track->body + track->length;
	tracks->over = false;
	split_composition(m, data + head, len - head, track);
	return 1;
}

void rtmp_fourcc_text(uint32_t fourcc, char out[RTMP_FOURCC_TEXT])
{
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t c = (uint8_t)(fourcc >> (24 - 8 * i));

		out[i] = (char)(c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?');
	}
	out[4] = '\0';
}
