// Charts of single runs: their course, latencies, overhead, victims.
const detailed = report.runs.map((run, i) => i).filter(i => report.runs[i].course);

// Runs by what tells them from one another: what all of them share is not repeated.
const names = (labels => labels.map(label => {
  const own = label.filter(part => labels.length === 1 || !labels.every(other => other.includes(part)));
  return (own.length ? own : label).join(', ');
}))(detailed.map(run => report.runs[run].label.split(', ')));

function nameOf(run) {
  return names[detailed.indexOf(run)];
}

function toPoints(pairs) {
  return pairs.map(([x, y]) => ({ x, y }));
}

function curve(run, pairs, more) {
  return Object.assign({
    run, label: nameOf(run), data: toPoints(pairs), parsing: false, hidden: !shown[run],
    borderColor: colour(run), backgroundColor: colour(run), borderDash: dash(run), borderWidth: 1.8,
    pointRadius: 0, pointHitRadius: 0, tension: 0, order: -run, // dashes over what is not dashed
  }, more);
}

function lineOptions(xTitle, yTitle, valueText, xText) {
  return {
    interaction: { mode: 'nearestOfEach', intersect: false },
    scales: {
      x: { type: 'linear', title: { display: true, text: xTitle }, ticks: { maxRotation: 0, autoSkipPadding: 12, includeBounds: false } },
      y: { beginAtZero: true, afterFit: scale => { scale.width = 56; }, title: { display: Boolean(yTitle), text: yTitle } },
    },
    plugins: {
      legend: { display: false, labels: {} },
      tooltip: {
        callbacks: {
          title: items => items.length ? xText(items[0].parsed.x) : '',
          label: item => item.dataset.label + ': ' + valueText(item.parsed.y, item),
        },
      },
    },
  };
}

// The value of a curve at a time: of the point before it.
function valueAt(pairs, x) {
  let value = null;
  for (const [at, y] of pairs) {
    if (at > x) break;
    value = y;
  }
  return value;
}

const course = { charts: [], end: 0, begin: Infinity };

function courseTable(id, key) {
  const rows = [];
  for (let i = 1; i <= 16; i++) {
    const x = course.begin + (course.end - course.begin) * i / 16;
    rows.push([seconds(x), ...detailed.map(run => number(valueAt(report.runs[run].course[key], x)))]);
  }
  tableBelow(id, ['time', ...detailed.map(nameOf)], rows);
}

// Above the curves, where they hide nothing; each run has rows of its own.
function marks(run, name, y) {
  return {
    run, label: nameOf(run) + (name === 'preempted' ? ', preempted' : ', brought back'), type: 'scatter',
    hidden: !shown[run], parsing: false, data: report.runs[run][name].map(([x, n]) => ({ x, y, n })), order: -100,
    pointStyle: 'triangle', rotation: name === 'preempted' ? 180 : 0, pointRadius: 4.5, pointHoverRadius: 7,
    borderColor: inks().panel, borderWidth: 1, backgroundColor: colour(run), marksEvents: true,
  };
}

// Fills the chart of KV use; returns where its axis ends.
function fillKv(chart) {
  const marked = detailed.filter(run => shown[run] && report.runs[run].preempted.length);
  const rows = marked.length > 2 ? 1 : 2; // of a run: two where there is room
  // The curves keep their height, however many rows stand above them.
  if (!printing) byId('chart-kv').parentElement.style.height = marked.length > 4 ? 17 + 0.9 * (marked.length - 4) + 'rem' : '';
  chart.data.datasets = [
    ...marked.flatMap((run, i) => [marks(run, 'preempted', 105 + 7 * (rows * i + rows - 1)),
      marks(run, 'resumed', 105 + 7 * rows * i)]),
    ...detailed.map(run => curve(run, report.runs[run].course.kv)),
  ];
  return 103 + 7 * rows * Math.max(marked.length, 1);
}

