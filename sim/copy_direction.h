/* Which way blocks are copied: between the device and its host, or between the host and its disk.
 */
#pragma once

typedef enum {
  COPY_OUT,       /* from the device to the host, */
  COPY_IN,        /* and back */
  COPY_TO_DISK,   /* from the host on to the disk, */
  COPY_FROM_DISK, /* and back */
  COPY_DIRECTIONS
} CopyDirection;
