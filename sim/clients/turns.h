/* Turns of sessions: which requests wait for no other, and from when they can arrive; for client.c.
 *
 * A request is named by its place in the workload: its place among the arrivals once it has
 * arrived, some place behind those before that.
 */
#pragma once

#include "sim/workload.h"

typedef struct Turns Turns;

/* workload: borrowed, with ids; turns_place_next() changes its order to that of the arrivals. */
Turns *turns_new(Workload *workload);
void turns_free(Turns *turns);

/* From when the next request can arrive; G_MAXINT64: all that are left wait for answers. */
gint64 turns_ready_ps(const Turns *turns);
/* Moves the next request, of which there must be one, to the place behind all that have arrived. */
void turns_place_next(Turns *turns, guint32 place);
/* The next request, which is at that place, has arrived at at_ps. */
void turns_take(Turns *turns, guint32 place, gint64 at_ps);
/* The request at that place has left: those that wait for it can arrive their delays later. */
void turns_leave(Turns *turns, guint32 place, gint64 at_ps);

/* Notes of each request its session, in workload->sessions: the index, as it is now, of the first
 * of the requests that wait for one another's answers. workload: with turns. */
void turns_note_sessions(Workload *workload);
