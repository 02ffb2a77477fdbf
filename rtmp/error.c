#include "rtmp/error.h"

static const char *const counters[] = {[RTMP_OK] = "ok",
#define ERROR_COUNTER(name, counter, sentence) [RTMP_ERROR_INDEX_##name] = (counter),
				       RTMP_ERRORS(ERROR_COUNTER)
#undef ERROR_COUNTER
};

static const char *const sentences[] = {[RTMP_OK] = "ok",
#define ERROR_SENTENCE(name, counter, sentence) [RTMP_ERROR_INDEX_##name] = (sentence),
					RTMP_ERRORS(ERROR_SENTENCE)
#undef ERROR_SENTENCE
};

const char *rtmp_error_counter(int code)
{
	return code <= 0 && code > -(int)RTMP_ERROR_COUNT ? counters[-code] : "rtmp_unknown_error";
}

const char *rtmp_error_sentence(int code)
{
	return code <= 0 && code > -(int)RTMP_ERROR_COUNT ? sentences[-code] : "unknown error";
}
