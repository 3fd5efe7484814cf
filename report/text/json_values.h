/* Values of JSON that may be missing. */
#pragma once

#include <jansson.h>

/* null for NAN and infinities, which JSON has not. */
json_t *json_real_or_null(double value);
/* null for NULL; what is no UTF-8 is made so. */
json_t *json_text_or_null(const char *text);
