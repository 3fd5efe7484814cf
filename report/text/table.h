/* A table of text for people: columns as wide as their widest cell, by what a terminal shows. */
#pragma once

#include <glib.h>

typedef struct Table Table;

/* columns: a letter each, 'l' left, 'r' right aligned, 'm' a mark that clings to the column before
 * it. */
Table *table_new(const char *columns);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)
/* The next cell, row by row. table_take() frees it. */
void table_add(Table *table, const char *cell);
void table_take(Table *table, char *cell);
/* Appends the table, each line after `indent`, without trailing spaces. */
void table_append(const Table *table, const char *indent, GString *text);
