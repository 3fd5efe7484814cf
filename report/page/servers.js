// Published points against predictions: scatters, the error by concurrency, tables.
const kinds = [
  { key: 'ttft', name: 'Mean TTFT' },
  { key: 'tpot', name: 'Mean TPOT' },
];
const bands = [0.1, 0.2];

function groupOf(point) {
  return [point.card, point.engine, point.model.replace(/^.*\//, ''), point.precision].filter(Boolean).join(', ') || point.id;
}

const predicted = report.points.filter(point => point.refused === null);
const groups = [...new Set(predicted.map(groupOf))];

function pairOf(point, kind) {
  const x = point['published_' + kind.key + '_ms'], y = point['predicted_' + kind.key + '_ms'];
  return x === null || y === null ? null : { x, y, point };
}

function percentText(value) {
  return value === null ? '–' : (value > 0 ? '+' : '') + (100 * value).toFixed(1) + ' %';
}

function tooltipOf(text) {
  return { callbacks: { label: item => text(item.raw), title: items => (items.length ? groupOf(items[0].raw.point) : '') } };
}

function errorText({ x, y }) {
  return number(x) + ' ms published, ' + number(y) + ' predicted (' + percentText(y / x - 1) + ')';
}

function pointText(pair) {
  const { point } = pair;
  return [point.id, (point.concurrency ? 'concurrency ' + point.concurrency + ', ' : '') + 'TP ' + point.tp, errorText(pair)];
}

function logAxis(title) {
  return { type: 'logarithmic', title: { display: true, text: title }, ticks: { callback(value, i, ticks) {
    return hasLabel(value, ticks) ? number(value) : '';
  } } };
}

function legend() {
  return { display: true, position: 'bottom', labels: { usePointStyle: true, boxWidth: 8, boxHeight: 6, filter: item => !item.text.startsWith('±') } };
}

// The diagonal, and what is so much larger or smaller.
function guides(low, high) {
  const line = (label, factor, dash) => ({
    label, data: [{ x: low, y: low * factor }, { x: high, y: high * factor }], parsing: false, showLine: true, pointRadius: 0,
    pointHitRadius: 0, borderWidth: 1, borderDash: dash, borderColor: inks().faint,
  });
  return [line('±0', 1, []), ...bands.flatMap((band, i) => [line('±', 1 + band, [4, 3 + 3 * i]), line('±', 1 - band, [4, 3 + 3 * i])])];
}

function drawScatter(kind) {
  const all = predicted.map(point => pairOf(point, kind)).filter(Boolean);
  const values = all.flatMap(({ x, y }) => [x, y]);
  const low = Math.min(...values) / 1.3, high = Math.max(...values) * 1.3;
  drawChart('scatter-' + kind.key, kind.name + ', predicted against published', {
    type: 'scatter', data: { datasets: [] },
    options: {
      scales: { x: { ...logAxis('published, ms'), min: low, max: high }, y: { ...logAxis('predicted, ms'), min: low, max: high } },
      plugins: { legend: legend(), tooltip: { ...tooltipOf(pointText), filter: item => item.raw.point !== undefined } },
    },
  }, chart => {
    chart.data.datasets = [...groups.map((group, i) =>
      scatterSet(group, i, all.filter(pair => groupOf(pair.point) === group))), ...guides(low, high)];
  });
}

function drawErrors(kind) {
  const all = predicted.filter(point => point.concurrency > 0).map(point => pairOf(point, kind)).filter(Boolean)
    .map(pair => ({ ...pair, published: pair.x, shown: pair.y, x: pair.point.concurrency, y: pair.y / pair.x }));
  const text = ({ point, published, shown }) => pointText({ point, x: published, y: shown });
  drawChart('error-' + kind.key, kind.name + ', error by concurrency', {
    type: 'scatter', data: { datasets: [] },
    options: {
      scales: {
        x: logAxis('concurrency'),
        y: logAxis('predicted / published'),
      },
      plugins: { legend: legend(), tooltip: tooltipOf(text) },
    },
  }, chart => {
    chart.data.datasets = groups.map((group, i) => scatterSet(group, i, all.filter(pair => groupOf(pair.point) === group)));
  });
}

function nameOfGroup(group) {
  const parts = [group.card, group.engine, group.model, group.precision, group.tp && 'TP ' + group.tp].filter(Boolean);
  return parts.length ? parts.join(', ') : 'all';
}

function showGroups() {
  const section = addSection('Error by group', 'Of the predicted mean: the median error, the median of its size, the mean of its size.');
  addTable(section, ['', 'points', 'TTFT median', '|median|', 'mean', 'TPOT median', '|median|', 'mean'],
    report.groups.filter(group => group.n > 0).map(group => [nameOfGroup(group), String(group.n),
      ...[group.ttft, group.tpot].flatMap(error => [percentText(error.median_error),
        percentText(error.median_absolute_error).replace('+', ''), percentText(error.mean_absolute_error).replace('+', '')])]));
}

function showPoints() {
  const section = addSection('Points');
  const details = element('details'), box = element('div', undefined, 'scroll');
  const cells = (point, kind) => {
    const pair = pairOf(point, kind);
    return [number(point['published_' + kind.key + '_ms']), number(point['predicted_' + kind.key + '_ms']),
      pair ? percentText(pair.y / pair.x - 1) : '–'];
  };
  box.append(table(['point', 'TTFT ms', 'predicted', 'error', 'TPOT ms', 'predicted', 'error', ''],
    report.points.map(point => [point.id, ...kinds.flatMap(kind => cells(point, kind)), point.refused || (point.doubt && 'doubtful: ' + point.doubt) || ''])));
  details.append(element('summary', 'All ' + report.points.length + ' points'), box);
  section.append(details);
}

const refused = report.points.length - predicted.length;
showTitle('Published servers against predictions', [
  predicted.length + ' points' + (refused ? ', and ' + refused + ' that are not predicted' : '') + '.',
]);
const scatters = addSection('Predicted against published', 'On the line: the same. Dashed: ± 10 % and ± 20 %.');
const errors = addSection('Error by concurrency');
kinds.forEach(kind => {
  addFigure(scatters, 'scatter-' + kind.key, kind.name + ', ms');
  addFigure(errors, 'error-' + kind.key, kind.name + ', predicted as a multiple of published');
});
scatters.querySelectorAll('.chart').forEach(box => { box.style.height = '30rem'; });
errors.querySelectorAll('.chart').forEach(box => { box.style.height = '22rem'; });
kinds.forEach(drawScatter);
kinds.forEach(drawErrors);
showGroups();
showPoints();
setUpTheme();
