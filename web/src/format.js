// Times, sizes and shares as people read them, and round ticks for axes.

const TIME_UNITS = [[1e9, 's'], [1e6, 'ms'], [1e3, '\u00b5s'], [1, 'ns']];
const BYTE_UNITS = [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [1, 'B']];

const unitOf = (units, most) => units.find(([size]) => most >= size) ?? units[units.length - 1];
export const timeUnit = (most) => unitOf(TIME_UNITS, most);
export const byteUnit = (most) => unitOf(BYTE_UNITS, most);

function withUnit(value, [size, name], digits) {
  const scaled = value / size;
  return `${size === 1 ? Math.round(scaled) : scaled.toFixed(digits)} ${name}`;
}
export const time = (ns) => withUnit(ns, timeUnit(Math.abs(ns)), 3);
export const bytes = (count) => withUnit(count, byteUnit(Math.abs(count)), 2);
export const percent = (share) => `${(100 * share).toFixed(1)} %`;
export const signed = (text, value) => (value > 0 ? `+${text}` : text.replace('-', '\u2212'));
export const grouped = (count) => count.toLocaleString('en');

/** Multiples of 1, 2 or 5 times a power of ten within [low, high], about `wanted` of them. */
export function ticks(low, high, wanted) {
  if (!(high > low)) return {values: [], step: 1};
  const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + 1e-6 * step; ++i) values.push(i * step);
  return {values, step};
}

/** A tick's label in `unit`, with as many decimals as its step needs. */
export function tickLabel(value, step, [size]) {
  const decimals = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return (value / size).toFixed(Math.min(decimals, 9));
}
