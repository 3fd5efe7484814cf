// A study: any figure over its grid, as lines with confidence bands and as a heat map.
const grid = report.grid;
const study = { metric: 0, x: 0, lines: -1, fixed: [] };

// A name of cividis' colours, which the colour-blind read as others do; share from 0 to 1.
function heatColour(share) {
  const stops = [[0, 32, 76], [60, 77, 110], [124, 123, 120], [187, 172, 105], [255, 234, 70]];
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
  const mix = stops[low].map((from, i) => Math.round(from + (stops[low + 1][i] - from) * (at - low)));
  return { ground: 'rgb(' + mix.join(',') + ')', ink: share > 0.55 ? '#000000' : '#ffffff' };
}

function metricText(value) {
  return grid.metrics[study.metric].unit === 's' ? seconds(value) : number(value);
}

// The cell at these values of the two free axes; the others are as chosen.
function cellAt(wanted) {
  return grid.cells.find(cell => cell.at.every((value, axis) =>
    value === (wanted[axis] !== undefined ? wanted[axis] : study.fixed[axis])));
}

function chooser(label, names, value, change) {
  const box = element('label', label + ' '), select = element('select');
  names.forEach(([name, index]) => {
    const option = element('option', name);
    option.value = index;
    select.append(option);
  });
  select.value = value;
  select.addEventListener('change', () => {
    change(Number(select.value));
    setUpControls();
    showStudy();
  });
  box.append(select);
  return box;
}

function setUpControls() {
  const axes = grid.axes.map((axis, i) => [axis.title, i]);
  const controls = [
    chooser('Figure', grid.metrics.map((metric, i) => [metric.label, i]), study.metric, i => { study.metric = i; }),
    chooser('across', axes, study.x, i => {
      if (i === study.lines) study.lines = study.x;
      study.x = i;
    }),
  ];
  if (grid.axes.length > 1)
    controls.push(chooser('a line a', axes.filter(([, i]) => i !== study.x), study.lines, i => { study.lines = i; }));
  grid.axes.forEach((axis, i) => {
    if (i !== study.x && i !== study.lines)
      controls.push(chooser(axis.title, axis.values.map((value, at) => [value, at]), study.fixed[i],
        at => { study.fixed[i] = at; }));
  });
  byId('study-controls').replaceChildren(...controls);
}

// Of each line: the cells along the x axis.
function studyLines() {
  const x = grid.axes[study.x];
  const names = study.lines < 0 ? [''] : grid.axes[study.lines].values;
  return names.map((name, line) => ({
    name, line, points: x.values.map((value, at) => {
      const wanted = { [study.x]: at };
      if (study.lines >= 0) wanted[study.lines] = line;
      const cell = cellAt(wanted);
      return cell && cell.mean[study.metric] !== null ? {
        x: x.numeric ? x.numbers[at] : at, y: cell.mean[study.metric],
        half: cell.half[study.metric], runs: cell.runs, value,
      } : null;
    }).filter(Boolean),
  })).filter(line => line.points.length);
}

// A band is two thin curves, the space between them filled.
function bandSets({ name, line, points }) {
  const style = {
    borderColor: colour(line), backgroundColor: colour(line), borderDash: dash(line), borderWidth: 2, pointRadius: 4,
    order: -line, parsing: false, label: name || grid.metrics[study.metric].label, tension: 0,
    pointStyle: ['circle', 'rect', 'triangle', 'rectRot', 'star', 'cross'][line % 6],
  };
  const bound = sign => points.map(point => ({ x: point.x, y: point.y + sign * (point.half || 0) }));
  const hidden = {
    silent: true, order: 100, pointRadius: 0, borderWidth: 1, borderDash: dash(line), parsing: false,
    borderColor: withAlpha(colour(line), 0.55), backgroundColor: withAlpha(colour(line), 0.12),
  };
  const sets = [Object.assign({ data: points }, style)];
  if (points.some(point => point.half > 0))
    sets.push(Object.assign({ data: bound(-1), fill: false }, hidden),
      Object.assign({ data: bound(1), fill: '-1' }, hidden));
  return sets;
}

function plusMinus(cell) {
  return metricText(cell.y) + (cell.half > 0 ? ' ± ' + metricText(cell.half) : '');
}

