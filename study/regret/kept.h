/* The plays of a search, kept in a results database (table `regret_play`, and `regret_choices`
 * where the search branches from a play). A play is identified by all that decides its result, so a
 * search that is started again finds its plays and goes on. A play that is found serves as one that
 * is played.
 */
#pragma once

#include "play.h"
#include "report/results/results.h"

/* settings: of the scenario, its policies' lists included; n_requests: of its workload. */
KeptPlays *kept_plays_new(Results *results, const Settings *settings, guint32 n_requests,
                          GError **error);
void kept_plays_free(KeptPlays *kept);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeptPlays, kept_plays_free)

/* How many plays were found, and how many were added. */
guint64 kept_plays_found(const KeptPlays *kept);
guint64 kept_plays_added(const KeptPlays *kept);
/* FALSE with the first error that there was: what came after it was not kept. */
gboolean kept_plays_check(const KeptPlays *kept, GError **error);

/* For play.c: fills in a play that was kept; FALSE: it was not. Only of plays that a script decides
 * and whose notes are not PLAY_NOTES_ALL. */
gboolean kept_plays_find(KeptPlays *kept, Play *play);
/* Keeps the plays at these n places of `plays`, in one transaction. */
void kept_plays_add(KeptPlays *kept, const Play *plays, const guint *places, guint n);
