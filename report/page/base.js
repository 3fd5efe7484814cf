'use strict';
// What the page's parts share: the data, elements, tables, colours, and charts that follow the theme.
const report = JSON.parse(document.getElementById('data').textContent);
const shown = report.runs.map(() => true); // by the toggles
const drawn = [];                          // {chart, update}: all charts of the page

function byId(id) {
  return document.getElementById(id);
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function paragraphs(id, lines) {
  byId(id).replaceChildren(...lines.map(line => element('p', line)));
}

// A table: the first cell of a row is its heading.
function table(head, rows, caption) {
  const made = element('table');
  if (caption) made.append(element('caption', caption));
  const top = made.createTHead().insertRow();
  head.forEach(text => {
    const cell = element('th', text);
    cell.scope = 'col';
    top.append(cell);
  });
  const body = made.createTBody();
  rows.forEach(row => {
    const line = body.insertRow();
    row.forEach((text, i) => {
      const cell = element(i === 0 ? 'th' : 'td', text);
      if (i === 0) cell.scope = 'row';
      line.append(cell);
    });
  });
  return made;
}

// The figures behind a chart, for those who cannot see it.
function tableBelow(id, head, rows) {
  const details = element('details');
  const box = element('div', undefined, 'scroll');
  box.append(table(head, rows));
  details.append(element('summary', 'As a table'), box);
  byId(id).replaceChildren(details);
}

// Four digits, thousands separated.
function number(value) {
  if (value === null || value === undefined || !isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(size >= 100 ? 4 : 3)));
}

function seconds(value) {
  if (value === null || value === undefined || !isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size > 0 && size < 1e-3) return number(value * 1e6) + ' µs';
  if (size > 0 && size < 1) return number(value * 1e3) + ' ms';
  return number(value) + ' s';
}

// Colours that the colour-blind tell apart (Okabe and Ito's, darkened or lightened to suit the
// ground), and a dash for each, so that nothing rests on colour alone.
const palettes = {
  light: ['#0072b2', '#d55e00', '#009e73', '#b0569a', '#a66f00', '#2a93c9', '#6b6b6b', '#8a3b00'],
  dark: ['#56b4e9', '#f08a3c', '#2fc79a', '#dd92bd', '#e6b422', '#9fd3f3', '#b3b3b3', '#f5c9a0'],
};
// Where the colours begin again, the dashes are shifted by one: no two runs are alike.
const dashes = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [12, 4], [1, 2], [6, 2, 2, 2]];
let printing = false;

function isDark() {
  if (printing) return false;
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function colour(index) {
  const palette = palettes[isDark() ? 'dark' : 'light'];
  return palette[index % palette.length];
}

function dash(index) {
  return dashes[(index + Math.floor(index / palettes.light.length)) % dashes.length];
}

function withAlpha(hex, alpha) {
  return hex + Math.round(alpha * 255).toString(16).padStart(2, '0');
}

// What time goes to has a colour of its own, in whichever chart it stands; by its name there.
const partColours = {
  recompute: 0, 'swap out': 1, 'swap in': 2, stall: 3,
  'projections and MLP': 5, attention: 4, elementwise: 7, 'output head': 3, communication: 2, host: 6,
  'copies out': 1, 'copies in': 0,
  queued: 6, preempted: 1, 'recomputed or copied': 2, 'its own work': 0,
};

function partColour(name) {
  return colour(partColours[name]);
}

function inks() {
  return isDark() ? { ink: '#e6eaee', faint: '#9aa6b1', line: '#37414b', panel: '#1d2329' }
    : { ink: '#1c2228', faint: '#5b6670', line: '#d5dbe1', panel: '#ffffff' };
}

// `update` gives the datasets (and whatever depends on toggles and theme) anew.
function drawChart(id, label, config, update) {
  const canvas = byId(id);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label);
  config.options = Object.assign({
    animation: false, responsive: true, maintainAspectRatio: false, normalized: true,
    layout: { autoPadding: false },
  }, config.options);
  const chart = new Chart(canvas, config);
  drawn.push({ chart, update });
  redraw(chart, update);
  return chart;
}

function redraw(chart, update) {
  const { ink, faint, line, panel } = inks();
  const options = chart.config.options; // chart.options is a view of it, made anew by every update
  Object.values(options.scales).forEach(scale => {
    scale.grid = Object.assign(scale.grid || {}, { color: line });
    scale.ticks = Object.assign(scale.ticks || {}, { color: faint });
    scale.title = Object.assign(scale.title || {}, { color: faint });
  });
  Object.assign(options.plugins.tooltip, {
    backgroundColor: panel, titleColor: ink, bodyColor: ink, borderColor: faint, borderWidth: 1,
  });
  options.plugins.legend.labels.color = ink;
  update(chart);
  chart.update('none');
}

function redrawAll() {
  drawn.forEach(({ chart, update }) => redraw(chart, update));
  document.querySelectorAll('.swatch').forEach(paintSwatch);
}

