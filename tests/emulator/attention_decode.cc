#include "kernels/attention_decode.cu"
