/*
 * A session whose peer plays: asked for, decided by control, fed by the publication's worker
 * (dataplane/player.h), ended by either side. A connection that publishes does not play.
 */
#ifndef DP_SESSION_PLAY_H
#define DP_SESSION_PLAY_H

#include "dataplane/session.h"

struct player_stream;

/* Events of the RTMP library. */
void session_on_play(struct session *s, const struct rtmp_server_event *event);
void session_on_play_set(struct session *s, const struct rtmp_server_event *event);
void session_on_play_end(struct session *s, const struct rtmp_server_event *event);

/* Control accepted: this publication goes to the peer. */
void session_play(struct session *s, const struct player_stream *stream);
/* Refuses or ends the play, and the connection with it. */
void session_end_play(struct session *s, enum rtmp_play_reject why);
/* There is no more of what is played (enum play_done). */
void session_play_done(struct session *s, uint32_t done);

/* The time limit of a player. */
void session_expire_player(struct session *s);

/* Lets go of the player, if there is one. */
void session_unplay(struct session *s);

#endif
