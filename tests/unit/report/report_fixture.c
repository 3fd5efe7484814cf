#include "report_fixture.h"

#include "sim/units.h"

#include <glib/gstdio.h>
#include <string.h>

char *
in_folder(Fixture *f, const char *name)
{
  return g_build_filename(f->folder, name, NULL);
}

void
setup(Fixture *f, gconstpointer data)
{
  const Request request = {.arrival_ps = PS_PER_S / 8, .prompt_tokens = 40, .output_tokens = 9};

  (void)data;
  f->folder = g_dir_make_tmp("spillway-report-XXXXXX", NULL);
  g_assert_nonnull(f->folder);
  f->workload = workload_new();
  workload_add(f->workload, &request, "7", NULL);
  workload_add(f->workload, &request, "a \"b\", c", NULL);
  workload_add(f->workload, &request, "9", NULL);
  g_assert_true(workload_seal(f->workload, NULL));
  f->config = json_pack("{s:s, s:s, s:s, s:i, s:{s:s, s:f}, s:b}", "model", "llama-2-7b", "device",
                        "a100-40gb", "overflow", "swap", "block_size", 16, "profile", "name", "p1",
                        "clock", 1.5, "async", 0);
}

void
teardown(Fixture *f, gconstpointer data)
{
  g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
  const char *name;

  (void)data;
  while ((name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = in_folder(f, name);
    g_remove(path);
  }
  g_rmdir(f->folder);
  g_free(f->folder);
  workload_free(f->workload);
  json_decref(f->config);
}

void
drive(Observer *observer, RunEnd end)
{
  g_autoptr(Step) step = step_new(2, 2);
  const StepEntry entries[] = {{0, 40, 0, 0, ENTRY_NEW, 1}, {1, 1, 41, 0, ENTRY_DECODE, 1}};
  const StepVictim victim = {.request = 2, .beneficiary = 1, .blocks = 3, .action = OVERFLOW_SWAP};
  const StepVictim second = {.request = 1, .beneficiary = 1, .blocks = 2, .tokens_lost = 30};
  const StepSwapIn back = {.request = 1, .blocks = 2};
  const StepHit hit = {.request = 0, .tokens = 16};
  const guint32 finished[] = {1};
  const RequestResult results[] = {{.request = 1,
                                    .status = STATUS_FINISHED,
                                    .arrival_ps = PS_PER_S / 8,
                                    .first_scheduled_ps = PS_PER_S,
                                    .first_token_ps = 2 * PS_PER_S,
                                    .last_token_ps = 5 * PS_PER_S + 1,
                                    .finish_ps = 5 * PS_PER_S + 1,
                                    .prompt_tokens = 40,
                                    .generated_tokens = 9,
                                    .preemptions = 1},
                                   {.request = 2,
                                    .status = STATUS_IGNORED,
                                    .arrival_ps = PS_PER_S / 8,
                                    .first_scheduled_ps = -1,
                                    .first_token_ps = -1,
                                    .last_token_ps = -1,
                                    .finish_ps = PS_PER_S,
                                    .prompt_tokens = 40}};
  const RunOutcome outcome = {.end = end,
                              .reason = end == RUN_DONE ? "" : "no room on the host",
                              .last_step = 4,
                              .lines = 5,
                              .preemptions = 2,
                              .finished = 1,
                              .ignored = 1,
                              .tokens = 8,
                              .unfinished = 1,
                              .peak_host_blocks = 3,
                              .end_ps = 6 * PS_PER_S};
  StepReport report = {.step = step,
                       .repeats = 1,
                       .start_ps = PS_PER_S,
                       .first_ps = PS_PER_S,
                       .elapsed_ps = PS_PER_S,
                       .tokens = 2};

  g_array_append_vals(step->entries, entries, 2);
  step->n_sequences = 2;
  g_array_append_val(step->victims, victim);
  g_array_append_val(step->victims, second);
  g_array_append_val(step->swapped_in, back);
  g_array_append_val(step->hits, hit);
  g_array_append_val(step->ignored, victim.request);
  step->gpu_free_blocks = 9;
  step->host_free_blocks = 2;
  step->running = 2;
  if (observer->step != NULL)
    observer->step(observer, &report);
  step_clear(step, &(ContextWindows){.n = 0});
  g_array_append_vals(step->entries, &entries[1], 1);
  step->n_sequences = 1;
  step->grown[0] = 1;
  step->grown[1] = 3;
  step->repeat = 9;
  report = (StepReport){.step = step,
                        .step_index = 1,
                        .repeats = 3,
                        .start_ps = 2 * PS_PER_S,
                        .first_ps = PS_PER_S / 2,
                        .growth_ps = 1,
                        .tokens = 1,
                        .elapsed_ps = 3 * PS_PER_S / 2 + 3,
                        .finished = finished,
                        .n_finished = 1,
                        .gpu_free_end_blocks = 10,
                        .gpu_unheld_end_blocks = 10};
  if (observer->step != NULL)
    observer->step(observer, &report);
  step_clear(step, &(ContextWindows){.n = 0});
  report = (StepReport){.step = step, .step_index = 4, .repeats = 1, .start_ps = 6 * PS_PER_S};
  if (observer->step != NULL) /* an empty step: no line */
    observer->step(observer, &report);
  step->abort = "RuntimeError: \"no\" space";
  g_array_append_val(step->victims, victim);
  if (observer->step != NULL && end == RUN_ABORT)
    observer->step(observer, &report);
  for (guint i = 0; observer->request != NULL && i < G_N_ELEMENTS(results); i++)
    observer->request(observer, &results[i]);
  if (observer->end != NULL)
    observer->end(observer, &outcome);
}

RunRecord
make_record(Fixture *f, const char *name, double scale)
{
  RunRecord record = {.name = name,
                      .num_gpu_blocks = 5400,
                      .num_cpu_blocks = 2048,
                      .wall_s = 0.0213,
                      .config = f->config};
  Summary *sum = &record.summary;
  Quantiles q = {1.25 * scale, 0.8 * scale, 3.1 * scale, 4.2 * scale, 7.75 * scale, 9.1 * scale};

  *sum = (Summary){.requests = 1000,
                   .finished = 1000,
                   .end_reason = (char *)"",
                   .makespan_ps = (gint64)(183.2 * scale * PS_PER_S),
                   .requests_per_s = 5.46 / scale,
                   .output_tokens_per_s = 2490.1 / scale,
                   .ttft_s = q,
                   .e2e_s = q,
                   .queue_s = q,
                   .preemptions = 123,
                   .preempted_requests = 45,
                   .recomputed_tokens = 123456,
                   .overhead_recompute_ps = 3 * PS_PER_S,
                   .peak_gpu_blocks = 5400,
                   .steps = 12345,
                   .output_tokens = 456789,
                   .prompt_tokens = 1234567,
                   .busy_ps = (gint64)(180 * scale * PS_PER_S),
                   .mean_batch = 33.25};
  sum->tpot_s = sum->itl_s = (Quantiles){0.031, 0.03, 0.035, 0.036, 0.0412, 0.9};
  for (guint c = 0; c < 4; c++)
    sum->component_ps[c] = sum->busy_ps / 4;
  sum->measured_ps = sum->busy_ps / 4 * 3;
  return record;
}