// Of every curve that is shown, the point nearest to the pointer's x.
Chart.Interaction.modes.nearestOfEach = function (chart, event, options, useFinal) {
  const position = Chart.helpers.getRelativePosition(event, chart);
  const found = [];
  chart.getSortedVisibleDatasetMetas().forEach(meta => {
    if (chart.data.datasets[meta.index].silent) return;
    let best = -1, distance = Infinity;
    meta.data.forEach((point, i) => {
      const away = Math.abs(point.getProps(['x'], useFinal).x - position.x);
      if (away < distance) [best, distance] = [i, away];
    });
    if (best >= 0 && distance < chart.width / 8)
      found.push({ element: meta.data[best], datasetIndex: meta.index, index: best });
  });
  return found;
};

// The run's line, dash by dash.
function paintSwatch(swatch) {
  const run = Number(swatch.dataset.run);
  let at = 0;
  const stripes = dash(run).map((length, i) => {
    const from = at;
    at += length;
    return (i % 2 === 0 ? colour(run) : 'transparent') + ' ' + from + 'px ' + at + 'px';
  });
  swatch.style.background = stripes.length ? 'repeating-linear-gradient(to right, ' + stripes.join(', ') + ')' : colour(run);
}

function swatchFor(run) {
  const swatch = element('span', undefined, 'swatch');
  swatch.dataset.run = run;
  paintSwatch(swatch);
  return swatch;
}

function setUpToggles(detailed) {
  if (detailed.length < 2) return;
  byId('toggles').hidden = false;
  detailed.forEach(run => {
    const label = element('label');
    const box = element('input');
    box.type = 'checkbox';
    box.checked = true;
    box.addEventListener('change', () => {
      shown[run] = box.checked;
      label.classList.toggle('off', !box.checked);
      redrawAll();
    });
    label.append(box, swatchFor(run), element('span', nameOf(run)));
    byId('toggles').append(label);
  });
}

// On paper a chart is drawn at the width that it gets there, so that its text keeps its size.
function fitPaper(chart) {
  const columns = chart.canvas.closest('.columns'), across = columns ? columns.children.length : 1;
  chart.config.options.devicePixelRatio = 2;
  chart.update('none');
  const lines = chart.config.type === 'bar' ? chart.data.labels.flat().length : 0;
  chart.resize(Math.floor(690 / across) - 24, across > 1 ? Math.max(200, 90 + 15 * lines) : Math.max(210, chart.height));
}

function fitScreen(chart) {
  delete chart.config.options.devicePixelRatio;
  chart.update('none');
  chart.resize();
}

// The theme: as the system's until the button chooses. A file opened from disk may have no storage.
function setUpTheme() {
  const themes = ['automatic', 'light', 'dark'];
  let at = 0;
  try {
    at = Math.max(0, themes.indexOf(localStorage.getItem('spillway-theme')));
  } catch (error) { /* the choice is not kept */ }
  const apply = () => {
    if (at === 0) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = themes[at];
    byId('theme').textContent = 'Theme: ' + themes[at];
    redrawAll();
  };
  byId('theme').addEventListener('click', () => {
    at = (at + 1) % themes.length;
    try {
      localStorage.setItem('spillway-theme', themes[at]);
    } catch (error) { /* as above */ }
    apply();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
  addEventListener('beforeprint', () => {
    printing = true;
    document.documentElement.dataset.theme = 'light';
    redrawAll();
    drawn.forEach(({ chart }) => fitPaper(chart));
  });
  addEventListener('afterprint', () => {
    printing = false;
    apply();
    drawn.forEach(({ chart }) => fitScreen(chart));
  });
  apply();
}

// The pages that have a skeleton only (plain.html): their title, and sections made as they are drawn.
function showTitle(title, lines) {
  byId('title').textContent = title;
  document.title = 'Spillway: ' + title;
  paragraphs('asked', lines);
  byId('made').textContent = 'Made by Spillway ' + report.version + '. Charts by Chart.js '
    + Chart.version + ' (MIT licence, its notice is within this file).';
}

function addSection(title, note) {
  const section = element('section');
  section.append(element('h2', title));
  if (note) section.append(element('p', note, 'note'));
  byId('main').append(section);
  return section;
}

function addFigure(section, id, caption) {
  const figure = element('figure'), box = element('div', undefined, 'chart'), canvas = element('canvas');
  canvas.id = id;
  box.append(canvas);
  figure.append(element('figcaption', caption), box);
  section.append(figure);
}

function addTable(section, head, rows) {
  const box = element('div', undefined, 'scroll');
  box.append(table(head, rows));
  section.append(box);
}

// Which ticks of a logarithmic axis have labels: 1, 2 and 5 of each power of ten; all where these
// are few.
function hasLabel(value, ticks) {
  const isRound = x => ['1', '2', '5'].includes(Number(x).toExponential().split('e')[0]);
  return isRound(value) || ticks.filter(tick => isRound(tick.value)).length < 3;
}

const pointShapes = ['circle', 'rect', 'triangle', 'rectRot', 'star', 'cross'];

// A scatter's dataset in the index-th colour and shape.
function scatterSet(label, index, points) {
  return {
    label, data: points, parsing: false, showLine: false, pointStyle: pointShapes[index % pointShapes.length],
    pointRadius: 4, pointHoverRadius: 6, borderWidth: 1.5, borderColor: colour(index), backgroundColor: withAlpha(colour(index), 0.35),
  };
}