function studyOptions() {
  const options = lineOptions('', '', (y, item) => plusMinus(item.raw), () => '');
  options.plugins.legend = {
    display: true, position: 'bottom',
    labels: { usePointStyle: true, boxWidth: 12, boxHeight: 6, sort: (a, b) => a.datasetIndex - b.datasetIndex, filter: (item, data) => !data.datasets[item.datasetIndex].silent },
    onClick: (event, item, legend) => { // the band goes with its line
      const sets = legend.chart.data.datasets, visible = !legend.chart.isDatasetVisible(item.datasetIndex);
      for (let i = item.datasetIndex; i === item.datasetIndex || (sets[i] && sets[i].silent); i++)
        legend.chart.setDatasetVisibility(i, visible);
      legend.chart.update('none');
    },
  };
  options.plugins.tooltip.callbacks.title = items =>
    items.length ? grid.axes[study.x].title + ' ' + items[0].raw.value : '';
  return options;
}

function fillLines(chart) {
  const x = grid.axes[study.x], metric = grid.metrics[study.metric];
  chart.data.datasets = studyLines().flatMap(bandSets);
  chart.config.options.scales.x.title.text = x.title;
  chart.config.options.scales.y.title = Object.assign(chart.config.options.scales.y.title,
    { display: true, text: metric.label + (metric.unit ? ' (s)' : '') });
  chart.config.options.scales.x.afterBuildTicks = scale => { // at the study's values, as they were given
    scale.ticks = x.values.map((text, at) => ({ value: x.numeric ? x.numbers[at] : at }));
  };
  chart.config.options.scales.x.ticks.callback = value =>
    x.values[x.numeric ? x.numbers.indexOf(value) : value];
  chart.config.options.scales.x.ticks.includeBounds = true;
}

// "seed 3, kv-memory 20%": where a cell lies.
function placeOf(cell) {
  const known = ['overflow', 'scheduler', 'model', 'device']; // by their values alone
  return grid.axes.map((axis, i) => (known.includes(axis.title) ? '' : axis.title + ' ') + axis.values[cell.at[i]])
    .join(', ');
}

function percentText(share) {
  return number(Math.abs(100 * share)) + ' %';
}

// How far one line lies from another, at the points that both have.
function difference(line, first) {
  const shares = line.points.flatMap(point => {
    const other = first.points.find(candidate => candidate.value === point.value);
    return other && other.y !== 0 ? [point.y / other.y - 1] : [];
  });
  if (!shares.length) return '';
  const low = Math.min(...shares), high = Math.max(...shares), across = ' across ' + grid.axes[study.x].title + '.';
  if (low === 0 && high === 0) return line.name + ' is the same as ' + first.name + across;
  if (low >= 0 || high <= 0) {
    const [near, far] = [low, high].map(Math.abs).sort((a, b) => a - b);
    return line.name + ' is ' + (near === far ? '' : number(100 * near) + ' to ') + percentText(far)
      + (high > 0 ? ' higher' : ' lower') + ' than ' + first.name + across;
  }
  return line.name + ' is between ' + percentText(low) + ' lower and ' + percentText(high) + ' higher than '
    + first.name + across;
}

// Of these cells those that finish as large a share of their requests as any: one that leaves some
// out has less to do.
function competing(cells)
{
  const most = Math.max(...cells.map(cell => cell.served));
  return cells.filter(cell => cell.served >= most);
}

// Which cells leave requests out, and how many.
function leftOutWords(cells)
{
  const rivals = competing(cells), fewer = cells.filter(cell => !rivals.includes(cell)), most = 6;
  const share = cell => placeOf(cell) + ' (' + percentText(cell.served) + ')';
  return fewer.length === 0
             ? []
             : [ 'Fewer requests finished than elsewhere, and figures are of those that did, at ' +
                 fewer.slice(0, most).map(share).join('; ') +
                 (fewer.length > most ? ' and ' + (fewer.length - most) + ' others' : '') + '.' ];
}

// What the chart shows, in sentences: both ends over the whole grid, and lines against the first.
function studyWords() {
  const metric = grid.metrics[study.metric];
  const shown = grid.cells.filter(cell => cell.mean[study.metric] !== null);
  const cells = competing(shown).sort((a, b) => a.mean[study.metric] - b.mean[study.metric]);
  if (!cells.length) return [];
  const end = cell => {
    const alike = cells.filter(other => other.mean[study.metric] === cell.mean[study.metric]).length - 1;
    return metricText(cell.mean[study.metric]) + ' under ' + placeOf(cell)
      + (alike ? ' (and ' + alike + (alike === 1 ? ' other)' : ' others)') : '');
  };
  const words =
      [ (cells.length < shown.length ? 'Of the others, ' : 'Of all cells, ') + metric.label +
        ' is lowest at ' + end(cells[0]) + ', highest at ' + end(cells[cells.length - 1]) + '.' ];
  const all = studyLines();
  return leftOutWords(shown).concat(
      words, all.slice(1, 5).map(line => difference(line, all[0])).filter(Boolean));
}

