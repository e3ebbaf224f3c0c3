/** How long a finger rests on a control before it is told what it does. */
const LONG_PRESS_MS = 500;
const SHOWN_MS = 6000;

/** A finger that rests on a control is told what the mouse learns by hovering; the control itself does nothing then. */
export function installExplaining(element: HTMLElement): void {
  const note = document.createElement("p");
  note.className = "explained";
  note.popover = "manual";
  note.setAttribute("role", "status");
  element.append(note);
  let waiting = 0;
  let hiding = 0;
  let told = false;
  const tell = ({ title }: HTMLElement): void => {
    told = true;
    note.textContent = title;
    note.showPopover();
    hiding = window.setTimeout(() => note.hidePopover(), SHOWN_MS);
  };
  const release = (): void => clearTimeout(waiting);
  element.addEventListener("pointerdown", ({ target, pointerType }) => {
    release();
    clearTimeout(hiding);
    note.hidePopover();
    told = false;
    const control = target instanceof Element ? target.closest<HTMLElement>("[title]") : null;
    if (control && pointerType !== "mouse") waiting = window.setTimeout(() => tell(control), LONG_PRESS_MS);
  });
  for (const ended of ["pointerup", "pointercancel"]) element.addEventListener(ended, release);
  const instead = (event: Event): void => {
    if (!told || (event.type === "click" && (event as MouseEvent).detail === 0)) return; // a key's click has no count
    event.preventDefault();
    event.stopPropagation();
  };
  for (const kind of ["click", "contextmenu"]) element.addEventListener(kind, instead, { capture: true });
}
