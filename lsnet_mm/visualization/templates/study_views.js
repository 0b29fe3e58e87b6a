// ---- three planes through one point, drawn in mm

const at = {x: data.at[0], y: data.at[1], z: data.start};  // where the planes meet
const middles = {x: size.x / 2, y: size.y / 2, z: size.z / 2};
let zoom = 1, centre = {...middles};  // of what is seen, in mm: of a size, a box in all planes
// Slices, rows and columns count towards the feet, the back and the left, as the letters say.
const views = {axial: ['x', 'y', 'z'], coronal: ['x', 'z', 'y'], sagittal: ['y', 'z', 'x']};
for (const [name, axes] of Object.entries(views)) {
  const canvas = by(name);
  const figure = by(`of_${name}`);
  views[name] = {name, axes, canvas, caption: figure.querySelector('output')};
  figure.style.setProperty('--ratio', size[axes[0]] / size[axes[1]]);
  figure.hidden = count === 1 && name !== 'axial';  // of one slice there is only a line to see
}

const opaque = (red, green, blue) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
const sheet = element('canvas'), rim = element('canvas');  // one picture and one outline at a time
let shades;
let heat = {slice: -1};  // the picture of the current slice, once it is there

// The shade of each of the 256 levels in a window.
function shadesOf(level, width) {
  return Uint32Array.from(data.hu, (hu) => {
    const share = (hu - level) / width + 0.5;
    const shade = Math.round(Math.max(0, Math.min(1, share)) * 255);
    return opaque(shade, shade, shade);
  });
}

function paint({values, columns, rows}, colors) {
  [sheet.width, sheet.height] = [columns, rows];
  const pixels = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) pixels[i] = colors[values[i]];
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), columns, rows);
  sheet.getContext('2d').putImageData(image, 0, 0);
  return sheet;
}

// From mm to pixels of a view: the factors, and where zero is.
function scale({canvas, axes: [across, down]}) {
  const x = canvas.width * zoom / size[across], y = canvas.height * zoom / size[down];
  return {
    x, y, left: canvas.width / 2 - centre[across] * x, top: canvas.height / 2 - centre[down] * y,
  };
}

function draw(view) {
  const {canvas, axes} = view, to = scale(view), context = canvas.getContext('2d');
  const line = Math.max(1, 1.6 * devicePixelRatio);
  const place = (part, dx = 0, dy = 0) =>
    [to.left + part.x * to.x + dx, to.top + part.y * to.y + dy, part.width * to.x, part.height * to.y];
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = true;
  const plane = cut(scan, axes, at);
  context.drawImage(paint(plane, shades), ...place(plane));
  const axial = view.name === 'axial';
  if (axial && by('heatmap').checked && heat.slice === at.z && heat.image) {
    context.drawImage(heat.image, ...place(plane));
  }
  context.imageSmoothingEnabled = false;
  const marked = labels && cut(labels, axes, at);
  for (const label of marked ? new Set(marked.values) : []) {
    if (!label) continue;
    const colors = new Uint32Array(256);
    colors[label] = opaque(...rgb(data.colors[label - 1]));
    paint(marked, colors);
    context.globalAlpha = by('opacity').value / 100;
    context.drawImage(sheet, ...place(marked));
    context.globalAlpha = 1;
    if (by('outline').checked) {
      context.drawImage(outline(canvas, (dx, dy) => place(marked, dx, dy), line), 0, 0);
    }
  }
  if (axial && by('boxes').checked) drawBoxes(context, to, line);
  if (by('cross').checked) drawCross(view, context, to);
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// The mask moved about by the width of a line, less the mask: a rim of that width around it.
function outline(canvas, place, line) {
  [rim.width, rim.height] = [canvas.width, canvas.height];  // clears it, too
  const context = rim.getContext('2d');
  context.imageSmoothingEnabled = false;
  for (let k = 0; k < 8; k++) {
    const angle = k * Math.PI / 4;
    context.drawImage(sheet, ...place(line * Math.cos(angle), line * Math.sin(angle)));
  }
  context.globalCompositeOperation = 'destination-out';
  context.drawImage(sheet, ...place(0, 0));
  return rim;
}

function drawBoxes(context, to, line) {
  const [y, x] = [data.spacing[0] * to.y, data.spacing[1] * to.x];
  context.lineWidth = line;
  context.setLineDash([4 * line, 2 * line]);
  context.strokeStyle = data.box_color;
  for (const [x1, y1, x2, y2] of data.boxes[at.z]) {
    context.strokeRect(to.left + x1 * x, to.top + y1 * y, (x2 - x1) * x, (y2 - y1) * y);
  }
}

function drawCross({canvas, axes: [across, down]}, context, to) {
  const x = Math.round(to.left + middle(across, at[across]) * to.x) + 0.5;
  const y = Math.round(to.top + middle(down, at[down]) * to.y) + 0.5;
  const gap = 14 * devicePixelRatio;  // what it points at stays free
  context.setLineDash([]);
  context.lineWidth = devicePixelRatio;
  context.strokeStyle = 'rgb(120 220 255 / .65)';
  context.beginPath();
  for (const way of [-1, 1]) {
    context.moveTo(x + way * gap, y);
    context.lineTo(x + way * 2 * canvas.width, y);
    context.moveTo(x, y + way * gap);
    context.lineTo(x, y + way * 2 * canvas.height);
  }
  context.stroke();
}

function redraw() {
  for (const view of Object.values(views)) if (view.canvas.width && view.canvas.height) draw(view);
}
