// The span of time on show, shared by every chart over time. Changes are handed out once a frame.

export class View {
  #listeners = [];
  #waiting = false;

  constructor(whole) { this.setWhole(whole); }

  /** Shows [0, whole] of a new schedule. */
  setWhole(whole) {
    this.whole = Math.max(1, whole);
    this.set(0, this.whole);
  }

  get span() { return this.to - this.from; }

  set(from, to) {
    const span = Math.min(this.whole, Math.max(to - from, Math.max(2, this.whole * 1e-6)));
    this.from = Math.max(0, Math.min(from, this.whole - span));
    this.to = this.from + span;
    this.changed();
  }
  move(by) { this.set(this.from + by, this.from + by + this.span); }
  /** `factor` below 1 zooms in; the time `at` keeps its place. */
  zoom(factor, at = (this.from + this.to) / 2) {
    const span = Math.min(this.whole, this.span * factor), share = (at - this.from) / this.span;
    this.set(at - share * span, at - share * span + span);
  }

  onChange(listener) { this.#listeners.push(listener); }

  changed() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      for (const listener of this.#listeners) listener(this);
    });
  }
}
