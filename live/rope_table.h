/* The cosines and sines of rotary embedding, plain or stretched.
 *
 * Frequency i of a head of d elements is theta^(-2i/d). Stretched: "linear" divides all by the
 * factor; "llama3" divides those whose wavelength is beyond original / low_freq_factor, leaves
 * those within original / high_freq_factor and blends between (Llama 3.1); "yarn" blends by the
 * turns that a frequency makes within the original length, beta_slow to beta_fast, and multiplies
 * cosines and sines by its attention factor (Peng et al., "YaRN", 2023).
 */
#pragma once

#include "models/decoder_config.h"

/* [positions][head_dim]: the cosines of a position's head_dim / 2 angles, then the sines, as
 * kernels/transformer.h takes them. The caller frees. */
float *rope_table_new(const RopeConfig *rope, guint32 head_dim, guint32 positions);
