/* The views with fixed columns: questions that are asked of every file. */
#include "private.h"

const char results_fixed_views[] =
    "CREATE VIEW preemption_by_request AS"
    " SELECT request.run_id, request.request, request.id, count(*) AS preemptions,"
    "  sum(preemption.action = 'recompute') AS recomputes,"
    "  sum(preemption.action = 'swap') AS swaps, sum(preemption.fell_back) AS fallbacks,"
    "  sum(preemption.blocks) AS blocks, sum(preemption.tokens_lost) AS tokens_lost,"
    "  sum(preemption.cost_s) AS cost_s, min(preemption.time_s) AS first_s,"
    "  max(preemption.time_s) AS last_s, request.preempted_s"
    " FROM preemption JOIN request ON request.run_id = preemption.run_id"
    "  AND request.request = preemption.victim"
    " GROUP BY request.run_id, request.request;"

    /* Each victim's price against that of the other action. */
    "CREATE VIEW preemption_choice AS"
    " SELECT run_id, run.name AS run, action, count(*) AS preemptions, sum(cost_s) AS cost_s,"
    "  sum(other_cost_s) AS other_cost_s, sum(cost_s > other_cost_s) AS other_cheaper,"
    "  sum(max(cost_s - other_cost_s, 0)) AS lost_by_choice_s"
    " FROM preemption JOIN run ON run.id = run_id"
    " WHERE cost_s IS NOT NULL GROUP BY run_id, action;"

    "CREATE VIEW preemption_by_length AS"
    " SELECT run_id, prompt_tokens / 512 * 512 AS prompt_from, count(*) AS requests,"
    "  sum(preemptions) AS preemptions, avg(preemptions) AS preemptions_mean,"
    "  avg(preempted_s) AS preempted_s_mean"
    " FROM request GROUP BY run_id, prompt_from;"

    "CREATE VIEW policy AS"
    " SELECT config.value AS overflow, count(*) AS runs, avg(makespan_s) AS makespan_s,"
    "  avg(ttft_s_p99) AS ttft_s_p99, avg(itl_s_p99) AS itl_s_p99, sum(preemptions) AS preemptions"
    " FROM run JOIN config ON config.run_id = run.id AND config.key = 'overflow'"
    " WHERE \"end\" = 'done' GROUP BY overflow;"

    /* The buckets in which all but a hundredth of the pool was in use. */
    "CREATE VIEW full_pool AS"
    " SELECT run_id, run.name AS run, min(time_s) AS first_s, sum(length_s) AS full_s,"
    "  sum(length_s) / run.makespan_s AS share, max(waiting) AS waiting_max"
    " FROM series JOIN run ON run.id = run_id"
    " WHERE gpu_blocks_peak > 0.99 * run.num_gpu_blocks GROUP BY run_id;";
