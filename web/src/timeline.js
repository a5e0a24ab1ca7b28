// The schedule over time: a row per rank on a canvas, with the axis above it.
import {el, hideTip, showTip} from './dom.js';
import {tickLabel, ticks, time, timeUnit} from './format.js';
import {BANDS, RowPainter, rgb} from './rows.js';
import {colour} from './theme.js';

export const LEFT = 64, RIGHT = 64;  // margins that all charts over time share
const AXIS = 22;
const BAND_SHARE = [0.22, 0.56, 0.22];

const rowHeight = (ranks) => [[8, 30], [16, 22], [32, 16], [64, 11], [128, 7]].find(([most]) => ranks <= most)?.[1] ?? 4;

export class Timeline {
  /** `choose(rank)` is called for a click on a row. `frames` counts what was drawn. */
  constructor(drawing, view, choose) {
    Object.assign(this, {drawing, view, choose, frames: 0, chosenRank: -1});
    this.row = rowHeight(drawing.ranks);
    this.gap = this.row >= 16 ? 3 : 1;
    this.height = AXIS + drawing.ranks * (this.row + this.gap);
    this.painter = new RowPainter(drawing);
    this.canvas = el('canvas', {class: 'timeline', tabindex: 0, role: 'img', style: `height:${this.height}px`,
      'aria-label': `Timeline of ${drawing.title}: ${drawing.ranks} ranks, ${drawing.count} operations`});
    this.context = this.canvas.getContext('2d');
    this.#listen();
  }

  get plotWidth() { return this.width - LEFT - RIGHT; }
  timeAt(x) { return this.view.from + ((x - LEFT) / this.plotWidth) * this.view.span; }
  rankAt(y) {
    const rank = Math.floor((y - AXIS) / (this.row + this.gap));
    return rank >= 0 && rank < this.drawing.ranks ? rank : -1;
  }

