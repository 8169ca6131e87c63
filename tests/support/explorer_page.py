"""The notebook with explorers that the browser test opens, and what it asks the page."""

PROGRAM = """import torch
import mtia_lab
mtia_lab.load()
x = torch.arange(4.0).to("mtia")
with mtia_lab.record(values=True) as log:
    y = x + x
    s = torch.Stream("mtia")
    s.wait_stream(torch.mtia.current_stream())
    with s:
        mtia_lab.launch("slow", us=50)
        z = y * 3
    s.synchronize()
with mtia_lab.record() as many:
    for k in range(1000):
        mtia_lab.launch(us=k % 5)"""
TURN = """def race(long, streams):
    lanes = [torch.Stream("mtia") for _ in range(streams)]
    with mtia_lab.record() as log:
        for name, us in (("long", long), ("short", 5)):
            with lanes[name == "short" and streams == 2]:
                mtia_lab.launch(name, us=us)
    torch.mtia.synchronize()
    return mtia_lab.draw.timeline(log, title=f"{long} us on {streams}")
mtia_lab.knobs(race, long=[10, 30, 60], streams=[1, 2])"""
ROOT, MANY = (f":nth-match(.mtia-explorer:visible, {k})" for k in (1, 2))  # in the open notebook
SLIDER = f"{ROOT} input[type=range]"
PRINT = """import base64, pickle
whole = mtia_lab.Log(list(log), log.initial_state, log.initial_memory)
print(base64.b64encode(pickle.dumps(whole)).decode())"""
CELLS = "window.opened.content.widgets.map(cell => cell.model.id)"
TABLES = """root => Object.fromEntries([...root.querySelectorAll('table')].map(table => {
  const texts = row => [...row.cells].map(cell => cell.innerText.replace(/\\s+/g, ' ').trim());
  return [table.caption.innerText, [...table.tBodies[0].rows].map(texts)];
}))"""
# The contrast of each text that stands in the explorer, as the browser has computed its colors.
CONTRASTS = """root => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const over = (color, under) => {
    canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ground = node => node === null ? [255, 255, 255]
    : over(getComputedStyle(node).backgroundColor, ground(node.parentElement));
  const light = rgb => rgb.map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const found = {};
  for (const node of root.querySelectorAll('*')) {
    const text = [...node.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim())
      .join('');
    if (!text || !node.checkVisibility()) continue;
    const under = ground(node);
    const [a, b] = [light(under), light(over(getComputedStyle(node).color, under))];
    found[text] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return found;
}"""
