// One rank's memory over time, stacked by kind, on the timeline's span and margins.
//
// uPlot draws at most two points a pixel: within a pixel the moment of the highest sum stands for all of it, so that no
// peak is lost.
import uPlot from 'uplot';
import {byteUnit, bytes, tickLabel, ticks, time, timeUnit} from './format.js';
import {colour} from './theme.js';
import {LEFT, RIGHT} from './timeline.js';

const HEIGHT = 240;

/** Columns for uPlot: times, then the sums from the highest down, so that each is painted over by those below it. */
export function thinned(course, view, pixels) {
  const {at, sums} = course, total = sums[sums.length - 1];
  const columns = [[], ...sums.map(() => [])];
  const push = (when, i) => {
    columns[0].push(when);
    sums.forEach((sum, k) => columns[sums.length - k].push(sum[i]));
  };
  let i = 0, high = at.length;
  while (i < high) {
    const middle = (i + high) >> 1;
    if (at[middle] <= view.from) i = middle + 1;
    else high = middle;
  }
  i = Math.max(0, i - 1);
  push(view.from, i);
  const width = view.span / pixels;
  for (++i; i < at.length && at[i] < view.to;) {
    const column = Math.floor((at[i] - view.from) / width);
    let best = i, last = i;
    for (; i < at.length && at[i] < view.to && Math.floor((at[i] - view.from) / width) === column; last = i++)
      if (total[i] > total[best]) best = i;
    push(at[best], best);
    if (last !== best) push(Math.max(at[last], at[best] + width / 2), last);
  }
  push(view.to, Math.min(i, at.length) - 1);
  return columns;
}

/** Of a rank's course, the kinds that add anything; all of them where nothing does. */
function heldKinds({sums}) {
  const adds = sums.map((sum, k) => sum.some((bytes, i) => bytes > (k ? sums[k - 1][i] : 0)));
  const held = [...sums.keys()].filter((k) => adds[k]);
  return held.length ? held : [0];
}

export class MemoryChart {
  constructor(host, view) {
    Object.assign(this, {host, view});
  }

  /** `other`: the drawing compared with, or null; its total is drawn as a line. */
  show(drawing, rank, limit, other) {
    Object.assign(this, {drawing, rank, other});
    this.otherRank = other ? Math.min(rank, other.ranks - 1) : -1;
    const course = drawing.course(rank);
    this.kinds = heldKinds(course);
    this.course = {at: course.at, sums: this.kinds.map((k) => course.sums[k])};
    this.most = Math.max(drawing.peak[drawing.fullest].bytes, other ? other.peak[other.fullest].bytes : 0, 1);
    this.limit = limit && limit < 2 * this.most ? limit : null;
    this.chart?.destroy();
    this.chart = new uPlot(this.#options(), this.#data(), this.host);
  }

  draw() {
    if (!this.chart) return;
    if (this.chart.width !== this.#width()) this.chart.setSize({width: this.#width(), height: HEIGHT});
    this.chart.batch(() => {
      this.chart.setData(this.#data(), false);
      this.chart.setScale('x', {min: this.view.from, max: this.view.to});
    });
  }

  #width() { return this.host.clientWidth || 1200; }

  #data() {
    const pixels = Math.max(100, this.#width() - LEFT - RIGHT), view = this.view;
    const own = thinned(this.course, view, pixels);
    if (!this.other) return own;
    const {at, sums} = this.other.course(this.otherRank);
    const theirs = thinned({at, sums: [sums[sums.length - 1]]}, view, pixels);
    return uPlot.join([own, theirs]).map((column, k) => (k === 0 ? column : filled(column)));
  }

  #options() {
    const kinds = this.kinds.map((k) => this.drawing.memory.kinds[k]), stepped = uPlot.paths.stepped({align: 1});
    const series = kinds.map((_, k) => kinds[kinds.length - 1 - k]).map((kind) => ({
      fill: kind.colour, width: 0, paths: stepped, points: {show: false}}));
    if (this.other)
      series.push({stroke: () => colour('--mark'), width: 1.5, dash: [5, 3], paths: stepped, points: {show: false}});
    const top = 1.04 * Math.max(this.most, this.limit ?? 0);
    return {
      width: this.#width(), height: HEIGHT, padding: [22, RIGHT, 0, 0],
      legend: {show: false}, cursor: {show: false}, select: {show: false},
      scales: {x: {time: false, range: () => [this.view.from, this.view.to]}, y: {range: () => [0, top]}},
      series: [{}, ...series], axes: this.#axes(top), hooks: {draw: [(chart) => this.#marks(chart)]},
    };
  }

  #axes(top) {
    const font = () => `11px ${colour('--font')}`;
    const shared = {stroke: () => colour('--soft'), grid: {stroke: () => colour('--grid'), width: 1},
      ticks: {show: false}, font: font()};
    const unit = byteUnit(this.most), step = ticks(0, top, 5);
    return [
      {...shared, size: 24, gap: 4, splits: () => ticks(this.view.from, this.view.to, (this.#width() - LEFT - RIGHT) / 110).values,
        values: (_, values) => {
          const at = timeUnit(this.view.to), by = values.length > 1 ? values[1] - values[0] : 1;
          return values.map((value) => `${tickLabel(value, by, at)} ${at[1]}`);
        }},
      {...shared, size: LEFT, gap: 6, splits: () => step.values,
        values: (_, values) => values.map((value) => `${tickLabel(value, step.step, unit)} ${unit[1]}`)},
    ];
  }

  /** The limit, and a dot where the most is held. */
  #marks(chart) {
    const {ctx: context} = chart, ratio = uPlot.pxRatio, peak = this.drawing.peak[this.rank];
    const {left, top, width} = chart.bbox;
    context.save();
    context.font = `600 ${11 * ratio}px ${colour('--font')}`;
    context.fillStyle = context.strokeStyle = colour('--mark');
    context.lineWidth = 1.5 * ratio;
    if (this.limit) {
      const y = chart.valToPos(this.limit, 'y', true);
      line(context, [[left, y], [left + width, y]], [5 * ratio, 4 * ratio]);
      context.textAlign = 'left';
      context.fillText('limit', left + width + 6 * ratio, y - 2 * ratio);
      context.fillText(bytes(this.limit), left + width + 6 * ratio, y + 11 * ratio);
    }
    if (peak.at >= this.view.from && peak.at <= this.view.to) {
      const x = chart.valToPos(peak.at, 'x', true), y = chart.valToPos(peak.bytes, 'y', true);
      context.beginPath();
      context.arc(x, y, 4 * ratio, 0, 7);
      context.fill();
      const text = `peak ${bytes(peak.bytes)} at ${time(peak.at)}`, right = x > left + width / 2;
      context.textAlign = right ? 'right' : 'left';
      context.fillText(text, x + (right ? -8 : 8) * ratio, Math.max(top - 4 * ratio, y - 7 * ratio));
    }
    context.restore();
  }
}

/** A joined column without holes: each takes the value before it. */
function filled(column) {
  let last = column.find((value) => value !== undefined && value !== null) ?? 0;
  return Array.from(column, (value) => (value === undefined || value === null ? last : (last = value)));
}

function line(context, points, dash) {
  context.setLineDash(dash);
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
  context.setLineDash([]);
}
