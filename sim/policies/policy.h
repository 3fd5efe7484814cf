/* What every policy's entry begins with, and the kinds of policies that there are.
 *
 * An entry has a name, a line of help and options of its own; the command line, study files, the
 * lists, the help and the results' settings follow from them. A policy reads its options by their
 * place in its table.
 */
#pragma once

#include <glib.h>

typedef struct {
  const char *name;     /* of the long option; no other option has it */
  const char *argument; /* what the help calls its value */
  const char *help;
  double fallback; /* its value where it is not given */
  double min, max;
  gboolean whole; /* only whole numbers */
} PolicyOption;

#define POLICY_OPTIONS_MAX 4

typedef struct {
  const char *name;
  const char *help;
  gboolean is_bound; /* it knows or gets what no server can: the others are compared with it */
  PolicyOption options[POLICY_OPTIONS_MAX + 1]; /* up to the first without a name */
} Policy;

/* For the tables: makes the name of an entry an element of an array. */
#define POLICY_ENTRY(name) &name,

/* The values of an entry's options, in the order of its table. */
typedef struct {
  double of[POLICY_OPTIONS_MAX];
} PolicyValues;

/* The kinds before the router decide within an engine. */
typedef enum {
  POLICY_OVERFLOW,
  POLICY_VICTIM,
  POLICY_ADMISSION,
  POLICY_ROUTER,
  POLICY_KINDS,
  POLICY_ENGINE_KINDS = POLICY_ROUTER
} PolicyKindIndex;

typedef struct {
  const char *option;              /* whose value names an entry */
  const char *plural;              /* for the lists */
  const char *help;                /* what the policy decides */
  const Policy *(*entry)(guint i); /* NULL behind the last; the first is the default */
} PolicyKind;

extern const PolicyKind policy_kinds[POLICY_KINDS];

/* The entry of that name; NULL: there is none. */
const Policy *policy_find(const PolicyKind *kind, const char *name);

/* TRUE if the entry of that name is a bound; FALSE, too, if there is none. */
gboolean policy_is_bound(const PolicyKind *kind, const char *name);
/* TRUE if `option` names a policy of some kind and `value` is one that is a bound. */
gboolean policy_setting_is_bound(const char *option, const char *value);
#define POLICY_BOUND_LABEL " (a bound)" /* behind its name, wherever people read it */

/* An option and the policy that it belongs to. */
typedef struct {
  const PolicyKind *kind;
  const Policy *policy;
  const PolicyOption *option;
} PolicyOptionPlace;

/* The n-th of all policies' options; FALSE behind the last. */
gboolean policy_option_at(guint n, PolicyOptionPlace *place);

/* Every option's fallback. */
PolicyValues policy_fallbacks(const Policy *policy);
