// The light table: every element with [data-image] becomes a picture that can be looked at in full depth.
import { Picture } from "./picture";
import { Renderer } from "./renderer";

declare global {
  interface HTMLElement {
    picture?: Picture;
  }
}

function start(): void {
  const elements = [...document.querySelectorAll<HTMLElement>("[data-image]")];
  if (elements.length === 0) return;
  let renderer: Renderer;
  try {
    renderer = new Renderer();
  } catch (error) {
    for (const element of elements) showPreviewOnly(element, (error as Error).message);
    return;
  }
  for (const element of elements) element.picture = new Picture(element, renderer);
}

function showPreviewOnly(element: HTMLElement, why: string): void {
  const image = document.createElement("img");
  image.src = element.dataset["preview"] ?? "";
  image.alt = element.dataset["label"] ?? "Picture";
  const note = document.createElement("p");
  note.setAttribute("role", "alert");
  note.textContent = why;
  element.replaceChildren(image, note);
}

start();
