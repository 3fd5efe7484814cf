noinst_LIBRARIES += libspillway-files.a
libspillway_files_a_SOURCES = \
  %D%/database.c %D%/database.h \
  %D%/database_schema.c \
  %D%/gunzip.c %D%/gunzip.h \
  %D%/input.c %D%/input.h \
  %D%/output.c %D%/output.h \
  %D%/replacement.c %D%/replacement.h \
  %D%/unnamed.c %D%/unnamed.h
