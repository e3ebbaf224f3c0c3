import { _ } from "../../static/js/words.js";
import { isTable } from "./facts";
import type { Viewport } from "./viewport";

/** Words in the corners of a viewport: which picture, which frame, how it is shown. */
export function addCaptions(viewport: Viewport): void {
  const name = document.createElement("output");
  const state = document.createElement("output");
  name.className = "caption name";
  state.className = "caption state";
  viewport.element.append(name, state);
  const write = (): void => {
    const { picture } = viewport;
    name.textContent = picture ? [picture.prior ? _("Earlier") : "", picture.label, picture.date].filter(Boolean).join(" · ") : "";
    state.textContent = viewport.facts ? [frame(viewport), zoom(viewport), look(viewport)].filter(Boolean).join(" · ") : "";
  };
  for (const change of ["wanted", "shown", "placement", "appearance"]) viewport.addEventListener(change, write);
}

function frame({ picture, position }: Viewport): string {
  return picture && picture.stack.length > 1 ? _("{number} of {count}", { number: position + 1, count: picture.stack.length }) : "";
}

function zoom({ placement }: Viewport): string {
  const turned = placement.rotation ? ` · ${Math.round(placement.rotation)}°` : "";
  return `${Math.round(placement.zoom * (window.devicePixelRatio || 1) * 100)} %${turned}${placement.flipped ? ` · ${_("mirrored")}` : ""}`;
}

function look({ appearance: { voi, invert }, facts }: Viewport): string {
  const inverted = invert !== facts?.invert ? ` · ${_("inverted")}` : "";
  if (!voi) return inverted;
  if (isTable(voi)) return `${voi.label ?? _("curve")}${inverted}`;
  const number = (value: number): string => String(voi.width >= 20 ? Math.round(value) : Number(value.toPrecision(4)));
  return `${_("window {width} / {center}", { width: number(voi.width), center: number(voi.center) })}${inverted}`;
}
