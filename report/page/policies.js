// Which policy is best where: a map an engine and model, prompts and outputs across, memory pressure and link down.
const kindsOfPolicy = ['overflow', 'victim', 'admission'];
const view = { kind: '' };
const figureWords = { 'e2e_s.mean': 'mean latency', 'ttft_s.p99': 'p99 of the time to first token', 'tpot_s.mean': 'mean time per token',
  'output_tokens_per_s': 'output tokens a second' };
const figureName = figureWords[report.figure];

function choiceName(at) {
  const choice = report.choices[at];
  return at === 0 ? 'the engine’s own' : choice.kind + ' ' + choice.policy;
}

// "least-computed" of victims: vlc.
function codeOf(at) {
  const { kind, policy } = report.choices[at];
  return policy.split('-').length > 1 ? kind[0] + policy.split('-').map(word => word[0]).join('') : kind[0] + policy.slice(0, 2);
}

function counts([gain, half]) {
  return gain >= report.least_gain && (half === null || gain > half);
}

// The best that may be chosen at a point, as the program judges it; choice 0 where nothing gains.
function bestOf(point, kind) {
  let best = { choice: 0, gain: 0, half: null, counts: false };
  point.gains.forEach((of, choice) => {
    const { bound, kind: own } = report.choices[choice];
    if (of === null || choice === 0 || bound || (kind && own !== kind) || of[0] <= best.gain) return;
    best = { choice, gain: of[0], half: of[1], counts: counts(of) };
  });
  return best;
}

function gainText(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(100 * value);
  return (value < 0 ? '−' : '') + (size >= 9.95 ? size.toFixed(0) : size.toFixed(1));
}

function withInterval({ gain, half }) {
  return gainText(gain) + (half === null ? '' : ' ± ' + gainText(half)) + ' %';
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length ? (sorted[(sorted.length - 1) >> 1] + sorted[middle]) / 2 : null;
}

const onMap = report.points.filter(point => point.trace === null);
const run = onMap.filter(point => point.gains !== null);
const rated = onMap.length ? run : report.points.filter(point => point.gains !== null); // that the legend and colours are of
const modelNames = { 'yarn-llama-2-7b-64k': 'MHA', 'llama-3.1-8b': 'GQA', 'llama-3.1-8b:fp8': 'GQA, fp8 KV' };

function modelName(model) {
  return modelNames[model] ? modelNames[model] + ' (' + model + ')' : model;
}

// Colours go to the policies that are best most often, whatever may be chosen.
const ranked = (() => {
  const times = new Map();
  rated.forEach(point => ['', ...kindsOfPolicy].forEach(kind => {
    const best = bestOf(point, kind);
    if (best.counts) times.set(best.choice, (times.get(best.choice) || 0) + 1);
  }));
  return [...times].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([choice]) => choice);
})();

function groundOf(choice, gain) {
  const rank = ranked.indexOf(choice), palette = palettes.light;
  const strength = 0.18 + 0.5 * Math.min(1, Math.sqrt(gain / 0.1));
  return withAlpha(palette[Math.min(rank, palette.length - 1)], strength);
}

