// Load against latency, a chart a limit, the limit drawn in; the settings as a table.
// All requests at once are no load, and a run that was stopped has no figures: a setting of which nothing else was tried has no curve.
const hasPoint = (trial, at) => typeof trial.load === 'number' && trial.values[at] !== null;
const withTrials = report.rows.filter(row => report.limits.some((limit, at) => row.trials.some(trial => hasPoint(trial, at))));

function nameOfRow(row) {
  return row.name || 'as given';
}

function linesOf(at) {
  return withTrials.map((row, i) => ({
    label: nameOfRow(row), parsing: false, showLine: true, tension: 0, borderWidth: 2, pointRadius: 3,
    borderColor: colour(i), backgroundColor: colour(i), borderDash: dash(i), pointStyle: pointShapes[i % pointShapes.length],
    data: row.trials.filter(trial => hasPoint(trial, at))
      .map(trial => ({ x: trial.load, y: trial.values[at], trial })).sort((a, b) => a.x - b.x),
  }));
}

function limitLine(limit, sets) {
  const loads = sets.flatMap(set => set.data.map(point => point.x));
  return {
    label: 'limit', parsing: false, showLine: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 1.5, borderDash: [6, 4],
    borderColor: inks().ink, data: [Math.min(...loads), Math.max(...loads)].map(x => ({ x, y: limit.limit_s })),
  };
}

// How much the setting holds: an upright line each.
function loadLines(sets) {
  return withTrials.map((row, i) => ({
    label: '', parsing: false, showLine: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 1, borderDash: [2, 3],
    borderColor: colour(i), data: row.load === null ? [] : (() => {
      const values = sets.flatMap(set => set.data.map(point => point.y));
      return [Math.min(...values), Math.max(...values)].map(y => ({ x: row.load, y }));
    })(),
  }));
}

function drawLimit(limit, at) {
  drawChart('limit-' + at, limit.key + ' against the load, a line a setting, the limit dashed', {
    type: 'scatter', data: { datasets: [] },
    options: {
      scales: {
        x: { type: 'linear', beginAtZero: true, title: { display: true, text: report.unit } },
        y: { type: 'logarithmic', title: { display: true, text: limit.key.replace('_s.', ', ') },
          ticks: { callback: (value, i, ticks) => (hasLabel(value, ticks) ? seconds(value) : '') } },
      },
      plugins: {
        legend: { display: true, position: 'bottom', labels: { usePointStyle: true, boxWidth: 8, boxHeight: 6, filter: item => item.text !== '' } },
        tooltip: { filter: item => item.raw.trial !== undefined, callbacks: {
          title: items => (items.length ? items[0].dataset.label : ''),
          label: item => number(item.raw.x) + ' ' + report.unit + ': ' + seconds(item.raw.y) + (item.raw.trial.holds ? '' : ' (does not hold)'),
        } },
      },
    },
  }, chart => {
    const sets = linesOf(at);
    chart.data.datasets = [...sets, limitLine(limit, sets), ...loadLines(sets)];
  });
}

function rangeText(row) {
  if (row.failure || row.load === null) return '';
  return row.interval.map(end => (end === null ? 'any' : number(end))).join(' to ');
}

function figureAt(row, key) {
  const [outer, inner] = key.split('.');
  return row.figures && row.figures[outer] ? row.figures[outer][inner] : null;
}

function showRows() {
  const section = addSection('Settings', (report.rows.length > 1 ? '★ on the front: no other has as much load, no more latency and no more cards. ' : '')
    + (report.rows.some(row => row.load === null && !row.failure) ? 'Without a load that is held, latencies are those of the last that was tried.' : ''));
  addTable(section, ['', report.unit, report.seeds > 1 ? '95 % interval' : 'between', ...report.limits.map(limit => limit.key),
    'cards', '', 'limited by'],
    report.rows.map(row => [nameOfRow(row), row.load === null ? (row.unlimited ? 'any' : 'none') : number(row.load), rangeText(row),
      ...report.limits.map(limit => seconds(figureAt(row, limit.key))), String(row.cards), row.on_front && report.rows.length > 1 ? '★' : '',
      row.failure || (row.limited_by || (row.unlimited ? 'nothing' : 'requests that are not served')) + (row.steady ? '' : ' (too few requests for a steady state)')]));
}

const words = report.limits.map(limit => limit.key.replace('_s.', ' ') + ' below ' + seconds(limit.limit_s)).join(' and ');
const best = report.rows[0];
showTitle('Load within ' + words, [
  report.best === null ? 'No setting holds that at any load that was tried.'
    : nameOfRow(best) + ': ' + (best.load === null ? 'any load; no limit was met: the requests are too few or the limits too loose' : number(best.load) + ' ' + report.unit)
      + (rangeText(best) && ' (' + rangeText(best) + ')') + '.',
]);
if (withTrials.length) {
  const section = addSection('Latency by load', 'A point a run, with the first seed; the dashed line is the limit, upright ones what is held.');
  report.limits.forEach((limit, at) => addFigure(section, 'limit-' + at, limit.key.replace('_s.', ', ')));
  section.querySelectorAll('.chart').forEach(box => { box.style.height = '24rem'; });
  report.limits.forEach(drawLimit);
}
showRows();
setUpTheme();
