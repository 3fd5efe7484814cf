/* Within models/: the rules that the methods of quantization.c make, and the formats that they
 * share. The first rule whose pattern matches a module gives its format. */
#pragma once

#include "module_pattern.h"
#include "quantization.h"

typedef struct {
  ModulePattern *pattern;
  WeightFormat format;
} QuantizationRule;

struct Quantization {
  const char *key;    /* where it was read, for messages */
  WeightFormat plain; /* 16 bits */
  WeightFormat head;
  GArray *rules; /* of QuantizationRule: the first that matches counts */
  guint32 kv_bits;
};

/* vLLM keeps two 32-bit indices, of the inputs' order, for each input of an expert's 4-bit matrix.
 */
enum { EXPERT_ORDER_BYTES = 8 };

#define FORMAT_FP8_TENSOR ((WeightFormat){.name = "fp8", .bits = 8, .scale_bits = 32})
#define FORMAT_FP8_CHANNEL                                                                         \
  ((WeightFormat){.name = "fp8", .bits = 8, .group_rows = 1, .scale_bits = 32})
#define FORMAT_FP8_BLOCK                                                                           \
  ((WeightFormat){                                                                                 \
      .name = "fp8_block", .bits = 8, .group_rows = 128, .group_columns = 128, .scale_bits = 32})
#define FORMAT_INT8_CHANNEL                                                                        \
  ((WeightFormat){.name = "int8", .bits = 8, .group_rows = 1, .scale_bits = 32})
#define FORMAT_INT8_GROUP                                                                          \
  ((WeightFormat){                                                                                 \
      .name = "int8", .bits = 8, .group_rows = 1, .group_columns = 128, .scale_bits = 16})
#define FORMAT_INT4_GROUP                                                                          \
  ((WeightFormat){                                                                                 \
      .name = "int4", .bits = 4, .group_rows = 1, .group_columns = 128, .scale_bits = 16})
#define FORMAT_NVFP4                                                                               \
  ((WeightFormat){                                                                                 \
      .name = "nvfp4", .bits = 4, .group_rows = 1, .group_columns = 16, .scale_bits = 8})
/* Activations of 16 bits beside it. */
#define FORMAT_NVFP4_WEIGHTS                                                                       \
  ((WeightFormat){                                                                                 \
      .name = "nvfp4a16", .bits = 4, .group_rows = 1, .group_columns = 16, .scale_bits = 8})
#define FORMAT_MXFP4                                                                               \
  ((WeightFormat){                                                                                 \
      .name = "mxfp4", .bits = 4, .group_rows = 1, .group_columns = 32, .scale_bits = 8})
#define FORMAT_MXFP8                                                                               \
  ((WeightFormat){                                                                                 \
      .name = "mxfp8", .bits = 8, .group_rows = 1, .group_columns = 32, .scale_bits = 8})
#define FORMAT_NF4                                                                                 \
  ((WeightFormat){.name = "nf4", .bits = 4, .group_rows = 1, .group_columns = 64, .scale_bits = 32})

/* These return FALSE with the reader's error set. */

/* Adds a rule: `modules` (module_pattern.h) have the format. */
gboolean quantization_add(Quantization *q, const ConfigReader *reader, const char *modules,
                          WeightFormat format);
/* Adds a rule for each module of a list that stays at 16 bits; NULL: none does. */
gboolean quantization_leave_out(Quantization *q, const ConfigReader *reader, const json_t *list);

gboolean quantization_read_compressed_tensors(Quantization *q, const ConfigReader *reader,
                                              const json_t *found);
gboolean quantization_read_modelopt(Quantization *q, const ConfigReader *reader,
                                    const json_t *found);
gboolean quantization_read_quark(Quantization *q, const ConfigReader *reader, const json_t *found);
gboolean quantization_read_torchao(Quantization *q, const ConfigReader *reader,
                                   const json_t *found);
