/* The other choices at each eviction of a play, as text: what is kept of the plays that
 * exhaustive.c branches from. One line an eviction: the possible actions, as a number whose bits
 * stand for them, and the possible victims, each behind a blank.
 */
#pragma once

#include "play.h"

/* The caller frees. */
char *choices_to_text(const Play *play);
/* Reads the text into the play. FALSE, and nothing is changed, where the text has another form, or
 * names a request beyond the first n_requests. */
gboolean choices_from_text(Play *play, const char *text, guint32 n_requests);
