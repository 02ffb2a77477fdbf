/*
 * Seeds of the media target: a configuration or first frame of each codec, as encoders write them
 * (tests/rtmp/test_codec.c has more), and heads of Enhanced RTMP.
 */
#include "seed.h"

#include <stdio.h>

/* In the order of the target's table of codecs. */
static const char *const codecs[] = {
	"0142c02affe100186742c02ada01e0089ea6c04400000fa4000753003c60ca8001000468ce0fc8",
	("0101600000000000000000005df000fcfdf8f819000f01210001002b420105016000000300000300000300000"
	 "300"
	 "5dd00000030000030005500000030000555a5da00280802d17"),
	"ff00115f0102538000078004380000",
	"810d8c000a1a0400000fa40003a983a4000000048480001b80e042777dff0de0",
	"f0c6009d012a800268010007",
	"824983420027f016760438241c184a10",
	"119056e500",
	"4f707573486561640102380180bb0000000000",
	"664c614300000022120012000004a30005080ac442f0000022745d105ceb212ad5d36e4f5608def3",
	"fffb9064",
};

static const struct {
	uint8_t first; /* 0: audio, 1: video */
	const char *hex;
} heads[] = {
	{0, "af001190"},
	{0, "91664c614300010203"},
	{0, "944f70757301020003"},                 /* multichannel configuration */
	{0, "97020f423f016d70346121"},             /* ModEx, nanoseconds */
	{0, "95114f7075730000000201020100000103"}, /* many tracks */
	{1, "17000000000142c02affe10000"},
	{1, "1701fffff000000001"},
	{1, "90617631308100"},
	{1, "9168766331fffff000000001"},
	{1, "936876633100000001"},
	{1, "d400"},
	{1, "9421000000617631300b02"},
	{1, "960200617663310001020304"}, /* one track */
	{1, "9621617663310000000401020304687663310100000105"},
	{1, "970000070000016176633100000001"}, /* a chain of ModEx */
	{1, "97ff000200002a016876633100000178"},
	{0, "95206d70346101000001784f7075730200000000"},
	{1, "97ff0003000102030376703039"},
};

static uint32_t digit(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void write_hex(const char *name, uint32_t number, uint8_t first, const char *hex)
{
	uint8_t bytes[256];
	char path[32];
	uint32_t len = 0;

	while (hex[0] != '\0' && hex[1] != '\0' && len < sizeof(bytes)) {
		bytes[len++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
		hex += 2;
	}
	snprintf(path, sizeof(path), "%s%u", name, number);
	write_seed("media", path, first, bytes, len);
}

void write_media(void)
{
	const uint32_t count = sizeof(codecs) / sizeof(codecs[0]);

	for (uint32_t i = 0; i < count; i++) {
		write_hex("codec", i, (uint8_t)(count + i), codecs[i]);
	}
	for (uint32_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		write_hex("head", i, heads[i].first, heads[i].hex);
	}
}
