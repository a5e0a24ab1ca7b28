// A strip over the timeline: the whole iteration, with the span on show as a window to drag.
import {el} from './dom.js';
import {RowPainter, rgb} from './rows.js';
import {colour} from './theme.js';
import {LEFT, RIGHT} from './timeline.js';

const HEIGHT = 26;

export class Overview {
  constructor(host, view) {
    Object.assign(this, {host, view});
    this.canvas = el('canvas', {style: `height:${HEIGHT}px`});
    host.replaceChildren(this.canvas);
    this.#listen();
  }

  show(drawing) {
    this.painter = new RowPainter(drawing);
    this.strip = null;
  }

  /** Draws the window; the strip itself is painted once a schedule, width and theme. */
  draw(ratio = devicePixelRatio || 1) {
    const {canvas, view} = this, width = canvas.clientWidth || 1200;
    const inner = width - LEFT - RIGHT, pixels = Math.max(1, Math.round(inner * ratio)), lane = colour('--lane');
    if (!this.strip || this.strip.width !== pixels || this.lane !== lane) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(HEIGHT * ratio);
      this.strip = this.painter.paint({from: 0, to: view.whole, span: view.whole}, pixels, rgb(lane));
      this.lane = lane;
    }
    const context = canvas.getContext('2d'), from = LEFT + (view.from / view.whole) * inner, to = LEFT + (view.to / view.whole) * inner;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, HEIGHT);
    context.drawImage(this.strip, LEFT, 4, inner, HEIGHT - 8);
    context.fillStyle = colour('--veil');
    context.fillRect(LEFT, 4, from - LEFT, HEIGHT - 8);
    context.fillRect(to, 4, LEFT + inner - to, HEIGHT - 8);
    context.strokeStyle = colour('--text');
    context.lineWidth = 1.5;
    context.strokeRect(from, 2.5, Math.max(2, to - from), HEIGHT - 5);
  }

  #listen() {
    const timeAt = (event) => ((event.offsetX - LEFT) / (this.canvas.clientWidth - LEFT - RIGHT)) * this.view.whole;
    let grip = null;
    this.canvas.addEventListener('pointerdown', (event) => {
      const {view} = this, at = timeAt(event);
      this.canvas.setPointerCapture(event.pointerId);
      grip = at >= view.from && at <= view.to ? at - view.from : view.span / 2;
      view.set(at - grip, at - grip + view.span);
    });
    this.canvas.addEventListener('pointermove', (event) => {
      if (grip !== null) this.view.set(timeAt(event) - grip, timeAt(event) - grip + this.view.span);
    });
    this.canvas.addEventListener('pointerup', () => { grip = null; });
  }
}
