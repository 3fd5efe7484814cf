/* Flags of vLLM that Spillway does not have, for people who paste a deployment's command line. */
#pragma once

/* What to do instead, or NULL if it is no such flag. `name` without dashes. */
const char *vllm_flag_advice(const char *name);
