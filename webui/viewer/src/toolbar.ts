import { _ } from "../../static/js/words.js";
import type { LightTable } from "./table";
import type { Command, Tool } from "./tool";

/** Where a button stands: without a group it has a key only; those of one menu stand behind one button. */
export interface ButtonPlace {
  readonly group?: "look" | "turn" | "measure" | "compare" | "keep";
  readonly menu?: string;
}

const GROUPS = ["look", "turn", "measure", "compare", "keep"] as const;
const SVG = "http://www.w3.org/2000/svg";

/** The row of buttons: groups in a fixed order, menus that open below their button. */
export class Toolbar {
  readonly element = document.createElement("div");
  private readonly groups = new Map<string, HTMLElement>();
  private readonly menus = new Map<string, HTMLElement>();
  private readonly entries: { button: HTMLButtonElement; isOn: () => boolean | undefined }[] = [];

  constructor(private readonly table: LightTable) {
    this.element.className = "toolbar";
    this.element.setAttribute("role", "toolbar");
    this.element.setAttribute("aria-label", _("Tools"));
    for (const name of GROUPS) {
      const group = document.createElement("div");
      group.className = "group";
      group.dataset["group"] = name;
      this.groups.set(name, group);
      this.element.append(group);
    }
    this.element.addEventListener("keydown", (event) => this.walk(event));
  }

  addTool(tool: Tool, place: ButtonPlace): void {
    const choose = (): void => {
      this.table.choose(tool.id);
      this.table.active.element.focus({ preventScroll: true }); // its keys work at once
    };
    this.add(tool, place, choose, () => this.table.tool === tool);
  }

  addCommand(command: Command, place: ButtonPlace): void {
    const { table } = this;
    this.add(command, place, () => table.run(command), () => command.isOn?.(table.active, table));
  }

  /** Show which are on, after anything changed. */
  refresh(): void {
    for (const { button, isOn } of this.entries) {
      const on = isOn();
      if (on !== undefined) button.setAttribute("aria-pressed", String(on));
    }
    for (const [, menu] of this.menus) {
      const chosen = menu.querySelector(`[data-id="${CSS.escape(this.table.tool?.id ?? "")}"]`) !== null;
      menu.previousElementSibling?.classList.toggle("on", chosen);
    }
  }

  private add(entry: Tool | Command, place: ButtonPlace, act: () => void, isOn: () => boolean | undefined): void {
    if (!place.group) return;
    const button = document.createElement("button");
    button.type = "button";
    button.dataset["id"] = entry.id;
    button.title = entry.key ? _("{hint} Key: {key}", { hint: _(entry.hint), key: entry.key.toUpperCase() }) : _(entry.hint);
    if (entry.icon) button.append(icon(entry.icon));
    const words = document.createElement("span");
    words.textContent = _(entry.label);
    button.append(words);
    button.addEventListener("click", () => {
      act();
      button.closest<HTMLElement>("[popover]")?.hidePopover();
    });
    this.home(place).append(button);
    this.entries.push({ button, isOn });
  }

  private home(place: ButtonPlace): HTMLElement {
    const group = this.groups.get(place.group as string) as HTMLElement;
    if (!place.menu) return group;
    const known = this.menus.get(place.menu);
    if (known) return known;
    const menu = document.createElement("div");
    menu.className = "menu";
    menu.id = `menu-${this.menus.size}`;
    menu.popover = "auto";
    const opener = document.createElement("button");
    opener.type = "button";
    opener.textContent = _(place.menu);
    opener.title = _("{menu}: opens a list", { menu: _(place.menu) });
    opener.setAttribute("popovertarget", menu.id);
    menu.addEventListener("toggle", () => {
      const box = opener.getBoundingClientRect();
      menu.style.left = `${Math.min(box.left, window.innerWidth - menu.offsetWidth - 8)}px`;
      menu.style.top = `${box.bottom + 4}px`;
    });
    group.append(opener, menu);
    this.menus.set(place.menu, menu);
    return menu;
  }

  /** Arrow keys walk along the buttons, as toolbars do. */
  private walk(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const buttons = [...this.element.querySelectorAll<HTMLButtonElement>("button")].filter((b) => b.getClientRects().length > 0);
    const now = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[(now + step + buttons.length) % buttons.length]?.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}

/** A 24 x 24 line drawing. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
