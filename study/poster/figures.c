/* The poster's figures 2 to 5: gnuplot scripts beside the data, and gnuplot run on them.
 *
 * A script draws into `figureN.svg`, or `figureN.png` after `gnuplot -e "form='png'"`. The colours
 * are of Okabe and Ito, which the colour-blind tell apart; lines differ in their points, too.
 */
#include "files/output.h"
#include "poster.h"

#include <string.h>

#define COMMON                                                                                     \
  "set datafile separator ','\n"                                                                   \
  "set grid linecolor rgb '#dddddd'\n"                                                             \
  "set border 3 linecolor rgb '#444444'\n"                                                         \
  "set tics nomirror\n"                                                                            \
  "set linetype 1 linecolor rgb '#0072b2' linewidth 2 pointtype 7 pointsize 0.6\n"                 \
  "set linetype 2 linecolor rgb '#d55e00' linewidth 2 pointtype 5 pointsize 0.6\n"                 \
  "set linetype 3 linecolor rgb '#009e73' linewidth 2 pointtype 9 pointsize 0.8\n"                 \
  "set linetype 4 linecolor rgb '#cc79a7' linewidth 2 pointtype 11 pointsize 0.8\n"                \
  "set linetype 5 linecolor rgb '#e69f00' linewidth 2 pointtype 13 pointsize 0.9\n"

static void
begin(GString *script, const char *name, int width, int height)
{
  g_string_append_printf(
      script,
      "# Draws %s.svg, or with: gnuplot -e \"form='png'\" %s.gp   %s.png\n"
      "if (!exists('form')) form = 'svg'\n"
      "if (form eq 'png') set terminal pngcairo size %d,%d font 'sans,10' background rgb 'white'\n"
      "if (form eq 'svg') set terminal svg size %d,%d font 'sans-serif,12' background rgb "
      "'white'\n"
      "set output '%s.' . form\n" COMMON,
      name, name, name, width, height, width, height, name);
}

/* In a single-quoted string of gnuplot. */
static void
append_title(GString *script, const PosterData *d)
{
  const char *const parts[] = {d->model_title, " on ", d->device_title};

  g_string_append(script, "set multiplot layout ROWS,2 title '");
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    for (const char *c = parts[i]; *c != '\0'; c++)
      g_string_append_c(script, g_ascii_isalnum(*c) || strchr(" .,:+-()", *c) != NULL ? *c : '-');
  g_string_append(script, "' noenhanced\n");
}

static GString *
multiplot(const PosterData *d, const char *name, int width, int height, const char *rows)
{
  GString *script = g_string_new(NULL);

  begin(script, name, width, height);
  append_title(script, d);
  g_string_replace(script, "ROWS", rows, 0);
  return script;
}

/* Figure 2: by block size, two lengths. */
static GString *
figure2(const PosterData *d)
{
  const guint32 lengths[] = {poster_lengths[d->longest > 4 ? 3 : 0],
                             poster_lengths[d->longest - 1]};
  GString *script = multiplot(d, "figure2", 900, 400, "1");

  g_string_append(script, "set logscale xy 2\nset logscale y 10\nset xtics "
                          "(1,2,4,8,16,32,64,128,256)\nset xrange [0.9:290]\n"
                          "set xlabel 'tokens a block'\nset key top right\nset format y '%g'\n");
  for (guint i = 0; i < G_N_ELEMENTS(lengths); i++)
    g_string_append_printf(
        script,
        "set title 'Evicting and restoring %u tokens'\nset ylabel 'overhead (ms)'\n"
        "plot 'figure2.csv' using ($1==%u?$2:NaN):($3*1000) title 'recompute' with linespoints lt "
        "1, "
        "'' using ($1==%u?$2:NaN):($4*1000) title 'swap, pinned' with linespoints lt 2, "
        "'' using ($1==%u?$2:NaN):($5*1000) title 'swap, pageable' with linespoints lt 5\n",
        lengths[i], lengths[i], lengths[i], lengths[i]);
  return script;
}

/* Figure 3: by tokens; on the right as a ratio, where 1 is the crossing. */
static GString *
figure3(const PosterData *d)
{
  static const struct {
    guint column, block_size, line;
  } sizes[] = {{6, 8, 5}, {7, 16, 2}, {8, 32, 3}, {11, 256, 4}};
  GString *script = multiplot(d, "figure3", 900, 400, "1");
  g_autofree char *longest = g_strdup_printf("%u", poster_lengths[d->longest - 1] / 6 * 7);

  g_string_append(script,
                  "set logscale x 2\nset logscale y 10\nset format y '%g'\n"
                  "set xtics ('256' 256,'1k' 1024,'4k' 4096,'16k' 16384,'32k' 32768)\nset xrange "
                  "[220:LONGEST]\n"
                  "set xlabel 'tokens evicted and restored'\nset key top left\n"
                  "set title 'Overhead, pinned memory'\nset ylabel 'overhead (ms)'\n"
                  "plot 'figure3.csv' using 1:($2*1000) title 'recompute' with linespoints lt 1");
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
    g_string_append_printf(
        script, ", '' using 1:($%u*1000) title 'swap, blocks of %u' with linespoints lt %u",
        sizes[i].column, sizes[i].block_size, sizes[i].line);
  g_string_append(script,
                  "\nunset logscale y\nset yrange [0:*]\n"
                  "set title 'Recomputing as a multiple of swapping'\nset ylabel ''\nplot 1 "
                  "notitle with lines linecolor rgb '#888888' dashtype 2");
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
    g_string_append_printf(
        script, ", 'figure3.csv' using 1:($2/$%u) title 'blocks of %u' with linespoints lt %u",
        sizes[i].column, sizes[i].block_size, sizes[i].line);
  g_string_append_c(script, '\n');
  g_string_replace(script, "LONGEST", longest, 0);
  return script;
}

