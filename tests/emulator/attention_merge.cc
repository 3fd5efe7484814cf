#include "kernels/attention_merge.cu"
