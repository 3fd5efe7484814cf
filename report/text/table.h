/* A table of text for people: columns as wide as their widest cell, by what a terminal shows. */
#pragma once

#include <glib.h>

typedef struct Table Table;

/* columns: a letter each, 'l' left, 'r' right aligned, 'm' a mark that clings to the column before
 * it. A '|' between them is a place where table_append_within() may break. */
Table *table_new(const char *columns);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)
/* The next cell, row by row. table_take() frees it. */
void table_add(Table *table, const char *cell);
void table_take(Table *table, char *cell);
/* Appends the table, each line after `indent`, without trailing spaces. */
void table_append(const Table *table, const char *indent, GString *text);
/* The same in as many parts, one below another, as it takes for lines of `width` terminal columns,
 * but for what cannot be broken. Each part repeats the columns before the first '|'. */
void table_append_within(const Table *table, const char *indent, guint width, GString *text);