function showHeat() {
  const across = grid.axes[study.x], down = study.lines < 0 ? null : grid.axes[study.lines];
  byId('heat').hidden = !down;
  if (!down) return;
  const metric = grid.metrics[study.metric];
  const cells = studyLines();
  const all = cells.flatMap(line => line.points.map(point => point.y));
  const low = Math.min(...all), high = Math.max(...all);
  const places =
      down.values.flatMap((value, line) => across.values.map(
                              (other, at) => cellAt({[study.x] : at, [study.lines] : line})));
  const rivals = competing(places.filter(cell => cell && cell.mean[study.metric] !== null));
  const best =
      (metric.better < 0 ? Math.min : Math.max)(...rivals.map(cell => cell.mean[study.metric]));
  const heat = table([down.title + ' \\ ' + across.title, ...across.values],
    down.values.map(value => [value]));
  heat.className = 'heat';
  [...heat.tBodies[0].rows].forEach((row, line) => across.values.forEach((value, at) => {
    const cell = cellAt({ [study.x]: at, [study.lines]: line });
    const mean = cell ? cell.mean[study.metric] : null;
    const box = row.insertCell();
    box.textContent = mean === null ? (cell && cell.failed ? 'failed' : '–') : metricText(mean);
    if (mean === null) return;
    box.title =
        placeOf(cell) + ': ' + plusMinus({y : mean, half : cell.half[study.metric]}) +
        (cell.runs > 1 ? ', ' + cell.runs + ' runs' : '') +
        (rivals.includes(cell) ? ''
                               : ', ' + percentText(cell.served) + ' of the requests finished');
    const share = high > low ? (mean - low) / (high - low) : 0.5, paint = heatColour(share);
    box.style.background = paint.ground;
    box.style.color = paint.ink;
    if (metric.better !== 0 && rivals.includes(cell) && mean === best && high > low) {
      box.style.fontWeight = '700';
      box.textContent += ' ★';
    }
  }));
  byId('heat-caption').textContent = metric.label + (metric.better !== 0 ? ', ★ best' : '');
  byId('heat-table').replaceChildren(heat);
}

let linesChart = null;

function showStudy() {
  byId('lines-caption').textContent = grid.metrics[study.metric].label + ' across ' + grid.axes[study.x].title;
  if (linesChart) redraw(linesChart, fillLines);
  else linesChart = drawChart('chart-lines', 'A figure of the study across an axis of its grid',
    { type: 'line', data: { datasets: [] }, options: studyOptions() }, fillLines);
  paragraphs('study-words', studyWords());
  const x = grid.axes[study.x], lines = studyLines();
  tableBelow('lines-table', [x.title, ...lines.map(line => line.name || grid.metrics[study.metric].label)],
    x.values.map(value => [value, ...lines.map(line => {
      const point = line.points.find(candidate => candidate.value === value);
      return point ? plusMinus(point) : '–';
    })]));
  showHeat();
}

function setUpStudy() {
  if (!grid || !grid.axes.length) return;
  byId('study').hidden = false;
  const numeric = grid.axes.findIndex(axis => axis.numeric);
  study.x = numeric >= 0 ? numeric : 0;
  study.lines = grid.axes.findIndex((axis, i) => i !== study.x);
  study.fixed = grid.axes.map(() => 0);
  study.metric = Math.max(0, grid.metrics.findIndex(metric => metric.key === 'e2e_s.mean'));
  const replicas = Math.max(...grid.cells.map(cell => cell.runs));
  const failed = grid.cells.reduce((sum, cell) => sum + cell.failed, 0);
  byId('study-note').textContent = number(report.runs.length) + ' runs, ' + number(grid.cells.length) + ' cells of the grid'
    + (replicas > 1 ? ', up to ' + replicas + ' seeds a cell; bands are 95 % confidence intervals of the mean.' : '.')
    + (failed ? ' ' + failed + (failed === 1 ? ' run' : ' runs') + ' did not end well, or finished nothing, and count in no figure.' : '');
  setUpControls();
  showStudy();
}
