/*
 * Who holds packet memory, for report.c: each worker, each stream.
 */
#ifndef REPORT_MEMORY_H
#define REPORT_MEMORY_H

#include <jansson.h>

#include "control.h"

json_t *report_memory_object(const struct control *control);

#endif
