# A policy is one file here and one line below.
libspillway_sim_a_SOURCES += \
  %D%/policy.c %D%/policy.h \
  %D%/overflow.c %D%/overflow.h \
  %D%/overflow/recompute.c \
  %D%/overflow/swap.c \
  %D%/overflow/threshold.c \
  %D%/victim.c %D%/victim.h \
  %D%/victim/newest.c
