// ---- where the reader goes

function go(axis, k) {
  k = Math.max(0, Math.min(steps[axis] - 1, Math.round(k)));
  if (k !== at[axis]) {
    at[axis] = k;
    show();
  }
}

// Says where it is at once, and draws when the axial slice is there.
async function show() {
  const {z} = at;
  for (const {canvas, caption, axes} of Object.values(views)) {
    const k = at[axes[2]];
    caption.value = `${k} / ${steps[axes[2]] - 1}`;
    canvas.setAttribute('aria-valuenow', k);
    canvas.setAttribute('aria-valuetext', caption.value);
  }
  by('slice').value = z;
  const areas = data.areas.map((area, i) => `${data.classes[i]} ${area[z].toFixed(0)} mm²`);
  views.axial.canvas.setAttribute('aria-valuetext', `Slice ${z}: ${areas.join(', ')}`);
  moveCursor();
  const hot = heat.slice !== z && data.heat[z] ? picture('png', data.heat[z]) : heat.image;
  const [image] = await Promise.all([hot, slice(z)]);
  if (z !== at.z) return;  // scrolled on meanwhile
  heat = {slice: z, image: data.heat[z] && image};
  redraw();
  views.axial.canvas.dataset.slice = z;
}

// Zoom by a factor; a point of a plane, as a share of its view, stays where it is.
function zoomBy(factor, {axes: [across, down]} = views.axial, [x, y] = [0.5, 0.5]) {
  const wanted = Math.max(1, Math.min(16, zoom * factor));
  const gain = 1 / zoom - 1 / wanted;
  zoom = wanted;
  move({[across]: (x - 0.5) * gain * size[across], [down]: (y - 0.5) * gain * size[down]});
}

// Move what is seen by mm, not beyond the rim of the scan.
function move(by_mm) {
  for (const [axis, mm] of Object.entries({x: 0, y: 0, z: 0, ...by_mm})) {
    const half = size[axis] / zoom / 2;
    centre[axis] = Math.max(half, Math.min(size[axis] - half, centre[axis] + mm));
  }
  by('zoom').textContent = `${Math.round(100 * zoom)} %`;
  for (const {canvas} of Object.values(views)) canvas.classList.toggle('zoomed', zoom > 1);
  redraw();
}

function setWindow(level, width) {
  by('level').value = Math.max(-1024, Math.min(3000, level));
  by('width').value = Math.max(1, Math.min(4000, width));
  useWindow();
}

function useWindow() {
  const inputs = [by('level'), by('width')];
  if (!inputs.every((input) => input.value && input.validity.valid)) return;  // half typed
  shades = shadesOf(...inputs.map((input) => input.valueAsNumber));
  const own = inputs.map((input) => input.value).join();
  const known = [...by('window').options].some((option) => option.value === own);
  by('window').value = known ? own : 'custom';
  redraw();
}

// ---- keys, on the plane that has the focus; of a page without any, on the axial one

const KEYS = {
  ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10,
  Home: -Infinity, End: Infinity,
};
const ZOOMS = {'+': 1.25, '=': 1.25, '-': 0.8, '0': 0};
const MOVES = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

addEventListener('keydown', (event) => {
  const {key} = event;
  const view = views[event.target.id] || (event.target === document.body && views.axial);
  if (!view || event.ctrlKey || event.altKey || event.metaKey) return;
  const [across, down, through] = view.axes;
  if (event.shiftKey && MOVES[key]) {
    const [x, y] = MOVES[key];
    move({[across]: x * size[across] / zoom / 10, [down]: y * size[down] / zoom / 10});
  } else if (KEYS[key]) {
    go(through, at[through] + KEYS[key]);
  } else if (key in ZOOMS) {
    zoomBy(ZOOMS[key]);
  } else return;
  event.preventDefault();
});

// ---- wheel and pointer

let turned = 0;  // a touchpad sends many small turns for one slice