function placeText(point) {
  if (point.trace !== null) return [point.trace.replace(/^.*\//, ''), point.engine, point.model, 'pressure ' + point.pressure].join(', ');
  return point.engine + ', ' + point.model + ', pressure ' + point.pressure + ', link ' + point.link + 'x, '
    + point.prompt_tokens + ' tokens in, ' + point.output_tokens + ' out';
}

function paintCell(box, point) {
  box.replaceChildren();
  box.style.background = '';
  if (!point || point.gains === null) {
    box.textContent = point && point.refused ? '×' : '';
    box.title = point ? point.refused || 'not run yet' : '';
    return;
  }
  const best = bestOf(point, view.kind), evictions = point.own.preemptions;
  box.title = placeText(point) + '\n' + number(evictions) + ' evictions; ' + figureName + ' ' + number(point.own[report.figure])
    + '\nbest: ' + choiceName(best.choice) + (best.choice ? ', ' + withInterval(best) : '');
  if (!best.counts) {
    box.append(element('span', evictions > 0 ? '·' : '', 'note'));
    return;
  }
  box.style.background = groundOf(best.choice, best.gain);
  box.append(element('b', codeOf(best.choice)), element('span', gainText(best.gain)));
}

function headRow(top, values) {
  const row = top.insertRow();
  values.forEach(([text, span], i) => {
    const cell = element('th', text);
    cell.scope = 'col';
    cell.colSpan = span;
    if (i > 0 && span > 1) cell.className = 'group';
    row.append(cell);
  });
}

function addHeadings(row, texts) {
  texts.forEach(text => {
    const cell = element('th', text);
    cell.scope = 'row';
    row.append(cell);
  });
}

function mapTable(points) {
  const made = element('table'), across = report.output_tokens.length, top = made.createTHead();
  headRow(top, [['tokens in, out', 2], ...report.prompt_tokens.map(value => [number(value), across])]);
  headRow(top, [['pressure', 1], ['link', 1], ...report.prompt_tokens.flatMap(() => report.output_tokens.map(value => [number(value), 1]))]);
  const body = made.createTBody();
  report.pressures.forEach(pressure => report.links.forEach((link, i) => {
    const row = body.insertRow();
    if (i === 0) row.className = 'group';
    addHeadings(row, [i === 0 ? pressure + '×' : '', link + '×']);
    report.prompt_tokens.forEach(prompt => report.output_tokens.forEach((output, at) => {
      const box = row.insertCell();
      if (at === 0) box.className = 'group';
      paintCell(box, points.find(point => point.pressure === pressure && point.link === link
        && point.prompt_tokens === prompt && point.output_tokens === output));
    }));
  }));
  return made;
}

function framed(caption, made, className) {
  const figure = element('figure', undefined, className), box = element('div', undefined, 'scroll');
  box.append(made);
  figure.append(element('figcaption', caption), box);
  return figure;
}

// Engines and pressures across, traces and models down.
function traceTable() {
  const made = element('table'), across = report.pressures.length, top = made.createTHead(), body = made.createTBody();
  headRow(top, [['', 1], ['', 1], ...report.engines.map(engine => [engine, across])]);
  headRow(top, [['', 1], ['pressure', 1], ...report.engines.flatMap(() => report.pressures.map(pressure => [pressure + '×', 1]))]);
  report.traces.forEach(trace => report.models.forEach((model, i) => {
    const row = body.insertRow();
    if (i === 0) row.className = 'group';
    addHeadings(row, [i === 0 ? trace.replace(/^.*\//, '') : '', modelName(model)]);
    report.engines.forEach(engine => report.pressures.forEach((pressure, at) => {
      const box = row.insertCell();
      if (at === 0) box.className = 'group';
      paintCell(box, report.points.find(point => point.trace === trace && point.model === model && point.engine === engine && point.pressure === pressure));
    }));
  }));
  return made;
}

function showMaps() {
  if (onMap.length) byId('maps').replaceChildren(...report.engines.flatMap(engine => report.models.map(model =>
    framed(engine + ', ' + modelName(model), mapTable(onMap.filter(point => point.engine === engine && point.model === model)), 'map'))));
  if (report.traces.length) byId('traces').replaceChildren(framed('Traces as they are, one run each: no interval', traceTable(), 'map wide'));
}

function showLegend() {
  const times = new Map(), run = rated;
  run.forEach(point => {
    const best = bestOf(point, view.kind);
    const key = best.counts ? best.choice : 0;
    if (!times.has(key)) times.set(key, []);
    times.get(key).push(best.gain);
  });
  const rows = [...times].sort((a, b) => b[1].length - a[1].length);
  byId('legend').replaceChildren(...rows.map(([choice, gains]) => {
    const line = element('span', undefined, 'key'), mark = element('b', choice ? codeOf(choice) : '·');
    if (choice) mark.style.background = groundOf(choice, 0.05);
    line.append(mark, element('span', (choice ? choiceName(choice) : 'nothing gains') + ': ' + gains.length + ' of ' + run.length
      + (choice ? ', median gain ' + gainText(median(gains)) + ' %' : '')));
    return line;
  }));
}

function showAll() {
  showMaps();
  showLegend();
}

function kindChooser() {
  const box = element('label', 'May be chosen: '), select = element('select');
  [['', 'any one policy'], ...kindsOfPolicy.map(kind => [kind, kind + ' only'])].forEach(([value, name]) => {
    const option = element('option', name);
    option.value = value;
    select.append(option);
  });
  select.addEventListener('change', () => {
    view.kind = select.value;
    showAll();
  });
  select.id = 'kind';
  box.append(select);
  return box;
}

function axisRows(title, key, values, name) {
  return values.map((value, i) => {
    const points = run.filter(point => point[key] === value);
    const gains = kind => gainText(median(points.map(point => bestOf(point, kind).gain))) + ' %';
    return [(i === 0 ? title + ': ' : '') + (name ? name(value) : number(value)), String(points.length),
      String(points.filter(point => bestOf(point, '').counts).length), ...kindsOfPolicy.map(gains), gains('')];
  });
}

function showAxes() {
  const section = addSection('What a choice is worth',
    'The best gain there is in ' + figureName + ', the median of the points, if only this may be chosen.');
  addTable(section, ['', 'points', 'where any counts', ...kindsOfPolicy, 'any one'], [
    ...axisRows('engine', 'engine', report.engines, String), ...axisRows('model', 'model', report.models, modelName),
    ...axisRows('memory pressure', 'pressure', report.pressures), ...axisRows('tokens in', 'prompt_tokens', report.prompt_tokens),
    ...axisRows('tokens out', 'output_tokens', report.output_tokens), ...axisRows('link', 'link', report.links, value => value + 'x')]);
}

function showPolicies() {
  const section = addSection('Each policy in place of the engine’s',
    'Gains at all points, in percent. A bound knows or gets what no server can.');
  addTable(section, ['', 'points', 'best in', 'least', 'median', 'most'],
    report.choices.map((choice, at) => at).filter(at => at > 0).map(at => {
      const gains = run.map(point => point.gains[at]).filter(Boolean).map(([gain]) => gain);
      const best = run.filter(point => bestOf(point, '').choice === at && bestOf(point, '').counts).length;
      return [choiceName(at) + (report.choices[at].bound ? ' (a bound)' : ''), String(gains.length),
        report.choices[at].bound ? '–' : String(best), ...(gains.length ? [Math.min(...gains), median(gains), Math.max(...gains)] : [null, null, null])
          .map(gainText)];
    }));
}

function showTraces() {
  const rows = report.points.filter(point => point.trace !== null && point.gains !== null);
  if (!rows.length) return;
  const section = addSection('Traces', 'As they are, one run each, over the device’s own link: no interval.');
  const details = element('details'), box = element('div', undefined, 'scroll');
  const cell = best => (best.choice ? choiceName(best.choice) + ' ' + gainText(best.gain) + ' %' : '–');
  box.append(table(['trace', 'served', 'engine', 'model', 'pressure', 'evictions', figureName, 'best', ...kindsOfPolicy.map(kind => 'best ' + kind)],
    rows.map(point => [point.trace.replace(/^.*\//, ''), number(point.own.finished)
      + (point.own.finished < point.requests ? ' of ' + number(point.requests) : ''), point.engine, point.model, String(point.pressure),
      number(point.own.preemptions), number(point.own[report.figure]), cell(bestOf(point, '')), ...kindsOfPolicy.map(kind => cell(bestOf(point, kind)))])));
  details.append(element('summary', 'All ' + rows.length + ' rows'), box);
  section.append(details);
}

const best = run.map(point => ({ point, ...bestOf(point, '') })), gaining = best.filter(({ counts: does }) => does);
const most = gaining.reduce((a, b) => (a && a.gain >= b.gain ? a : b), null);
showTitle('Which policy is best where', run.length === 0 ? ['Traces on ' + report.device + ', by ' + figureName + '.'] : [
  'At ' + gaining.length + ' of ' + run.length + ' points on ' + report.device + ' another policy than the engine’s own is better in ' + figureName
    + ' by ' + gainText(report.least_gain) + ' % or more, beyond what seeds do; there the median gain is '
    + gainText(median(gaining.map(({ gain }) => gain))) + ' %.',
  most ? 'The most, ' + withInterval(most) + ': ' + choiceName(most.choice) + ' (' + placeText(most.point) + ').' : '',
  report.jobs_done < report.jobs ? 'Not whole: ' + report.jobs_done + ' of ' + report.jobs + ' jobs are done.' : '',
].filter(Boolean));
const section = addSection('The maps', 'A cell: the best policy, and its gain in percent over the engine’s own policies (recompute, newest victim, its own admission); '
  + 'the stronger the colour, the more. · nothing gains; empty: nobody is evicted; × cannot be run. Point at a cell for more. Down: what the traffic would hold '
  + 'at its peak with memory for all, by what the pool has, and the speed of the link to the host. ' + report.requests + ' requests a run, ' + report.seeds
  + (report.seeds === 1 ? ' seed' : ' seeds') + '. The best of many is chosen by the runs that it is measured by, so a small gain is rather too large; of some that tie, the first of the list below.');
const controls = element('div', undefined, 'controls'), legend = element('div', undefined, 'keys'), maps = element('div', undefined, 'maps'),
  traces = element('div');
legend.id = 'legend';
maps.id = 'maps';
traces.id = 'traces';
controls.append(kindChooser());
section.append(controls, legend, maps, traces);
showAll();
if (run.length) showAxes();
showTraces();
if (run.length) showPolicies();
setUpTheme();
