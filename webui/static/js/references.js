// A reference in a report shows its picture on the light table.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-shows]");
  if (!link) return;
  event.preventDefault();
  const picture = document.querySelector(`[data-picture="${CSS.escape(link.dataset.shows)}"]`);
  picture?.click();
  document.querySelector("[data-light-table]")?.scrollIntoView({ block: "start" });
});
