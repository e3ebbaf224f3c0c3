import { _ } from "../../../static/js/words.js";
import type { Definition, Step } from "./definition";
import { evidence, isWhole, stepAt } from "./definition";
import { element } from "./overlay";

const TELL_MS = 6000;

/** What a person can do from the guide. */
export interface GuideActions {
  done(): void;
  back(): void;
  cancel(): void;
}

/** The panel that says which point comes next, with a small picture; and asks for words or millimetres. */
export class Guide {
  readonly element = document.createElement("section");
  /** Values and steps for screen readers. */
  readonly live = document.createElement("output");
  private timer = 0;

  constructor() {
    this.element.className = "guide";
    this.element.setAttribute("aria-label", _("How to measure"));
    this.element.hidden = true;
    this.live.className = "spoken";
    this.live.setAttribute("aria-live", "polite");
  }

  say(text: string): void {
    this.live.textContent = _(text);
  }

  /** Say it where everybody sees it, for a while. */
  tell(text: string): void {
    this.say(text);
    this.live.classList.add("seen");
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.live.classList.remove("seen"), TELL_MS);
  }

  hide(): void {
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /** The next of `count` points placed so far. */
  showStep(definition: Definition, count: number, actions: GuideActions): void {
    const step = stepAt(definition, count);
    const place = definition.repeat ? `${count + 1}` : _("{number} of {count}", { number: count + 1, count: definition.steps.length });
    const words = step ? `${place}. ${_(step.hint)}` : _(definition.hint);
    const buttons = [button(_("Back"), _("Take the last point back (Backspace)"), actions.back, count === 0), button(_("Cancel"), _("Stop (Escape)"), actions.cancel)];
    if (definition.repeat) buttons.unshift(button(_("Done"), _("End here (Enter twice on the same place)"), actions.done, !isWhole(definition, count)));
    const basis = Object.assign(paragraph(evidence(definition)), { className: "basis" });
    this.fill(definition, paragraph(words), smallPicture(definition, step), ...buttons, basis);
    this.say(`${_(definition.label)}. ${words}`);
  }

  /** Ask for what a drawing needs beside its points; empty when the person gives nothing. */
  ask(definition: Definition, now: string): Promise<string> {
    const millimetres = definition.asks === "millimetres";
    const input = document.createElement("input");
    input.value = now;
    input.maxLength = 200;
    if (millimetres) Object.assign(input, { type: "number", min: "0.1", max: "2000", step: "any", inputMode: "decimal" });
    const label = document.createElement("label");
    label.append(millimetres ? _("How long is it, in millimetres?") : _("Words"), input);
    return new Promise((answer) => {
      const form = document.createElement("form");
      const end = (text: string): void => {
        this.hide();
        answer(text);
      };
      form.addEventListener("submit", (event) => (event.preventDefault(), end(input.value.trim())));
      form.addEventListener("keydown", (event) => event.key === "Escape" && end(""));
      form.append(label, Object.assign(button(_("Done"), _("Take it (Enter)"), () => undefined), { type: "submit" }), button(_("Cancel"), _("Throw it away (Escape)"), () => end("")));
      this.fill(definition, form);
      input.focus();
    });
  }

  private fill(definition: Definition, ...content: Node[]): void {
    const title = document.createElement("h3");
    title.textContent = _(definition.label);
    const held = this.element.contains(document.activeElement) ? document.activeElement?.textContent : undefined;
    this.element.replaceChildren(title, ...content);
    this.element.hidden = false;
    const enabled = [...this.element.querySelectorAll<HTMLButtonElement>("button:enabled")];
    if (held !== undefined) (enabled.find(({ textContent }) => textContent === held) ?? enabled[0])?.focus();
  }
}

function smallPicture(definition: Definition, next: Step | undefined): SVGElement {
  const svg = element("svg", { viewBox: "0 0 200 120", class: "hint", role: "img", "aria-label": next ? _("Where: {hint}", { hint: _(next.hint) }) : _(definition.label) });
  svg.append(element("path", { class: "anatomy", d: definition.picture }));
  for (const step of [...definition.steps, ...(definition.repeat?.steps ?? [])]) {
    svg.append(element("circle", { class: step === next ? "next" : "other", cx: step.at[0], cy: step.at[1], r: step === next ? 8 : 4 }));
  }
  return svg;
}

function paragraph(text: string): HTMLParagraphElement {
  return Object.assign(document.createElement("p"), { textContent: text });
}

function button(text: string, title: string, act: () => void, disabled = false): HTMLButtonElement {
  const node = Object.assign(document.createElement("button"), { type: "button", textContent: text, title, disabled });
  node.addEventListener("click", act);
  return node;
}
