/* What a search has played before, in a results database (table `regret_play`, and `regret_choices`
 * where it branches from a play): a play is known by all that decides it, so a search that is
 * started again finds what it played, and goes on. A search does the same with a play that is found
 * as with one that is played.
 */
#pragma once

#include "play.h"
#include "report/results/results.h"

/* settings: of the scenario, its policies' lists included; n_requests: of its workload. */
KeptPlays *kept_plays_new(Results *results, const Settings *settings, guint32 n_requests,
                          GError **error);
void kept_plays_free(KeptPlays *kept);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeptPlays, kept_plays_free)

/* How many were found, how many put there. */
guint64 kept_plays_found(const KeptPlays *kept);
guint64 kept_plays_added(const KeptPlays *kept);
/* FALSE with the first error that there was: what came after it was not kept. */
gboolean kept_plays_check(const KeptPlays *kept, GError **error);

/* For play.c: of the plays that a script decides and of which only figures or choices are wanted.
 */
gboolean kept_plays_find(KeptPlays *kept, Play *play);
/* Those at these places, in one transaction. */
void kept_plays_add(KeptPlays *kept, const Play *plays, const guint *places, guint n);
