// The document inside the page (sim/report/html_data.h), and its columns as typed arrays.

/** Reads `<script id="data">`; large documents are gzipped. */
export async function readDocument() {
  const node = document.getElementById('data');
  if (node.dataset.encoding !== 'gzip-base64') return JSON.parse(node.textContent);
  if (typeof DecompressionStream === 'undefined')
    throw new Error('this browser cannot unpack the report: it has no DecompressionStream');
  const bytes = Uint8Array.from(atob(node.textContent.trim()), (c) => c.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(unpacked).text());
}

export const ROLE = {encoder: 0, llm: 1, generator: 2};

/** One schedule: operations rank after rank, each rank's in order of time. */
export class Drawing {
  constructor(json) {
    Object.assign(this, json);  // name, base, ranks, chunks, microbatches, iteration, modules, rows, paints, first...
    const {gap, length} = json.ops, count = gap.length;
    this.start = new Float64Array(count);
    this.end = new Float64Array(count);
    for (let rank = 0; rank < this.ranks; ++rank)
      for (let i = this.first[rank], now = 0; i < this.first[rank + 1]; ++i) {
        this.start[i] = now + gap[i];
        now = this.end[i] = this.start[i] + length[i];
      }
    this.paint = Uint8Array.from(json.ops.paint);
    this.roleOfPaint = Uint8Array.from(json.paints, (paint) => paint.role);
    this.part = new Map(json.parts.op.map((op, k) => [op, [json.parts.part[k], json.parts.parts[k]]]));
    this.courses = new Map();
    this.peak = Array.from({length: this.ranks}, (_, rank) => this.#peakOf(rank));
    this.fullest = this.peak.reduce((best, peak, rank) => (peak.bytes > this.peak[best].bytes ? rank : best), 0);
  }

  get count() { return this.start.length; }
  get title() { return this.base ? `${this.name} over ${this.base}` : this.name; }

  /** First operation of the rank that ends after `time`, or the rank's end. */
  firstAfter(rank, time) {
    let low = this.first[rank], high = this.first[rank + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.end[middle] > time) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The operation that runs on the rank at `time`, or -1. */
  opAt(rank, time) {
    const op = this.firstAfter(rank, time);
    return op < this.first[rank + 1] && this.start[op] <= time ? op : -1;
  }

  /** "2F0", "encoder:B3[1/4]": as the schedule's other tools print it. */
  nameOf(op) {
    const {kind, module, chunk, microbatch} = this.ops;
    const part = this.part.get(op), cut = part ? `[${part[0]}/${part[1]}]` : '';
    const where = module[op] === 0 ? `chunk ${chunk[op]}: ` : `${this.modules[module[op]].name}: `;
    return where + kind[op] + microbatch[op] + cut;
  }

  /** Memory of a rank over time: {at, sums[kind]}; sums are cumulative from the bottom of the stack. */
  course(rank) {
    if (!this.courses.has(rank)) this.courses.set(rank, this.#unfold(rank));
    return this.courses.get(rank);
  }

  #unfold(rank) {
    const {first, at, change, still, kinds} = this.memory;
    const from = first[rank], count = first[rank + 1] - from;
    const times = new Float64Array(count);
    const sums = kinds.map(() => new Float64Array(count));
    const bytes = [...still[rank], ...change.map(() => 0)];
    for (let i = 0, now = 0; i < count; ++i) {
      times[i] = now += at[from + i];
      for (let k = 0; k < change.length; ++k) bytes[still[rank].length + k] += change[k][from + i];
      for (let k = 0, sum = 0; k < bytes.length; ++k) sums[k][i] = sum += bytes[k];
    }
    return {at: times, sums};
  }

  #peakOf(rank) {
    const {first, at, change, still} = this.memory;
    const base = still[rank].reduce((sum, bytes) => sum + bytes, 0);
    const peak = {at: 0, bytes: base};
    for (let i = first[rank], now = 0, held = base; i < first[rank + 1]; ++i) {
      now += at[i];
      for (const column of change) held += column[i];
      if (held > peak.bytes) peak.at = now, peak.bytes = held;
    }
    return peak;
  }
}
