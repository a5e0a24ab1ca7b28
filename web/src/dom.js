// Elements in one call. Text is always set as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
export const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);

/** A legend's entry: swatches, then words. */
export const key = (colours, label) =>
  el('span', {class: 'key'}, ...colours.map((colour) => el('i', {style: `background:${colour}`})), label);

/** The one floating note. `lines`: the first is its heading. */
export function showTip(x, y, lines) {
  const tip = byId('tip');
  tip.replaceChildren(el('b', {}, lines[0]), ...lines.slice(1).map((line) => el('div', {}, line)));
  tip.hidden = false;
  const {offsetWidth: width, offsetHeight: height} = tip;
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(4, y - height - 12) : y + 18}px`;
}
export const hideTip = () => { byId('tip').hidden = true; };
