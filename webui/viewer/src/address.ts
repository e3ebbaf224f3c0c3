/** A page of this archive by its path; a reader service has the pages of each clinic below an address of their own. */
export function addressOf(path: string): string {
  return `${document.documentElement.dataset["root"] ?? ""}${path}`;
}
