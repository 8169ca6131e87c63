// What stands in the page itself: it unpacks the program and the data, and runs the program as the
// script that it was, beside the picture. It goes into one line, so comments have theirs at the left.
async (...packed) => {
  const here = document.currentScript;
  const inflate = text => {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  };
  const [textContent, data] = await Promise.all(packed.map(inflate));
  here.replaceWith(Object.assign(document.createElement("script"), { textContent, data }));
}