function drawCourse() {
  const atTime = x => 'at ' + seconds(x);
  detailed.forEach(run => report.runs[run].course.kv.forEach(([x]) => {
    course.begin = Math.min(course.begin, x);
    course.end = Math.max(course.end, x);
  }));
  const add = (id, label, options, update) => {
    course.charts.push(drawChart(id, label, { type: 'line', data: { datasets: [] }, options }, update));
  };
  add('chart-throughput', 'Output tokens a second over time, a curve a run',
    lineOptions('time (s)', 'tokens / s', value => number(value) + ' tokens/s', atTime),
    chart => { chart.data.datasets = detailed.map(run => curve(run, report.runs[run].course.throughput)); });
  const percent = (value, item) => item.dataset.marksEvents
    ? number(item.raw.n) + (item.raw.n === 1 ? ' request' : ' requests') : number(value) + ' %';
  add('chart-kv', 'KV cache in use over time, a curve a run; triangles where requests were preempted and resumed',
    lineOptions('time (s)', '% of blocks', percent, atTime),
    chart => {
      chart.config.options.scales.y.max = fillKv(chart);
      chart.config.options.scales.y.afterBuildTicks = scale => {
        scale.ticks = [0, 20, 40, 60, 80, 100].map(value => ({ value }));
      };
    });
  add('chart-queue', 'Requests that wait, and that are swapped out, over time, a curve a run',
    lineOptions('time (s)', 'requests', number, atTime),
    chart => {
      chart.data.datasets = detailed.flatMap(run => [
        curve(run, report.runs[run].course.waiting, { label: nameOf(run) + ', waiting' }),
        ...(report.runs[run].course.out.some(([, n]) => n > 0)
          ? [curve(run, report.runs[run].course.out, {
            label: nameOf(run) + ', swapped out', fill: 'origin', borderWidth: 0.5, borderDash: [],
            backgroundColor: withAlpha(colour(run), 0.4),
          })] : []),
      ]);
    });
  courseTable('throughput-table', 'throughput');
  courseTable('kv-table', 'kv');
  courseTable('queue-table', 'waiting');
  const averaged = Math.max(...detailed.map(run => report.runs[run].averaged_s || 0));
  byId('averaged').textContent = 'averaged over ' + seconds(averaged);
}

// All charts over time show the same stretch.
function zoomTo(from, to) {
  const whole = !(to > from);
  course.charts.forEach(chart => {
    chart.config.options.scales.x.min = whole ? course.begin : from;
    chart.config.options.scales.x.max = whole ? course.end : to;
    chart.update('none');
  });
  byId('zoom-from').value = whole ? '' : Number(from.toPrecision(6));
  byId('zoom-to').value = whole ? '' : Number(to.toPrecision(6));
}

function dragToZoom(chart) {
  const box = chart.canvas.parentElement, selection = element('div', undefined, 'selection');
  let start = null;
  const place = event => {
    const area = chart.chartArea, x = event.clientX - chart.canvas.getBoundingClientRect().left;
    return Math.min(Math.max(x, area.left), area.right);
  };
  chart.canvas.addEventListener('pointerdown', event => {
    if (event.pointerType !== 'mouse' || event.button !== 0) return;
    start = place(event);
    chart.canvas.setPointerCapture(event.pointerId);
  });
  chart.canvas.addEventListener('pointermove', event => {
    if (start === null) return;
    const now = place(event);
    selection.style.left = Math.min(start, now) + 'px';
    selection.style.width = Math.abs(now - start) + 'px';
    box.append(selection);
  });
  const stop = event => {
    if (start === null) return;
    const ends = [start, place(event)].sort((a, b) => a - b), scale = chart.scales.x;
    start = null;
    selection.remove();
    if (event.type === 'pointerup' && ends[1] - ends[0] > 6)
      zoomTo(scale.getValueForPixel(ends[0]), scale.getValueForPixel(ends[1]));
  };
  chart.canvas.addEventListener('pointerup', stop);
  chart.canvas.addEventListener('pointercancel', stop);
  chart.canvas.addEventListener('dblclick', () => zoomTo(0, 0));
}

function setUpZoom() {
  course.charts.forEach(dragToZoom);
  byId('zoom-from').placeholder = number(course.begin);
  byId('zoom-to').placeholder = number(course.end);
  byId('zoom').addEventListener('submit', event => {
    event.preventDefault();
    const from = parseFloat(byId('zoom-from').value), to = parseFloat(byId('zoom-to').value);
    zoomTo(isNaN(from) ? course.begin : from, isNaN(to) ? course.end : to);
  });
  byId('zoom-reset').addEventListener('click', () => zoomTo(0, 0));
  zoomTo(0, 0);
}

function quantile(pairs, share) {
  const found = pairs.find(([, y]) => y >= share);
  return found ? found[0] : null;
}

// The shares from 0 on, so that the shortest has a line, too.
function fromNone(pairs) {
  return pairs.length ? [[pairs[0][0], 0], ...pairs] : [];
}

function drawLatency(key, label) {
  const all = detailed.map(run => report.runs[run].latency[key]).filter(pairs => pairs.length);
  const low = Math.min(...all.map(pairs => pairs[0][0])), high = Math.max(...all.map(pairs => pairs[pairs.length - 1][0]));
  const options = lineOptions('time' + (low > 0 && high / low > 30 ? ' (logarithmic)' : ''), '', (y, item) =>
    number(100 * y) + ' % within ' + seconds(item.parsed.x), () => '');
  options.scales.x.type = low > 0 && high / low > 30 ? 'logarithmic' : 'linear';
  options.scales.x.ticks.callback = function (value, index, ticks) {
    const digit = Number(String(value.toExponential())[0]);
    return options.scales.x.type === 'linear' || (digit === 1 || ((digit === 2 || digit === 5) && ticks.length < 25))
      ? seconds(value) : null;
  };
  if (low === high) { // one request, or all alike
    options.scales.x.min = 0;
    options.scales.x.max = 2 * high;
  }
  options.scales.y.max = 1;
  options.scales.y.ticks = { callback: value => Math.round(value * 100) + ' %' };
  options.interaction = { mode: 'nearestOfEach', intersect: false };
  drawChart('chart-' + key, label, { type: 'line', data: { datasets: [] }, options }, chart => {
    chart.data.datasets = detailed.map(run => curve(run, fromNone(report.runs[run].latency[key]), { stepped: 'before' }));
  });
  const shares = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1];
  tableBelow(key + '-table', ['run', ...shares.map(share => share === 1 ? 'max' : 'p' + Math.round(share * 100))],
    detailed.map(run => [nameOf(run),
      ...shares.map(share => seconds(quantile(report.runs[run].latency[key], share)))]));
}

