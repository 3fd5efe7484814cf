# Growth curves from bench.csv, in the folder where gnuplot is started: time a request against the number of
# requests and against the output's length, both logarithmic; flat is what is wanted. The colours are told apart by
# all eyes (Okabe and Ito), and the lines by their marks too.
#   gnuplot -e "out='growth.svg'" growth.gnuplot
if (!exists("out")) out = "growth.svg"
if (strstrt(out, ".png") > 0) {
  set terminal pngcairo size 900,420 background rgb 'white'
} else {
  set terminal svg size 900,420 background rgb 'white' font 'sans-serif,13'
}
set output out
set datafile separator ','
set datafile missing NaN # rows of other figures do not break a line
set multiplot layout 1,2
set logscale x
set yrange [0:*]
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set format y '%.1f'
set ytics 0.1
set key bottom right
set ylabel 'µs a request'

# A row of that figure: its size, or nothing to draw.
x(figure) = stringcolumn(1) eq figure ? column(3) : NaN

set title 'Number of requests'
set format x '10^{%T}'
plot 'bench.csv' using (x('time a request')):($6 / 1e3) skip 1 with linespoints pt 7 lw 2 lc rgb '#0072b2' title "processor's time", \
     '' using (x('time a request')):($5 / 1e3) skip 1 with linespoints pt 4 lw 1 dt 2 lc rgb '#e69f00' title 'on the wall'
set title 'Mean length of outputs, tokens'
set format x '%g'
set xtics (50, 100, 200, 500, 1000, 2000)
set xrange [40:2500]
plot 'bench.csv' using (x('output length')):($6 / 1e3) skip 1 with linespoints pt 7 lw 2 lc rgb '#0072b2' title "processor's time", \
     '' using (x('output length')):($5 / 1e3) skip 1 with linespoints pt 4 lw 1 dt 2 lc rgb '#e69f00' title 'on the wall'
unset multiplot
