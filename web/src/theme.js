// Light, dark, or as the system says. Canvases read the style sheet's colours through here.

const ORDER = ['auto', 'light', 'dark'];
let cache = new Map();

/** The value of a custom property of the style sheet. */
export function colour(name) {
  if (!cache.has(name)) cache.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return cache.get(name);
}

export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  cache = new Map();
}

/** Cycles the theme; returns the one now in force. */
export function nextTheme() {
  const now = document.documentElement.dataset.theme ?? 'auto';
  setTheme(ORDER[(ORDER.indexOf(now) + 1) % ORDER.length]);
  return document.documentElement.dataset.theme;
}

/** `redraw` is called when colours change by themselves, and around printing, which is always light. */
export function followTheme(redraw) {
  const again = () => { cache = new Map(); redraw(); };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
  let before = 'auto';
  addEventListener('beforeprint', () => {
    before = document.documentElement.dataset.theme ?? 'auto';
    setTheme('light');
    redraw();
  });
  addEventListener('afterprint', () => { setTheme(before); redraw(); });
}
