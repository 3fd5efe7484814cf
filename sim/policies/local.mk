# A policy is one file here and one line below.
libspillway_sim_a_SOURCES += \
  %D%/policy.c %D%/policy.h \
  %D%/admission.c %D%/admission.h \
  %D%/admission/engine.c \
  %D%/admission/known_lengths.c \
  %D%/admission/no_evict.c \
  %D%/admission/past_future.c \
  %D%/admission/reserve.c \
  %D%/admission/watermark.c \
  %D%/admission/whole_prompt.c \
  %D%/overflow.c %D%/overflow.h \
  %D%/overflow/auto.c \
  %D%/overflow/offload.c \
  %D%/overflow/partial.c \
  %D%/overflow/recompute.c \
  %D%/overflow/split.c \
  %D%/overflow/swap.c \
  %D%/overflow/swap_free.c \
  %D%/overflow/threshold.c \
  %D%/price.c %D%/price.h \
  %D%/prompt_tree.c %D%/prompt_tree.h \
  %D%/router.c %D%/router.h \
  %D%/router/engine.c \
  %D%/router/least_kv.c \
  %D%/router/least_requests.c \
  %D%/router/least_tokens.c \
  %D%/router/prefix.c \
  %D%/router/random.c \
  %D%/router/round_robin.c \
  %D%/router/session.c \
  %D%/router/two_choices.c \
  %D%/routing.c %D%/routing.h \
  %D%/victim.c %D%/victim.h \
  %D%/victim/cheapest.c \
  %D%/victim/fewest_outputs.c \
  %D%/victim/least_computed.c \
  %D%/victim/least_left.c \
  %D%/victim/longest.c \
  %D%/victim/most_left.c \
  %D%/victim/newest.c \
  %D%/victim/oldest.c \
  %D%/victim/shortest.c
