// In a form with [data-breeds] the breeds to choose from follow the species that was typed.
export function offerBreeds(root) {
  for (const form of root.querySelectorAll("form[data-breeds]")) {
    const species = form.elements.species;
    const list = root.getElementById("breeds");
    if (!species || !list) continue;
    const fill = async () => {
      const answer = await fetch(`${form.dataset.breeds}?species=${encodeURIComponent(species.value)}`);
      if (!answer.ok) return;
      list.replaceChildren(...(await answer.json()).map((name) => new Option(name, name)));
    };
    species.addEventListener("change", fill);
    if (species.value) fill();
  }
}
