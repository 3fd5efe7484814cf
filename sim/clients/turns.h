/* Turns of sessions: which requests have nobody to wait for any more, and from when; for client.c.
 *
 * A request is known by its place in the workload: that among the arrivals once it has arrived;
 * before that, any behind those.
 */
#pragma once

#include "sim/workload.h"

typedef struct Turns Turns;

/* The workload's own order is given up: turns_take() makes that of the arrivals. */
Turns *turns_new(Workload *workload);
void turns_free(Turns *turns);

/* From when the next request can arrive; G_MAXINT64: all that are left wait for an answer. */
gint64 turns_ready_ps(const Turns *turns);
/* There is such a request: it gets the place `place`, behind all that have arrived, */
void turns_place_next(Turns *turns, guint32 place);
/* and arrives at at_ps. */
void turns_take(Turns *turns, guint32 place, gint64 at_ps);
/* The request at that place has left: those that wait for it are ready a while later. */
void turns_leave(Turns *turns, guint32 place, gint64 at_ps);
