/* A published measurement of a server, and the run that predicts it.
 *
 * A point is what a file says of it: whose server it is, and what its benchmark sent. It becomes
 * options of `spillway run`; what the user gave goes before what the file says.
 */
#pragma once

#include "scenario/settings.h"

typedef struct {
  char *id;
  /* What points share in a group; "" where the file does not say. */
  char *card, *engine, *model, *precision;
  guint tp;
  gboolean has_experts;                        /* its model */
  guint concurrency;                           /* most requests under way; 0: no limit */
  double published_ttft_ms, published_tpot_ms; /* means; NAN: not in the file */
  double predicted_ttft_ms, predicted_tpot_ms; /* NAN: not predicted */
  GPtrArray *options;                          /* of char *: name, value, name, value … */
  char *refused;                               /* why it is not predicted; NULL: it is */
  char *doubt; /* what in its file contradicts itself, or is another run's; NULL: nothing */
} ServerPoint;

ServerPoint *server_point_new(const char *id);
void server_point_free(gpointer point);
/* `value` is printed as printf() does. */
void server_point_set(ServerPoint *point, const char *option, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* Only the first reason counts. */
void server_point_refuse(ServerPoint *point, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Adds reasons to doubt what the file says: `doubts`, of char *. */
void server_point_doubt(ServerPoint *point, const GPtrArray *doubts);
/* Where the file does not say them, the card and the model are those that the user gives. */
void server_point_name(ServerPoint *point, const Settings *given);

/* The settings of its run: the user's, then what the point says beside them. */
Settings *server_point_settings(const ServerPoint *point, const Settings *given, GError **error);
/* The same as a command line, for the caller to free. */
char *server_point_command(const ServerPoint *point, const Settings *given);

/* Which model the published name is of, and how its weights are kept: sets the options `model` and
 * `quantization`, or refuses. folder: where config.json files lie that do not ship (NULL: nowhere),
 * as NAME.json, NAME/config.json or OWNER/NAME/config.json. precision: "fp8" …, "" for what the
 * model's file or else the end of its name says (…-FP8, …-NVFP4, …-FP8-KV); detail: "fp8_block" …,
 * or "". */
void server_point_set_model(ServerPoint *point, const char *published, const char *folder,
                            const char *precision, const char *detail);
/* Sets `scheduler`: "vllm" of "0.12.0" is vllm-0.12.0. */
void server_point_set_engine(ServerPoint *point, const char *engine, const char *version);

/* Reads a file of points: a table in CSV (doc/servers.md has its columns), or what a serving
 * benchmark wrote of its run: vllm bench serve, sglang.bench_serving, AIPerf, GuideLLM. Appends to
 * `points` (of ServerPoint). Messages begin with the file, and where it has lines the line. */
gboolean server_points_read(const char *path, const char *folder, GPtrArray *points,
                            GError **error);
gboolean server_points_read_csv(const char *path, const char *folder, GPtrArray *points,
                                GError **error);
