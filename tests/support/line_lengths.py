"""How many characters the longest line of each paragraph has, as a browser breaks them."""

# A function for the page: from a selector of paragraphs to a number for each that begins with text.
LINE_LENGTHS = """selector => {
  const longest = text => {
    const range = document.createRange();
    let [most, count, top] = [0, 0, null];
    for (let place = 0; place < text.length; place++) {
      range.setStart(text, place);
      range.setEnd(text, place + 1);
      const box = range.getBoundingClientRect();
      count = top !== null && Math.abs(box.top - top) < 3 ? count + 1 : 1;
      [most, top] = [Math.max(most, count), box.top];
    }
    return most;
  };
  const texts = [...document.querySelectorAll(selector)].map(node => node.firstChild);
  return texts.filter(node => node?.nodeType === Node.TEXT_NODE).map(longest);
}"""
