/* What else could have been told at each eviction of a play, as text: what is kept of the plays
 * that exhaustive.c branches from. A line an eviction: the actions, as a number of bits, and the
 * requests that could have gone, each behind a blank.
 */
#pragma once

#include "play.h"

/* The caller frees. */
char *choices_to_text(const Play *play);
/* Puts them into the play. FALSE, and nothing is put there, where the text is no such one, or
 * names another request than the first n_requests. */
gboolean choices_from_text(Play *play, const char *text, guint32 n_requests);
