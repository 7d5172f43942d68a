// Speaks to people who cannot see the page: two live regions that are in the page from the start.
// Nothing else in the app writes to them.

let toggle = false;

function into(id: string, text: string) {
  const region = document.getElementById(id);
  if (!region) return;
  // The same sentence twice would be no change and so not be said.
  toggle = !toggle;
  region.textContent = toggle ? text : `${text}\u00a0`;
}

/** Said when the reader comes to a pause. */
export const say = (text: string) => into("say-politely", text);

/** Said at once. For what needs the person now. */
export const sayNow = (text: string) => into("say-now", text);
