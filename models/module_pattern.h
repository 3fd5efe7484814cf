/* Patterns by which a quantization's lists name modules of a model:
 *   lm_head, model.layers.0.self_attn       parts of a module's path, in a row
 *   *self_attn*, model.layers.*.mlp.gate    the same with wildcards
 *   re:.*lm_head                            a regular expression from the path's beginning on
 *   Linear                                  every product
 * Modules are named from the layers on (layers.0.mlp.gate_proj); what a file puts before that
 * (model., model.language_model., backbone. …) is ignored on both sides.
 */
#pragma once

#include <glib.h>

typedef struct ModulePattern ModulePattern;

/* NULL with G_REGEX_ERROR for a faulty regular expression. */
ModulePattern *module_pattern_new(const char *text, GError **error);
gboolean module_pattern_matches(const ModulePattern *pattern, const char *module);
void module_pattern_free(ModulePattern *pattern);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModulePattern, module_pattern_free)
