/**
 * Put text on the clipboard; works on pages without TLS too, where browsers offer no clipboard API.
 *
 * A promised text must be given at once, from within the click: browsers forget the click while
 * they wait. Rejects with a sentence for the reader.
 */
export async function copyText(text: string | Promise<string>): Promise<void> {
  // An insecure page has no `navigator.clipboard`, whatever the types say.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  try {
    if (clipboard && typeof text === "string") await clipboard.writeText(text);
    else if (clipboard && typeof ClipboardItem !== "undefined") {
      await clipboard.write([new ClipboardItem({ "text/plain": Promise.resolve(text).then((content) => new Blob([content], { type: "text/plain" })) })]);
    } else copySelected(await text);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") {
      throw new Error("The browser did not allow copying. Select the text and copy it by hand.", { cause: error });
    }
    throw error;
  }
}

// The old way: what is selected in the page is copied.
function copySelected(text: string): void {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  const focused = document.activeElement;
  // A modal dialog makes everything outside of it unselectable.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  // Handed over by ourselves: a browser copies what the area shows, with an end of line of its own.
  area.addEventListener("copy", (event) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  });
  const isCopied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  if (!isCopied) throw new DOMException("execCommand", "NotAllowedError");
}
