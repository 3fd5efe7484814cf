// The page as a whole.
function alike(lists) {
  return lists.every(list => JSON.stringify(list) === JSON.stringify(lists[0]));
}

// Lines that differ in numbers only, as one with their ranges: "476 to 1,430 GPU blocks". '' of others.
function withRanges(lines) {
  const found = /(?<!\S)\d[\d,.]*(?=[\s,]|$)/g;
  const all = lines.map(line => line.match(found) || []);
  if (!alike(lines.map(line => line.replace(found, '#')))) return '';
  let at = -1;
  return lines[0].replace(found, text => {
    at++;
    const sorted = all.map(list => list[at]).sort((a, b) => a.replace(/,/g, '') - b.replace(/,/g, ''));
    return sorted[0] === sorted[sorted.length - 1] ? text : sorted[0] + ' to ' + sorted[sorted.length - 1];
  });
}

function showHead() {
  const first = report.runs[0];
  const one = alike(report.runs.map(run => run.asked[0].replace(/, overflow [^,]*/, '')));
  const title = report.runs.length === 1 ? first.asked[0]
    : one ? first.asked[0].replace(/, overflow [^,]*/, '') : report.runs.length + ' runs';
  byId('title').textContent = title;
  document.title = 'Spillway: ' + title;
  const lines = [];
  for (let i = 1; i < first.asked.length; i++) {
    if (alike(report.runs.map(run => run.asked[i]))) lines.push(first.asked[i]);
    else if (report.runs.length <= 4) lines.push(...report.runs.map(run => run.label + ': ' + run.asked[i]));
    else lines.push(withRanges(report.runs.map(run => run.asked[i])));
  }
  if (report.differ.length) lines.push(report.runs.length + ' runs, which differ in ' + report.differ.join(', ') + '.');
  paragraphs('asked', lines.filter(Boolean));
  byId('origin').textContent = alike(report.runs.map(run => run.origin)) ? first.origin.join(' ')
    : report.runs.slice(0, 8).map(run => run.label + ': ' + run.origin.join(' ')).join(' ');
  byId('made').textContent = 'Made by Spillway ' + report.version + '. Charts by Chart.js '
    + Chart.version + ' (MIT licence, its notice is within this file).';
}

// Figures down and runs across, the change from the first in a column beside each of a few, else
// behind the pointer; of many runs, turned round.
function showFigures() {
  const few = report.runs.length <= 6, across = report.runs.length <= 12;
  const best = (cell, made) => {
    if (!cell.best) return;
    made.className = 'best';
    made.textContent += ' ★';
    made.title = 'best of its ' + (across ? 'row' : 'column');
  };
  let made;
  byId('figures').classList.toggle('many', !few);
  if (few) {
    const head = report.runs.flatMap((run, i) => i === 0 ? [run.label] : [run.label, 'change']);
    made = table(['', ...head], report.figures.map(row =>
      [row.label, ...row.cells.flatMap((cell, i) => i === 0 ? [cell.text] : [cell.text, cell.change])]));
    report.figures.forEach((row, r) => row.cells.forEach((cell, i) => {
      const cells = made.tBodies[0].rows[r].cells;
      best(cell, cells[i === 0 ? 1 : 2 * i]);
      if (i > 0) cells[2 * i + 1].className = 'change';
    }));
  } else if (across) {
    made = table(['', ...report.runs.map(run => run.label)],
      report.figures.map(row => [row.label, ...row.cells.map(cell => cell.text)]));
    report.figures.forEach((row, r) => row.cells.forEach((cell, i) => {
      const found = made.tBodies[0].rows[r].cells[i + 1];
      best(cell, found);
      if (cell.change) found.title = (cell.best ? found.title + ', ' : '') + cell.change + ' from ' + report.runs[0].label;
    }));
  } else {
    made = table(['', ...report.figures.map(row => row.label)],
      report.runs.map((run, i) => [run.label, ...report.figures.map(row => row.cells[i].text)]));
    report.figures.forEach((row, r) => row.cells.forEach((cell, i) =>
      best(cell, made.tBodies[0].rows[i].cells[r + 1])));
  }
  if (!across) {
    const details = element('details');
    details.append(element('summary', 'All ' + report.runs.length + ' runs, ★ best of its column'), made);
    made = details;
  }
  byId('figures').append(made);
  byId('figures-note').textContent = report.runs.length === 1 || !across ? ''
    : '★ best of its row; ' + (few ? 'change: from ' : 'point at a figure for its change from ') + report.runs[0].label;
}

function showSettings() {
  const made = table(['setting', ...report.runs.map(run => run.label)],
    report.settings.map(row => [row.key, ...row.values]));
  made.querySelectorAll('td').forEach(cell => cell.classList.add('text'));
  byId('settings').append(made);
}

// Where the engine dropped every request there is no time to take apart, and the words above say why.
const anyCost = ['overheads', 'components'].some(kind =>
  report[kind].some((name, i) => detailed.some(run => report.runs[run][kind === 'overheads' ? 'overhead' : 'components'][i] > 0)));

showHead();
byId('comparison').querySelector('h2').textContent = report.runs.length > 1 ? 'Comparison' : 'Figures';
byId('costs').hidden = !anyCost;
paragraphs('words', report.words);
showFigures();
showSettings();
setUpToggles(detailed);
setUpStudy();
// A sweep keeps figures alone, unless it was asked for more.
byId('course').hidden = !detailed.some(run => report.runs[run].course.kv.length);
if (!byId('course').hidden) {
  drawCourse();
  setUpZoom();
}
byId('latency').hidden = !detailed.some(run => report.runs[run].latency.e2e.length);
if (!byId('latency').hidden) {
  drawLatency('ttft', 'Share of requests by time to first token, a curve a run');
  drawLatency('tpot', 'Share of requests by time per output token, a curve a run');
  drawLatency('e2e', 'Share of requests by time from arrival to finish, a curve a run');
}
drawBars('chart-overhead', 'Overhead by kind, a bar a run', report.overheads, 'overhead');
drawBars('chart-components', 'The device\'s time by component, a bar a run', report.components, 'components');
drawVictims();
if (detailed.length < report.runs.length) {
  const same = report.runs[0].label.split(', ').filter(part => !nameOf(0).split(', ').includes(part));
  const note = 'Of ' + report.runs.length + ' runs the first ' + detailed.length
    + (same.length ? ' (' + same.join(', ') + ')' : '')
    + ' are shown below one by one; spillway report --runs picks others.';
  byId(byId('course').hidden ? 'costs' : 'course').querySelector('h2').after(element('p', note, 'note'));
}
setUpTheme();
