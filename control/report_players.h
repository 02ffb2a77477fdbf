/*
 * Players as JSON, for penstockctl players.
 */
#ifndef REPORT_PLAYERS_H
#define REPORT_PLAYERS_H

#include <jansson.h>

#include "control.h"

json_t *report_players_array(const struct control *control);

#endif
