// Rows of operations as pixels: every pixel is the mean of what runs in it, weighted by time.
//
// A row is three bands, one above the other: an encoder fills the upper two, a generator the lower two, the LLM all of
// them, so that modules are told apart without colour. Whatever is narrower than a pixel is averaged into it, so the
// cost of a frame is one pass over the operations on show, and 100,000 of them look as they should.

export const BANDS = 3;
const COVERS = [[1, 1, 0], [1, 1, 1], [0, 1, 1]];  // by role: encoder, LLM, generator

/** "#rrggbb" -> [r, g, b]. */
export const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

export class RowPainter {
  constructor(drawing) {
    this.drawing = drawing;
    this.colours = drawing.paints.map((paint) => rgb(paint.colour));
    this.canvas = document.createElement('canvas');
  }

  /** Paints all rows for `view` on `width` pixels, `lane` where nothing runs; BANDS lines of the canvas a row. */
  paint(view, width, lane) {
    const {drawing, canvas} = this;
    if (canvas.width !== width || canvas.height !== drawing.ranks * BANDS) {
      canvas.width = width;
      canvas.height = drawing.ranks * BANDS;
      this.context = canvas.getContext('2d');
      this.image = this.context.createImageData(width, canvas.height);
      this.sums = Array.from({length: BANDS}, () => new Float32Array(4 * width));
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    for (let rank = 0; rank < drawing.ranks; ++rank) {
      for (const sum of this.sums) sum.fill(0);
      this.#add(rank, view, width);
      for (let band = 0; band < BANDS; ++band)
        blend(this.sums[band], lane, pixels, (rank * BANDS + band) * width, width);
    }
    this.context.putImageData(this.image, 0, 0);
    return canvas;
  }

  #add(rank, view, width) {
    const {start, end, paint, first, roleOfPaint} = this.drawing;
    const scale = width / view.span, last = first[rank + 1];
    for (let op = this.drawing.firstAfter(rank, view.from); op < last && start[op] < view.to; ++op) {
      const left = (start[op] - view.from) * scale, right = (end[op] - view.from) * scale;
      const seam = Math.min(1, 0.12 * (right - left));  // between neighbours, in the lane's colour
      const covers = COVERS[roleOfPaint[paint[op]]], colour = this.colours[paint[op]];
      const from = Math.max(0, left), to = Math.min(width, right - seam);
      for (let band = 0; band < BANDS; ++band) if (covers[band]) spread(this.sums[band], from, to, colour);
    }
  }
}

/** Adds a colour to the pixels of [from, to), in part to those it fills in part. */
function spread(sum, from, to, [red, green, blue]) {
  for (let pixel = Math.floor(from); pixel < to; ++pixel) {
    const share = Math.min(to, pixel + 1) - Math.max(from, pixel);
    const at = 4 * pixel;
    sum[at] += share * red;
    sum[at + 1] += share * green;
    sum[at + 2] += share * blue;
    sum[at + 3] += share;
  }
}

/** What is not covered shows the lane. */
function blend(sum, lane, pixels, offset, width) {
  for (let pixel = 0; pixel < width; ++pixel) {
    const at = 4 * pixel, bare = Math.max(0, 1 - sum[at + 3]);
    const red = sum[at] + bare * lane[0], green = sum[at + 1] + bare * lane[1], blue = sum[at + 2] + bare * lane[2];
    pixels[offset + pixel] = (255 << 24) | (Math.min(255, blue) << 16) | (Math.min(255, green) << 8) | Math.min(255, red);
  }
}
