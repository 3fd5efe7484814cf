/* What a vLLM server said of its memory when it started.
 *
 * Read in the lines of 0.6 to 0.32, wherever they stand in a log: "Model loading took … GiB",
 * "Memory profiling takes …", "Free memory on device …", "Available KV cache memory: … GiB",
 * "GPU KV cache size: … tokens" and their forebears, and the batch sizes, ranks and switches that
 * it was started with. Of a line that several workers write, the first counts.
 */
#pragma once

#include <glib.h>

#define STARTUP_LOG_ERROR (startup_log_error_quark())
GQuark startup_log_error_quark(void);
typedef enum { STARTUP_LOG_ERROR_OPEN, STARTUP_LOG_ERROR_EMPTY } StartupLogError;

/* In GiB a device; NAN where the log does not say. */
typedef struct {
  char *version;      /* "0.19.0"; NULL: not said */
  int prefix_caching; /* FALSE, TRUE; -1: not said */
  int eager;          /* the same */
  char *speculation;  /* the method; NULL: none, or not said */
  double total, utilization, usable;
  double weights;
  double activation; /* where `consumed` is said, CUDA graphs are in it */
  double non_torch;
  double consumed; /* weights and what is not PyTorch's, together (0.27 and later) */
  double graphs;   /* as estimated before the pool was sized */
  double kv;
  double max_model_len;          /* tokens */
  double max_num_batched_tokens; /* tokens */
  double max_num_seqs, tensor_parallel_size;
  double speculative_tokens;
  double kv_tokens; /* tokens */
} StartupLog;

/* NULL, and a message, where the file cannot be read or says nothing of memory. */
StartupLog *startup_log_read(const char *path, GError **error);
void startup_log_free(StartupLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StartupLog, startup_log_free)
