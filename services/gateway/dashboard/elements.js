/** Elements of the page, made in one expression. */

/** An element with attributes, properties of `dataset` under `data`, and children. */
export function make(tag, { data = {}, ...attributes } = {}, ...children) {
  return dress(document.createElement(tag), attributes, data, children);
}

/** The same for SVG. */
export function makeSvg(tag, { data = {}, ...attributes } = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, data, children);
}

function dress(element, attributes, data, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
  }
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}
