/* Which way blocks are copied. */
#pragma once

typedef enum { COPY_OUT, COPY_IN } CopyDirection; /* to the host, from it */