function wheel(event, view) {
  event.preventDefault();
  const turn = event.deltaMode ? event.deltaY * 40 : event.deltaY;
  if (event.ctrlKey) {
    const box = view.canvas.getBoundingClientRect();
    const point = [(event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height];
    zoomBy(Math.exp(-Math.max(-120, Math.min(120, turn)) / 400), view, point);
    return;
  }
  turned += turn;
  const slices = Math.trunc(turned / 40), through = view.axes[2];
  if (slices) {
    turned = 0;
    go(through, at[through] + Math.sign(slices) * Math.min(3, Math.abs(slices)));
  }
}

let drag = null;

function press(event, view) {
  const means = event.button === 2 || event.ctrlKey ? 'window' : zoom > 1 ? 'move' : 'scroll';
  drag = {
    means, x: event.clientX, y: event.clientY, still: true, slice: at[view.axes[2]],
    level: by('level').valueAsNumber, width: by('width').valueAsNumber,
  };
  view.canvas.setPointerCapture(event.pointerId);
}

function dragged(event, {canvas, axes: [across, down, through]}) {
  if (!drag) return;
  const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
  if (drag.still && Math.hypot(x, y) < 4) return;  // a hand that clicks is not quite still
  drag.still = false;
  if (drag.means === 'window') {
    setWindow(drag.level + y, drag.width + 2 * x);
  } else if (drag.means === 'move') {
    const mm = size[across] / canvas.clientWidth / zoom;
    move({[across]: -x * mm, [down]: -y * mm});
    [drag.x, drag.y] = [event.clientX, event.clientY];
  } else {
    go(through, drag.slice + x / Math.max(3, canvas.clientWidth / steps[through]));
  }
}

function click(event, view) {
  const box = view.canvas.getBoundingClientRect(), to = scale(view);
  const pixel = view.canvas.width / box.width;
  const [across, down] = view.axes;
  at[across] = nearest(across, ((event.clientX - box.x) * pixel - to.left) / to.x);
  at[down] = nearest(down, ((event.clientY - box.y) * pixel - to.top) / to.y);
  show();
}

for (const view of Object.values(views)) {
  const {canvas} = view;
  canvas.setAttribute('aria-valuemin', 0);
  canvas.setAttribute('aria-valuemax', steps[view.axes[2]] - 1);
  canvas.addEventListener('wheel', (event) => wheel(event, view), {passive: false});
  canvas.addEventListener('pointerdown', (event) => press(event, view));
  canvas.addEventListener('pointermove', (event) => dragged(event, view));
  canvas.addEventListener('contextmenu', (event) => event.preventDefault());
  canvas.addEventListener('pointerup', (event) => {
    if (drag?.still && drag.means !== 'window') click(event, view);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(end, () => { drag = null; });
  }
  new ResizeObserver(() => {
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width && canvas.height) draw(view);
  }).observe(canvas);
}

// ---- controls

by('slice').max = count - 1;
by('slice').addEventListener('input', () => go('z', by('slice').valueAsNumber));
by('opacity').addEventListener('input', () => {
  by('percent').value = `${by('opacity').value} %`;
  redraw();
});
for (const id of ['outline', 'boxes', 'heatmap', 'cross']) by(id).addEventListener('change', redraw);
for (const id of ['level', 'width']) by(id).addEventListener('input', useWindow);
by('window').addEventListener('change', () => setWindow(...by('window').value.split(',').map(Number)));
by('in').addEventListener('click', () => zoomBy(1.25));
by('out').addEventListener('click', () => zoomBy(0.8));
by('reset').addEventListener('click', () => {
  zoomBy(0);
  by('window').selectedIndex = 0;
  by('window').dispatchEvent(new Event('change'));
});

for (const [name, [level, width]] of Object.entries(data.windows)) {
  by('window').append(element('option', {value: `${level},${width}`}, `${name} (${level} / ${width})`));
}
by('window').append(element('option', {value: 'custom', disabled: ''}, 'Other'));
setWindow(...Object.values(data.windows)[0]);
by('heatmap').disabled = !data.heat.some(Boolean);
by('percent').value = `${by('opacity').value} %`;

// ---- what was found, and what to think of it

function say(head, texts, kind = '') {
  const list = element('ul', {}, ...texts.map((text) => element('li', {}, text)));
  by('summary').append(element('div', {class: kind}, element('h2', {}, head), list));
}

document.title = by('title').textContent = data.title;
const {model, version, cautions = [], confidence, notes = []} = data.about;
by('model').textContent = [model, version && `lsnet_mm ${version}`].filter(Boolean).join(', ');
const volumes = element('dl');
data.classes.forEach((name, i) => {
  const swatch = element('span', {class: 'swatch', style: `background: ${data.colors[i]}`});
  volumes.append(element('dt', {}, swatch, name), element('dd', {}, `${data.volumes[i].toFixed(1)} ml`));
});
by('summary').append(element('div', {id: 'volumes'}, element('h2', {}, 'Volume'), volumes));
if (cautions.length) say('Caution', cautions, 'warning');
if (confidence) {
  const {flagged, reasons = [], calibration} = confidence;
  // What a flag is worth was measured on scans like those of the training.
  const calm = cautions.length ? 'Not flagged, but see the caution' : 'Not flagged';
  const head = flagged ? 'Flagged: check this study' : calm;
  say(head, [...reasons, calibration].filter(Boolean), flagged ? 'warning' : '');
}
if (notes.length) say('Notes', notes.map((note) => `The scan ${note}`));

// ---- start: this slice, then its neighbours, and so on outwards

async function loadAll() {
  const order = [...Array(count).keys()];
  order.sort((a, b) => Math.abs(a - data.start) - Math.abs(b - data.start));
  for (const [done, k] of order.entries()) {
    await slice(k);
    if (done % 16 === 0) {
      by('loading').textContent = `Unpacking, ${Math.round(100 * done / count)} %`;
      redraw();
    }
  }
  by('loading').textContent = '';
  redraw();
  document.body.dataset.loaded = count;
}

plot();
move({});
unpackLabels().then(show).then(loadAll).catch((error) => {
  by('loading').textContent = `This browser cannot unpack the pictures: ${error.message}`;
});
