noinst_LIBRARIES += libspillway-files.a
libspillway_files_a_SOURCES = \
  %D%/database.c %D%/database.h \
  %D%/database_schema.c \
  %D%/output.c %D%/output.h
