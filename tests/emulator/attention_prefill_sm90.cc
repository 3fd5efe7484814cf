#include "kernels/attention_prefill_sm90.cu"
