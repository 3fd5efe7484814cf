#include "kernels/attention_prefill.cu"
