/*
 * What onMetaData says (FLV E.5, Enhanced RTMP v2 "Enhancing onMetaData").
 */
#ifndef INSIGHT_CLAIMS_H
#define INSIGHT_CLAIMS_H

#include "stream_insight.h"

/* `data` is a data message, or its beginning. What it does not say is as if it said nothing. */
void insight_claims_read(struct insight_claims *claims, const uint8_t *data, uint32_t len);

#endif