function barOptions(yTitle) {
  return {
    indexAxis: 'y',
    interaction: { mode: 'nearest', axis: 'y', intersect: true },
    scales: {
      x: { stacked: true, beginAtZero: true, title: { display: true, text: 'seconds' } },
      y: { stacked: true, grid: { display: false }, ticks: { autoSkip: false }, title: { display: Boolean(yTitle), text: yTitle } },
    },
    plugins: {
      legend: { display: true, position: 'bottom', labels: { boxWidth: 12 } },
      tooltip: { callbacks: { label: item => item.dataset.label + ': ' + seconds(item.parsed.x) } },
    },
  };
}

// Names may be long: the axis has room for lines of some of it, the tooltip for all.
const LINE = 26;

function shortened(text) {
  return text.length > LINE ? text.slice(0, LINE - 1) + '…' : text;
}

function labelLines(text) {
  const lines = text.split(', ').reduce((all, part) => {
    const last = all[all.length - 1];
    if (last !== undefined && (last + ', ' + part).length <= LINE) return [...all.slice(0, -1), last + ', ' + part];
    return [...all, part];
  }, []).map(shortened);
  return lines.length === 1 ? lines[0] : lines;
}

function drawBars(id, label, parts, key) {
  const used = parts.map((name, i) => i).filter(i => detailed.some(run => report.runs[run][key][i] > 0));
  if (used.length === 0) {
    byId(id).parentElement.replaceWith(element('p', 'None.'));
    return;
  }
  drawChart(id, label, { type: 'bar', data: { labels: [], datasets: [] }, options: barOptions() }, chart => {
    const runs = detailed.filter(run => shown[run]);
    chart.data.labels = runs.map(run => labelLines(nameOf(run)));
    if (!printing) byId(id).parentElement.style.height = 5 + Math.max(9, 2.3 * runs.length, chart.data.labels.flat().length + 0.3 * runs.length) + 'rem';
    chart.data.datasets = used.map(i => ({
      label: parts[i], data: runs.map(run => report.runs[run][key][i] || 0), backgroundColor: partColour(parts[i]),
      maxBarThickness: 44, borderColor: inks().panel, borderWidth: { right: 1 },
    }));
  });
  tableBelow(id.replace('chart-', '') + '-table', ['run', ...parts],
    detailed.map(run => [nameOf(run), ...parts.map((name, i) => seconds(report.runs[run][key][i]))]));
}

const victimParts = ['queued', 'preempted', 'recomputed or copied', 'its own work'];

function drawVictims() {
  const select = byId('victims-run');
  const runs = detailed.filter(run => report.runs[run].victims.length);
  byId('victims').hidden = runs.length === 0;
  if (!runs.length) return;
  runs.forEach(run => {
    const option = element('option', nameOf(run));
    option.value = run;
    select.append(option);
  });
  const fill = chart => {
    const victims = report.runs[Number(select.value)].victims;
    byId('victims-of').textContent = runs.length > 1 ? '(' + nameOf(Number(select.value)) + ')' : '';
    byId('victims-chart').style.height = Math.max(9, 4.5 + 1.25 * victims.length) + 'rem';
    chart.data.labels = victims.map(victim => shortened(victim.id));
    chart.data.datasets = victimParts.map((name, part) => ({
      label: name, data: victims.map(victim => victim.parts[part]), backgroundColor: partColour(name),
      borderColor: inks().panel, borderWidth: { right: 1 },
    }));
  };
  const chart = drawChart('chart-victims', 'Where each victim\'s time from arrival to finish went, a bar a request',
    { type: 'bar', data: { labels: [], datasets: [] }, options: barOptions('request') }, fill);
  const choose = () => {
    const victims = report.runs[Number(select.value)].victims;
    redraw(chart, fill);
    tableBelow('victims-table', ['request', 'preemptions', ...victimParts], victims.map(victim =>
      [victim.id, victim.preemptions, ...victim.parts.map(seconds)]));
  };
  select.addEventListener('change', choose);
  choose();
}
