noinst_LIBRARIES += libspillway-sim.a
libspillway_sim_a_SOURCES = \
  %D%/clients/client.c %D%/clients/client.h \
  %D%/cost.c %D%/cost.h \
  %D%/array.c %D%/array.h \
  %D%/clock_heap.c %D%/clock_heap.h \
  %D%/heap.h \
  %D%/contents.h \
  %D%/contents/block_ids.h \
  %D%/contents/content_key.c %D%/contents/content_key.h \
  %D%/contents/counted.c \
  %D%/contents/group_growth.c %D%/contents/group_growth.h \
  %D%/contents/groups.c %D%/contents/groups.h %D%/contents/groups_hits.c \
  %D%/contents/groups_commit.c \
  %D%/contents/groups_keys.c \
  %D%/contents/named.c \
  %D%/contents/named_blocks.c %D%/contents/named_blocks.h \
  %D%/contents/radix.c \
  %D%/contents/radix_keys.h %D%/contents/radix_node.h %D%/contents/radix_pools.c \
  %D%/contents/radix_tree.c %D%/contents/radix_tree.h \
  %D%/contents/radix_windows.c %D%/contents/radix_windows.h \
  %D%/contents/reuse.c \
  %D%/contents/runs.c %D%/contents/state_kernels.c \
  %D%/contexts.h \
  %D%/decode_clock.c %D%/decode_clock.h \
  %D%/executor.c %D%/executor.h \
  %D%/executor_model.c \
  %D%/executor_replay.c %D%/executor_replay.h \
  %D%/executor_unit.c \
  %D%/flight.c \
  %D%/instance.c %D%/instance.h \
  %D%/pipeline.c %D%/pipeline.h \
  %D%/loop.c %D%/loop.h \
  %D%/metrics.c %D%/metrics.h \
  %D%/kv_groups.c %D%/kv_groups.h \
  %D%/kv_groups_compressed.c \
  %D%/layer.c %D%/layer.h \
  %D%/layerwise.c %D%/layerwise.h \
  %D%/model.c %D%/model.h \
  %D%/observer.c %D%/observer.h \
  %D%/copy_direction.h \
  %D%/copy_link.h \
  %D%/disk.h \
  %D%/offload/offload.c %D%/offload/offload.h \
  %D%/offload/jobs.c %D%/offload/jobs.h %D%/offload/host.c \
  %D%/offload/private_tier.c %D%/offload/private_tier.h \
  %D%/offload/tier.c %D%/offload/tier.h \
  %D%/offload/arc.c %D%/offload/arc.h %D%/offload/chains.h \
  %D%/offload/offer_counts.c %D%/offload/offer_counts.h \
  %D%/pool.c %D%/pool.h \
  %D%/engines/sglang.c %D%/engines/sglang.h \
  %D%/engines/sglang_adder.c %D%/engines/sglang_adder.h \
  %D%/engines/sglang_batch.c \
  %D%/engines/sglang_ignore_eos.c \
  %D%/engines/sglang_prefill.c \
  %D%/engines/sglang_retract.c \
  %D%/engines/sglang_return.c \
  %D%/engines/sglang_windows.c \
  %D%/engines/trtllm.c %D%/engines/trtllm.h %D%/engines/trtllm_contexts.c \
  %D%/engines/trtllm_room.c \
  %D%/engines/vllm.c %D%/engines/vllm.h \
  %D%/engines/vllm_members.c \
  %D%/engines/vllm_swapped.c \
  %D%/engines/vllm_v0.c %D%/engines/vllm_v0.h \
  %D%/engines/vllm_v0_copies.c \
  %D%/engines/vllm_v0_end.c \
  %D%/engines/vllm_v0_members.c \
  %D%/engines/vllm_versions.c \
  %D%/engines/vllm_waiting.c %D%/engines/vllm_starved.c %D%/engines/vllm_states.c \
  %D%/clients/front_end.c %D%/clients/front_end.h \
  %D%/duration_histogram.c %D%/duration_histogram.h \
  %D%/mix.h \
  %D%/quantiles.c %D%/quantiles.h \
  %D%/scheduler/classes.c \
  %D%/scheduler/clock.c \
  %D%/scheduler/absent.c \
  %D%/scheduler/admission.c \
  %D%/scheduler/ahead.c \
  %D%/scheduler/copies.c %D%/scheduler/disk.c \
  %D%/scheduler/progress.c \
  %D%/scheduler/ranks.c \
  %D%/scheduler/repeats.c \
  %D%/scheduler/overflow.c \
  %D%/scheduler/victim.c \
  %D%/scheduler.c %D%/scheduler.h \
  %D%/scheduler_class.h %D%/scheduler_config.h \
  %D%/sequence.c %D%/sequence.h \
  %D%/victim_order.c %D%/victim_order.h \
  %D%/series.c %D%/series.h \
  %D%/step.c %D%/step.h \
  %D%/swap_copies.c %D%/swap_copies.h \
  %D%/clients/servers.c %D%/clients/servers.h \
  %D%/clients/turns.c %D%/clients/turns.h \
  %D%/units.h \
  %D%/waiting.c %D%/waiting.h \
  %D%/weight_format.h \
  %D%/window_pool.h \
  %D%/workload.c %D%/workload.h