/* Figure 4: by memory, under both readings of overhead. */
static GString *
figure4(const PosterData *d)
{
  GString *script = multiplot(d, "figure4", 900, 400, "1");
  g_autofree char *card = poster_card_text(d);

  g_string_append(
      script,
      "row(p, y) = strcol(2) eq p && strcol(3) eq 'ample' ? y : NaN\n"
      "set xlabel 'memory for KV (% of CARD)'\nset yrange [0:*]\nset xrange [8:52]\nset key "
      "top right\nset ylabel 'overhead (s)'\n"
      "set title 'Time lost against unlimited memory'\n"
      "plot 'figure4.csv' using 1:(row('recompute',$7)) title 'recompute' with linespoints lt 1, "
      "'' using 1:(row('swap',$7)) title 'swap' with linespoints lt 2\n"
      "set title 'Time spent on recomputing and copies'\n"
      "plot 'figure4.csv' using 1:(row('recompute',$8+$9)) title 'recompute' with linespoints lt "
      "1, "
      "'' using 1:(row('swap',$8+$9)) title 'swap' with linespoints lt 2\n");
  g_string_replace(script, "CARD", card, 0);
  return script;
}

/* Figure 5: throughput above, KV use below; recompute on the left. */
static GString *
figure5(const PosterData *d)
{
  GString *script = multiplot(d, "figure5", 1000, 640, "2");

  g_string_append(
      script,
      "row(p, y) = strcol(1) eq p ? y : NaN\nset key top right width -2\nset xrange [0:*]\n"
      "set logscale y 10\nset yrange RATES\nset format y '%g'\nset ylabel 'tokens a second'\n"
      "do for [p in 'recompute swap'] {\nset title p\n"
      "plot 'figure5.csv' using 2:(row(p,$4)) title 'prefilled and decoded' with steps lt 1 "
      "linewidth 1, '' using 2:(row(p,$5)) title 'output' with steps lt 5 linewidth 1\n}\n"
      "unset logscale y\nset ylabel 'KV in use (%)'\nset xlabel 'time (s)'\nset yrange [0:112]\n"
      "set ytics 0,20,100\nset key bottom left Left reverse width 0\nunset title\n"
      "do for [p in 'recompute swap'] {\n"
      "plot 'figure5.csv' using 2:(row(p,$6*100)) title 'KV in use' with steps lt 3 linewidth 1, "
      "'' using ($7>0?$2:NaN):(row(p,104)) title 'evicted' with points lt 2 pt 11 ps 0.9, "
      "'' using ($8>0?$2:NaN):(row(p,109)) title 'brought back' with points lt 4 pt 9 ps 0.9\n}\n");
  g_string_replace(script, "RATES", poster_is_own_burst(d) ? "[50:50000]" : "[*:*]", 0);
  return script;
}

static gboolean
run_gnuplot(const char *program, const char *folder, const char *script, const char *form,
            GError **error)
{
  g_autofree char *assignment = g_strdup_printf("form='%s'", form);
  const char *argv[] = {program, "-e", assignment, script, NULL};
  g_autofree char *messages = NULL;
  int status;

  if (!g_spawn_sync(folder, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                    &messages, &status, error))
    return FALSE;
  if (status == 0)
    return TRUE;
  g_set_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED, "gnuplot failed on %s: %s", script,
              g_strstrip(messages));
  return FALSE;
}

typedef struct {
  guint number;
  GString *(*script)(const PosterData *d);
} FigureScript;

static gboolean
write_script(const PosterData *d, const FigureScript *figure, const char *prefix,
             const char *folder, GError **error)
{
  g_autofree char *name = g_strdup_printf("%sfigure%u.gp", prefix, figure->number);
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autofree char *files = g_strconcat(prefix, "figure", NULL);
  g_autoptr(GString) script = figure->script(d);

  g_string_append(script, "unset multiplot\n");
  if (*prefix != '\0')
    g_string_replace(script, "figure", files, 0);
  return output_write(path, script->str, (gssize)script->len, error);
}

static gboolean
draw_figure(const char *program, const char *folder, const char *prefix, guint number,
            GError **error)
{
  g_autofree char *script = g_strdup_printf("%sfigure%u.gp", prefix, number);

  return run_gnuplot(program, folder, script, "svg", error) &&
         run_gnuplot(program, folder, script, "png", error);
}

static gboolean
draw_all(const PosterData *d, const char *prefix, const char *folder, const char *program,
         GError **error)
{
  static const FigureScript figures[] = {{2, figure2}, {3, figure3}, {4, figure4}, {5, figure5}};

  for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
    if (poster_has_figure(d, figures[i].number) &&
        (!write_script(d, &figures[i], prefix, folder, error) ||
         (program != NULL && !draw_figure(program, folder, prefix, figures[i].number, error))))
      return FALSE;
  return TRUE;
}

gboolean
poster_draw(const Poster *poster, const char *folder, GError **error)
{
  g_autofree char *program = g_find_program_in_path("gnuplot");

  if (!draw_all(poster->study, "", folder, program, error) ||
      (poster->live != NULL && !draw_all(poster->live, "live-", folder, program, error)))
    return FALSE;
  if (program == NULL)
    g_set_error(
        error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
        "gnuplot, which draws the figures, was not found; install it (Debian: gnuplot-nox), "
        "then run it on figure2.gp to figure5.gp in %s, or run this again",
        folder);
  return program != NULL;
}
