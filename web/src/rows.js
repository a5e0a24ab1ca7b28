// Rows of operations as pixels: every pixel is the mean of what runs in it, weighted by time.
//
// A row is three bands, one above the other: an encoder fills the upper two, a generator the lower two, the LLM all of
// them, so that modules are told apart without colour. Whatever is narrower than a pixel is averaged into it, so the
// cost of a frame is one pass over the operations on show, and 100,000 of them look as they should.

export const BANDS = 3;
const SHOWN = [[0, 1], [0, 1, 2], [1, 2]];  // roles in each band: 0 encoder, 1 LLM, 2 generator
const ROLES = 3;

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
      this.sums = Array.from({length: ROLES}, () => new Float32Array(4 * width));
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    for (let rank = 0; rank < drawing.ranks; ++rank) {
      for (const sum of this.sums) sum.fill(0);
      const used = this.#add(rank, view, width), top = rank * BANDS * width;
      for (let band = 0; band < BANDS; ++band) {
        const at = top + band * width;
        // Rows of the LLM alone have three bands alike.
        if (band > 0 && !used[0] && !used[2]) pixels.copyWithin(at, top, top + width);
        else blend(SHOWN[band].filter((role) => used[role]).map((role) => this.sums[role]), lane, pixels, at, width);
      }
    }
    this.context.putImageData(this.image, 0, 0);
    return canvas;
  }

  /** Adds up each role's colours by pixel; says which roles there are. */
  #add(rank, view, width) {
    const {start, end, paint, first, roleOfPaint} = this.drawing;
    const scale = width / view.span, last = first[rank + 1], used = [false, false, false];
    for (let op = this.drawing.firstAfter(rank, view.from); op < last && start[op] < view.to; ++op) {
      const left = (start[op] - view.from) * scale, right = (end[op] - view.from) * scale;
      const seam = Math.min(1, 0.12 * (right - left));  // between neighbours, in the lane's colour
      const role = roleOfPaint[paint[op]];
      spread(this.sums[role], Math.max(0, left), Math.min(width, right - seam), this.colours[paint[op]]);
      used[role] = true;
    }
    return used;
  }
}

/** Adds a colour to the pixels of [from, to), in part to those it fills in part. */
function spread(sum, from, to, colour) {
  const red = colour[0], green = colour[1], blue = colour[2];
  for (let pixel = Math.floor(from), at = 4 * pixel; pixel < to; ++pixel, at += 4) {
    const share = Math.min(to, pixel + 1) - Math.max(from, pixel);
    sum[at] += share * red;
    sum[at + 1] += share * green;
    sum[at + 2] += share * blue;
    sum[at + 3] += share;
  }
}

/** What is not covered shows the lane. */
function blend(sums, lane, pixels, offset, width) {
  for (let pixel = 0, at = 0; pixel < width; ++pixel, at += 4) {
    let red = 0, green = 0, blue = 0, covered = 0;
    for (let k = 0; k < sums.length; ++k) {
      const sum = sums[k];
      red += sum[at], green += sum[at + 1], blue += sum[at + 2], covered += sum[at + 3];
    }
    const bare = Math.max(0, 1 - covered);
    red = Math.min(255, red + bare * lane[0]), green = Math.min(255, green + bare * lane[1]);
    blue = Math.min(255, blue + bare * lane[2]);
    pixels[offset + pixel] = (255 << 24) | (blue << 16) | (green << 8) | red;
  }
}