  draw(ratio = devicePixelRatio || 1) {
    const width = this.canvas.clientWidth || 1200;
    if (this.canvas.width !== Math.round(width * ratio) || this.ratio !== ratio) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(this.height * ratio);
    }
    this.width = width;
    this.ratio = ratio;
    const {context} = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, this.height);
    this.#axis();
    this.#rows();
    this.#margins();
    if (this.row >= 16) this.#numbers();
    this.#mark();
    ++this.frames;
  }

  #axis() {
    const {context, view} = this, unit = timeUnit(view.to);
    const {values, step} = ticks(view.from, view.to, this.plotWidth / 110);
    context.font = `11px ${colour('--font')}`;
    context.textAlign = 'center';
    context.textBaseline = 'alphabetic';
    for (const value of values) {
      const x = LEFT + ((value - view.from) / view.span) * this.plotWidth;
      context.fillStyle = colour('--grid');
      context.fillRect(x - 0.5, AXIS - 6, 1, this.height - AXIS + 6);
      context.fillStyle = colour('--soft');
      context.fillText(`${tickLabel(value, step, unit)} ${unit[1]}`, x, 11);
    }
  }

  #rows() {
    const {context, ratio} = this;
    const pixels = Math.max(1, Math.round(this.plotWidth * ratio));
    const strip = this.painter.paint(this.view, pixels, rgb(colour('--lane')));
    context.imageSmoothingEnabled = false;
    for (let rank = 0; rank < this.drawing.ranks; ++rank)
      for (let band = 0, y = this.#top(rank); band < BANDS; ++band) {
        const height = BAND_SHARE[band] * this.row;
        context.drawImage(strip, 0, rank * BANDS + band, pixels, 1, LEFT, y, this.plotWidth, height);
        y += height;
      }
  }

  #margins() {
    const {context, drawing} = this, every = Math.ceil(12 / (this.row + this.gap));
    context.font = `11px ${colour('--font')}`;
    context.textBaseline = 'middle';
    for (let rank = 0; rank < drawing.ranks; ++rank) {
      const chosen = rank === this.chosenRank, y = this.#top(rank) + this.row / 2;
      if (chosen) {
        context.fillStyle = colour('--mark');
        context.fillRect(LEFT - 5, this.#top(rank), 3, this.row);
      }
      if (rank % every && !chosen) continue;
      context.fillStyle = colour(chosen ? '--text' : '--soft');
      context.textAlign = 'right';
      context.fillText(`rank ${rank}`, LEFT - 9, y);
      const idle = 1 - drawing.rows[rank].busy / Math.max(1, drawing.iteration);
      context.fillText(`${(100 * idle).toFixed(1)} %`, this.width - 6, y);
    }
    context.fillStyle = colour('--soft');
    context.textAlign = 'right';
    context.fillText('idle', this.width - 6, 8);
  }

  /** Microbatches, where they fit. */
  #numbers() {
    const {context, drawing, view} = this, scale = this.plotWidth / view.span, {microbatch} = drawing.ops;
    context.font = `10px ${colour('--font')}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (let rank = 0; rank < drawing.ranks; ++rank) {
      const middle = this.#top(rank) + this.row / 2 + 0.5, last = drawing.first[rank + 1];
      for (let op = drawing.firstAfter(rank, view.from); op < last && drawing.start[op] < view.to; ++op) {
        const left = Math.max(0, (drawing.start[op] - view.from) * scale);
        const right = Math.min(this.plotWidth, (drawing.end[op] - view.from) * scale);
        const text = String(microbatch[op]);
        if (right - left < 6.2 * text.length + 4) continue;
        const paint = drawing.paints[drawing.paint[op]];
        context.fillStyle = paint.white ? '#fff' : '#14171b';
        context.fillText(text, LEFT + (left + right) / 2, middle + [-0.11, 0, 0.11][paint.role] * this.row);
      }
    }
  }

  /** A frame around the operation under the pointer. */
  #mark() {
    if (this.hover === undefined || this.hover < 0) return;
    const {context, drawing, view} = this, scale = this.plotWidth / view.span;
    const rank = drawing.first.findIndex((first) => first > this.hover) - 1;
    const left = LEFT + Math.max(0, (drawing.start[this.hover] - view.from) * scale);
    const right = LEFT + Math.min(this.plotWidth, (drawing.end[this.hover] - view.from) * scale);
    if (right <= left) return;
    context.strokeStyle = colour('--text');
    context.lineWidth = 1.5;
    context.strokeRect(left, this.#top(rank) - 0.5, Math.max(1, right - left), this.row + 1);
  }

  #top(rank) { return AXIS + rank * (this.row + this.gap); }

  #listen() {
    const {canvas, view} = this;
    let drag = null;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      drag = {x: event.clientX, from: view.from, moved: false};
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!drag) return this.#point(event);
      const by = ((drag.x - event.clientX) / this.plotWidth) * view.span;
      drag.moved = drag.moved || Math.abs(event.clientX - drag.x) > 3;
      if (drag.moved) hideTip(), canvas.classList.add('dragging'), view.set(drag.from + by, drag.from + by + view.span);
    });
    canvas.addEventListener('pointerup', (event) => {
      const rank = this.rankAt(event.offsetY);
      if (drag && !drag.moved && rank >= 0) this.choose(rank);
      drag = null;
      canvas.classList.remove('dragging');
    });
    canvas.addEventListener('pointerleave', () => { this.#hoverOver(-1); hideTip(); });
    canvas.addEventListener('dblclick', (event) => view.zoom(0.4, this.timeAt(event.offsetX)));
    canvas.addEventListener('wheel', (event) => this.#wheel(event), {passive: false});
  }

  #wheel(event) {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
    if (event.ctrlKey || event.metaKey) this.view.zoom(Math.exp(event.deltaY * 0.0025), this.timeAt(event.offsetX));
    else if (sideways) this.view.move((sideways / this.plotWidth) * this.view.span);
    else return;  // the page scrolls
    event.preventDefault();
  }

  #point(event) {
    const rank = this.rankAt(event.offsetY), {drawing} = this;
    const op = rank < 0 || event.offsetX < LEFT || event.offsetX > this.width - RIGHT
      ? -1 : drawing.opAt(rank, this.timeAt(event.offsetX));
    this.#hoverOver(op);
    if (op < 0) return hideTip();
    const kinds = {F: 'forward', B: 'backward', I: 'backward of inputs', W: 'backward of weights', R: 'recomputed forward'};
    showTip(event.clientX, event.clientY, [drawing.nameOf(op),
      `${drawing.modules[drawing.ops.module[op]].name} ${kinds[drawing.ops.kind[op]]}, microbatch ${drawing.ops.microbatch[op]}, rank ${rank}`,
      `${time(drawing.start[op])} to ${time(drawing.end[op])}, ${time(drawing.end[op] - drawing.start[op])} long`]);
  }

  #hoverOver(op) {
    if (op === this.hover) return;
    this.hover = op;
    this.view.changed();
  }
}
